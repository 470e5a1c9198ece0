"""Engines for tests that are not about engines: they answer at once, count their calls, and fail where a test says so.

What they return depends on the page alone: the page's grey level says how many lines it has (see `page`), each line a tone.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from backend.engine import EngineState
from backend.errors import ReadingFailed, SpeechFailed
from backend.imaging import decode_page
from backend.readers.base import Kind, Reading, ReadOptions, TextBox
from backend.synthesizers.base import Speech, Utterance
from tests.support.audio import tone


def page(number: int, *, size: tuple[int, int] = (64, 96), image_format: str = "PNG") -> bytes:
    """An image of its own for each `number` (0 to 255)."""
    out = io.BytesIO()
    Image.new("RGB", size, (number, 255 - number, 40)).save(out, image_format, lossless=True)
    return out.getvalue()


class _Life:
    fingerprint = "test-1"

    def __init__(self) -> None:
        self.state = EngineState.IDLE
        self.calls: list[int] = []

    async def load(self) -> None:
        self.state = EngineState.READY

    async def aclose(self) -> None:
        self.state = EngineState.IDLE


class InstantReader(_Life):
    """Reads two lines off every page; pages in `broken` fail, pages in `raising` raise what no reader should."""

    name = "instant"
    batch_size = 4

    def __init__(self, *, delay_s: float = 0.0, broken: Sequence[int] = (), raising: Sequence[int] = ()) -> None:
        super().__init__()
        self.delay_s = delay_s
        self.broken = set(broken)
        self.raising = set(raising)
        self.seen: list[int] = []

    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed]:
        self.calls.append(len(pages))
        await asyncio.sleep(self.delay_s)
        return [self._read(data, options) for data in pages]

    def _read(self, data: bytes, options: ReadOptions) -> Reading | ReadingFailed:
        image = decode_page(data)
        pixel = image.getpixel((0, 0))
        assert isinstance(pixel, tuple)
        number = int(pixel[0])
        self.seen.append(number)
        if number in self.raising:
            raise RuntimeError("a mistake in the reader")
        if number in self.broken:
            return ReadingFailed("this page cannot be read")
        boxes = tuple(
            TextBox(
                box=(4, 4 + 20 * k, 40, 20 + 20 * k),
                text=f"Line {k} of page {number}.",
                kind=Kind.SPEECH,
                lang="en",
                confidence=1,
            )
            for k in range(2)
        )
        return Reading(width=image.width, height=image.height, boxes=boxes)


class ToneSynthesizer(_Life):
    """Speaks every line as a short tone; lines that contain a word of `mute` fail."""

    name = "tone"
    sample_rate = 24_000

    def __init__(self, *, delay_s: float = 0.0, mute: Sequence[str] = ()) -> None:
        super().__init__()
        self.delay_s = delay_s
        self.mute = tuple(mute)
        self.spoken: list[str] = []

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
        self.calls.append(len(utterances))
        await asyncio.sleep(self.delay_s)
        return [self._speak(utterance) for utterance in utterances]

    def _speak(self, utterance: Utterance) -> Speech | SpeechFailed:
        if any(word in utterance.text for word in self.mute):
            return SpeechFailed("this line cannot be spoken")
        self.spoken.append(utterance.text)
        hz = 200 + 10 * (sum(map(ord, utterance.text)) % 40)
        return Speech(tone(hz, 0.4, self.sample_rate).astype(np.float32), self.sample_rate)
