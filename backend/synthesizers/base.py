"""The synthesizer protocol: what an utterance, a voice and a speech are. Engines import this; this imports no engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from backend.engine import Engine
from backend.errors import SpeechFailed

PAUSE = "…"
"""The one mark for a pause inside an utterance's text; the engine renders it as a breath of about 0.3 s."""


class Style(StrEnum):
    """How a line is said, where the voice offers it; an engine without styles speaks NEUTRAL."""

    NEUTRAL = "neutral"
    SHOUT = "shout"
    WHISPER = "whisper"
    SAD = "sad"


class ReferenceClip(BaseModel):
    """A recording a voice is cloned from, stored as an object under its content hash."""

    model_config = ConfigDict(frozen=True)

    key: str
    """Key in the object store: mono FLAC, 3 to 10 s."""
    transcript: str
    lang: str


class Voice(BaseModel):
    """Who speaks. Built-in voices have no references: the engine knows them by id."""

    model_config = ConfigDict(frozen=True)

    id: str
    """For example "sovits:narrator-v1"."""
    revision: str = "1"
    """Changes whenever the voice may sound different; part of every cached utterance's key."""
    references: dict[Style, ReferenceClip] = Field(default_factory=dict)
    pitch_hz: float | None = None
    """Median pitch of the reference, for engines that cannot clone and choose the nearest voice they have."""
    brightness_hz: float | None = None
    """Spectral centroid of the reference; for the same choice."""
    checkpoint: str | None = None
    """Directory of a few-shot checkpoint that our own trainer wrote; None for zero-shot and built-in voices."""


class Pronunciation(BaseModel):
    """How one word of an utterance is said. An engine that takes phonemes uses them; another says the reading instead of the word."""

    model_config = ConfigDict(frozen=True)

    word: str
    """As it stands in the text, apart from case."""
    phonemes: str
    """As `backend.language.english_phonemes` writes them."""
    reading: str | None = None
    """A respelling; None: engines without phonemes say the word as they would."""


class Utterance(BaseModel):
    """One line to be spoken in one breath group: cleaned text (see `backend.language`), one language, one voice."""

    model_config = ConfigDict(frozen=True)

    text: str
    lang: str
    """"ja" or "en"."""
    voice: Voice
    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    style: Style = Style.NEUTRAL
    pronunciations: tuple[Pronunciation, ...] = ()
    """Of words in the text; English only, since kana already say how Japanese sounds."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Sound of one utterance: mono float32 in -1..1, shape [samples], at the engine's rate; not normalised, not padded."""

    samples: NDArray[np.float32]
    sample_rate: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate


class Synthesizer(Engine, Protocol):
    """Turns utterances into sound."""

    @property
    def sample_rate(self) -> int:
        """Hz, the same for every Speech of this engine."""
        ...

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
        """Speaks lines, all in one batch if the engine can; utterances of earlier calls come first.

        Returns one result a line, in order. A line is spoken right or is a SpeechFailed with a reason: never silence, never cut short.

        Raises:
            Unavailable: the engine as a whole is out of reach; the caller may try again.
        """
        ...
