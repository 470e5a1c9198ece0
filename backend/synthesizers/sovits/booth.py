"""The speaking booth: a call's lines as batches for the engine, every take checked, the bad ones spoken again.

    lines --cut--> pieces --by checkpoint and speed--> one batched call each
                                                          | fails: halves, until the piece that breaks it is alone
                                                          v
                              checks: good --> done       bad --> once more in a batch, other seed
                                                          bad --> alone (with repetition penalty), other seeds
                                                          bad --> the line is SpeechFailed with the last reason

Blocking, for one thread. Equal calls give equal sound: every seed comes from what is said and by whom.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from backend.acoustics import Samples
from backend.errors import ConfigurationError, SpeechFailed
from backend.synthesizers.base import Speech
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.conditioning import ClipBytes, Conditioning, Reference
from backend.synthesizers.sovits.gate import CHECKS, Check, Take, judge, trimmed
from backend.synthesizers.sovits.pieces import Piece, cut

SAMPLE_RATE: Final = 32_000
MOST_PIECES: Final = 48
"""In one batched call; more wait for the next."""
BATCHED_TRIES: Final = 2
SINGLE_TRIES: Final = 3
MOST_CHECKPOINTS: Final = 4
"""Few-shot checkpoints in memory; on a GPU about 1.6 GB each, three quarters of it keys and values for `gsv.CUDA_GRAPHS`."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Models:
    """The two halves of a checkpoint, by directory."""

    gpt: str
    sovits: str
    name: str = ""
    """Of a few-shot checkpoint, the same on every machine; empty for the base."""

    @classmethod
    def trained(cls, directory: Path) -> Models:
        """A few-shot checkpoint as our trainer writes it."""
        return cls(str(directory / "gpt"), str(directory / "sovits"), directory.name)


@dataclass(frozen=True, slots=True)
class Line:
    """An utterance with its clips at hand."""

    text: str
    lang: str
    speed: float
    timbre: ClipBytes
    """Whose voice it is."""
    manner: ClipBytes
    """How it is said; the same clip unless the voice has one for the line's style."""
    models: Models


@dataclass(slots=True)
class _Part:
    """One piece of one line on its way."""

    line: int
    piece: Piece
    speed: float
    models: Models
    timbre: Reference
    manner: Reference
    samples: Samples | None = None
    reason: str = "not spoken"


@dataclass(slots=True)
class _Spoken:
    """What became of a line."""

    parts: list[_Part] = field(default_factory=list)
    failure: SpeechFailed | None = None


class Booth:
    """Speaks with one engine.

    Args:
        engine: `gsv.open_tts`, or a stand-in.
        base: the checkpoint that is always loaded.
        seed: sets the generators the engine samples from.
        checks: what every take must pass.
        most_clips: reference clips kept conditioned, about 1 MB of GPU memory each.
    """

    def __init__(
        self,
        engine: gsv.GsvTts,
        base: Models,
        *,
        seed: Callable[[int], None] = gsv.seed_everything,
        checks: Sequence[Check] = CHECKS,
        most_clips: int = 64,
    ) -> None:
        self._engine = engine
        self._base = base
        self._seed = seed
        self._checks = checks
        self._clips = Conditioning(engine, most_clips)
        self._loaded: OrderedDict[Models, None] = OrderedDict()

    def speak(self, lines: Sequence[Line]) -> list[Speech | SpeechFailed]:
        """One result a line, in order.

        Raises:
            Unavailable: the GPU is lost.
        """
        spoken = [self._prepared(number, line) for number, line in enumerate(lines)]
        groups: dict[tuple[Models, float], list[_Part]] = {}
        for part in (part for one in spoken for part in one.parts):
            groups.setdefault((part.models, part.speed), []).append(part)
        try:
            for (models, _), parts in groups.items():
                self._perform(models, parts)
        finally:
            self._clips.trim()
        return [_result(one) for one in spoken]

    def close(self) -> None:
        """Removes the clips' files."""
        self._clips.close()

    def _prepared(self, number: int, line: Line) -> _Spoken:
        try:
            pieces = cut(line.text, line.lang)
            if not pieces:
                raise SpeechFailed("There is nothing in this line that can be spoken.")
            timbre, manner = self._clips.place(line.timbre), self._clips.place(line.manner)
        except SpeechFailed as failure:
            return _Spoken(failure=failure)
        return _Spoken([_Part(number, piece, line.speed, line.models, timbre, manner) for piece in pieces])

    def _perform(self, models: Models, parts: list[_Part]) -> None:
        """Fills in the parts' samples, or their reasons."""
        if not self._load(models):
            for part in parts:
                part.reason = "the voice's checkpoint does not load"
            return
        parts = [part for part in parts if self._conditioned(part)]
        for attempt in range(BATCHED_TRIES):
            left = [part for part in parts if part.samples is None]
            # A single part left over gains nothing from another batch; alone it gets the repetition penalty.
            if not left or (attempt and len(left) == 1):
                break
            if attempt:
                gsv.reset(self._engine)
            for start in range(0, len(left), MOST_PIECES):
                self._batch(left[start : start + MOST_PIECES], attempt)
        for part in parts:
            for attempt in range(SINGLE_TRIES):
                if part.samples is None:
                    self._single(part, BATCHED_TRIES + attempt)

    def _conditioned(self, part: _Part) -> bool:
        try:
            self._clips.derive(part.timbre, part.manner, part.models.sovits)
        except gsv.FAULTS as error:
            gsv.raise_if_lost(error)
            part.reason = "the engine cannot use the voice's reference clip"
            return False
        return True

    def _batch(self, parts: list[_Part], attempt: int) -> None:
        """One call of the engine; when it breaks, its halves, so that one bad piece costs only itself."""
        self._seed(_seed(parts, attempt))
        try:
            clips = self._engine.infer_batched(
                spk_audio_paths=[part.timbre.path for part in parts],
                prompt_audio_paths=[part.manner.path for part in parts],
                prompt_audio_texts=[part.manner.transcript for part in parts],
                texts=[part.piece.text for part in parts],
                text_languages=[part.piece.lang for part in parts],
                prompt_languages=[part.manner.lang for part in parts],
                is_cut_text=False,
                cut_mute=0.0,
                speed=parts[0].speed,
                gpt_model=parts[0].models.gpt,
                sovits_model=parts[0].models.sovits,
            )
            sounds = [np.asarray(clip.audio_data, dtype=np.float32) for clip in clips]
        except gsv.FAULTS as error:
            gsv.raise_if_lost(error)
            sounds = []
        if len(sounds) == len(parts):
            for part, samples in zip(parts, sounds, strict=True):
                self._judge(part, samples)
        elif len(parts) == 1:
            parts[0].reason = "the engine gave no sound"
        else:
            middle = len(parts) // 2
            self._batch(parts[:middle], attempt)
            self._batch(parts[middle:], attempt)

    def _single(self, part: _Part, attempt: int) -> None:
        """The engine's other way: slower, but it penalises repetition and forbids an end in the first moments."""
        gsv.reset(self._engine)
        self._seed(_seed([part], attempt))
        try:
            clip = self._engine.infer(
                spk_audio_path=part.timbre.path,
                prompt_audio_path=part.manner.path,
                prompt_audio_text=part.manner.transcript,
                text=part.piece.text,
                text_language=part.piece.lang,
                prompt_language=part.manner.lang,
                speed=part.speed,
                gpt_model=part.models.gpt,
                sovits_model=part.models.sovits,
            )
        except gsv.FAULTS as error:
            gsv.raise_if_lost(error)
            part.reason = "the engine gave no sound"
            return
        self._judge(part, np.asarray(clip.audio_data, dtype=np.float32))

    def _judge(self, part: _Part, samples: Samples) -> None:
        reason = judge(Take(samples, SAMPLE_RATE, part.piece, part.manner, part.speed, part.timbre), self._checks)
        if reason is None:
            part.samples = trimmed(samples, SAMPLE_RATE)
        else:
            part.reason = reason
            logger.info("a take of %d units was refused: %s", part.piece.units, reason)

    def _load(self, models: Models) -> bool:
        """Loads a few-shot checkpoint unless it is, and drops the one used longest ago."""
        if models == self._base:
            return True
        if models not in self._loaded:
            try:
                gsv.load_checkpoint(self._engine, models.gpt, models.sovits)
            except ConfigurationError as error:
                logger.warning("a few-shot checkpoint does not load: %s", error)
                return False
        self._loaded[models] = None
        self._loaded.move_to_end(models)
        while len(self._loaded) > MOST_CHECKPOINTS:
            dropped, _ = self._loaded.popitem(last=False)
            self._engine.unload_gpt_model(dropped.gpt)
            self._engine.unload_sovits_model(dropped.sovits)
            self._clips.forget_model(dropped.sovits)
        return True


def _result(one: _Spoken) -> Speech | SpeechFailed:
    if one.failure is not None:
        return one.failure
    sounds: list[Samples] = []
    for part in one.parts:
        if part.samples is None:
            return SpeechFailed(f"The line could not be spoken rightly in several tries: {part.reason}.")
        if part.piece.breath_s:
            sounds.append(np.zeros(round(part.piece.breath_s * SAMPLE_RATE), dtype=np.float32))
        sounds.append(part.samples)
    return Speech(np.concatenate(sounds), SAMPLE_RATE)


def _seed(parts: Iterable[_Part], attempt: int) -> int:
    """Of what is said, by whom, how, and the how-manieth attempt it is."""
    digest = hashlib.sha256(str(attempt).encode())
    for part in parts:
        # Clips are named by content; their folder is another one in every process.
        names = (Path(part.timbre.path).name, Path(part.manner.path).name, part.models.name)
        digest.update("\0".join((part.piece.text, part.piece.lang, str(part.speed), *names)).encode())
    return int.from_bytes(digest.digest()[:4], "big")
