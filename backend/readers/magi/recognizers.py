"""Recognisers: cut-out texts into words. One small protocol, and the two that need no weights of their own: TrOCR and a borrowed reader.

(manga-ocr is the third, in `backend/readers/manga_ocr`.)
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from PIL import Image

from backend.errors import ReadingFailed
from backend.readers.base import PageReader, ReadOptions

if TYPE_CHECKING:
    from backend.readers.magi.decoding import Begin
    from backend.readers.magi.network import Network
    from backend.readers.magi.vocabulary import ByteVocabulary

_WHITE = 255


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in one crop, as printed, and how sure that is (0 to 1)."""

    text: str
    confidence: float


class Recognizer(Protocol):
    """Reads single texts that somebody else has found."""

    langs: frozenset[str]
    """BCP 47 primary tags it reads well; empty: any."""

    @property
    def fingerprint(self) -> str:
        """As `Engine.fingerprint`."""
        ...

    async def load(self) -> None:
        """Raises ConfigurationError if it cannot work here."""
        ...

    async def read(self, crops: Sequence[Image.Image]) -> list[Words]:
        """One result a crop (grey image), all in batches."""
        ...

    async def aclose(self) -> None: ...


class TrocrRecognizer:
    """English, by the text reader inside the MAGI checkpoint; shares the network and its thread with the page reader."""

    langs = frozenset({"en"})
    fingerprint = "trocr"

    def __init__(self, network: Network, vocabulary: ByteVocabulary, thread: Executor, batch: int = 32) -> None:
        self._network, self._vocabulary = network, vocabulary
        self._thread, self._batch = thread, batch
        self._begin: Begin | None = None

    async def load(self) -> None:
        """Nothing: the network is loaded by the reader."""

    async def read(self, crops: Sequence[Image.Image]) -> list[Words]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.read_now, list(crops))

    async def aclose(self) -> None:
        """Nothing: the thread belongs to the reader."""

    def read_now(self, crops: Sequence[Image.Image]) -> list[Words]:
        """Synchronous `read`; blocks for seconds."""
        from backend.readers.magi import decoding, fixed, mend, pixels  # noqa: PLC0415 - torch belongs to the extra

        network, side = self._network, self._network.sizes.words.image
        decoder = network.ocr_model.decoder
        self._begin = self._begin or fixed.begin_for(decoder, network.device, self._batch)
        words: list[Words] = []
        for start in range(0, len(crops), self._batch):
            squares = [pixels.resized(pixels.grey(crop), (side, side)) for crop in crops[start : start + self._batch]]
            x, _ = pixels.to_device(squares, pixels.HALF, network.device, network.dtype)
            patience = 1 if network.device.type == "cpu" else 8
            for text in decoding.write(decoder, network.read_words(x), patience=patience, begin=self._begin):
                words.append(Words(mend.mend(self._vocabulary.text(text.ids)), text.confidence))
        return words


class BorrowedRecognizer:
    """Any language, by another page reader that is shown the crop as if it were a page (PP-OCR, say)."""

    langs: frozenset[str] = frozenset()

    def __init__(self, reader: PageReader, options: ReadOptions | None = None) -> None:
        self._reader, self._options = reader, options or ReadOptions()

    @property
    def fingerprint(self) -> str:
        return self._reader.fingerprint

    async def load(self) -> None:
        await self._reader.load()

    async def read(self, crops: Sequence[Image.Image]) -> list[Words]:
        readings = await self._reader.read([_framed_png(crop) for crop in crops], self._options)
        words = []
        for reading in readings:
            if isinstance(reading, ReadingFailed):
                words.append(Words("", 0.0))
                continue
            between = "" if all(box.lang in ("ja", "zh") for box in reading.boxes) else " "
            text = between.join(box.text for box in reading.boxes)
            words.append(Words(text, min((box.confidence for box in reading.boxes), default=0.0)))
        return words

    async def aclose(self) -> None:
        await self._reader.aclose()


def _framed_png(crop: Image.Image) -> bytes:
    """The crop with a white margin: detectors of text want some air around it."""
    margin = max(8, min(crop.size) // 8)
    page = Image.new("L", (crop.width + 2 * margin, crop.height + 2 * margin), _WHITE)
    page.paste(crop, (margin, margin))
    out = io.BytesIO()
    page.save(out, "PNG", compress_level=1)
    return out.getvalue()
