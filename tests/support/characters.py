"""A reader that knows characters, and a synthesizer that notes who says what."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from backend.errors import ReadingFailed, SpeechFailed
from backend.readers.base import Character, Reading, ReadOptions
from backend.synthesizers.base import Speech, Utterance
from tests.support.engines import InstantReader, ToneSynthesizer
from tests.support.scenes import scene

FACES = np.random.default_rng(0).normal(size=(3, 32))


class FacesReader(InstantReader):
    """Two lines a page, said by two characters who are on every page."""

    def _read(self, data: bytes, options: ReadOptions) -> Reading | ReadingFailed:
        reading = super()._read(data, options)
        if isinstance(reading, ReadingFailed):
            return reading
        characters = tuple(
            Character(box=(1 + 20 * k, 1, 15 + 20 * k, 40), confidence=0.9, cluster=k, embedding=tuple(FACES[k].tolist()))
            for k in range(2)
        )
        boxes = tuple(box.model_copy(update={"speaker": k, "speaker_confidence": 0.9}) for k, box in enumerate(reading.boxes))
        return reading.model_copy(update={"characters": characters, "boxes": boxes})

    async def embed_figures(self, images: Sequence[bytes]) -> list[tuple[float, ...]]:
        return [tuple(FACES[1].tolist()) for _ in images]


class SceneReader(InstantReader):
    """Reads what a test has drawn up: `drawn` gives the reading of a page by its number."""

    def __init__(self, drawn: Callable[[int], Reading], *, delay_s: float = 0.0) -> None:
        super().__init__(delay_s=delay_s)
        self._drawn = drawn

    def _read(self, data: bytes, options: ReadOptions) -> Reading | ReadingFailed:
        reading = super()._read(data, options)
        return reading if isinstance(reading, ReadingFailed) else self._drawn(self.seen[-1])


def ensemble(number: int) -> Reading:
    """A page on which two or three of five characters talk; each page in another composition."""
    return scene(*ensemble_of(number), at=number, seed=number)


def ensemble_of(number: int) -> list[int]:
    """Who says the lines of that page, in order."""
    return sorted({number % 5, (number * number + 1) % 5, (number // 2 + 3) % 5})


class RecordingSynthesizer(ToneSynthesizer):
    """Notes every line with its voice."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, str]] = []

    def _speak(self, utterance: Utterance) -> Speech | SpeechFailed:
        self.said.append((utterance.text, utterance.voice.id))
        return super()._speak(utterance)
