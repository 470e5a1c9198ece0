"""Recognisers: texts that were found into words. One small protocol, and the one inside the MAGI checkpoint: TrOCR.

The others are manga-ocr (`backend/readers/manga_ocr`) and, for any language, the embedded engine (`whole_pages.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from PIL import Image

from backend.readers.magi.mend import mend

if TYPE_CHECKING:
    from backend.readers.magi.network import Network
    from backend.readers.magi.transcribe import Transcriber
    from backend.readers.magi.vocabulary import ByteVocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """One text that somebody else has found, and where."""

    page: Image.Image
    """Grey; the same object for all texts of a page."""
    bounds: tuple[int, int, int, int]
    """In whole pixels of the page."""
    crop: Image.Image

    @classmethod
    def on(cls, page: Image.Image, bounds: tuple[int, int, int, int]) -> Self:
        return cls(page, bounds, page.crop(bounds))

    @classmethod
    def alone(cls, picture: Image.Image) -> Self:
        """A picture that is nothing but one text."""
        return cls(picture, (0, 0, *picture.size), picture)


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in one text, as printed, and how sure that is (0 to 1)."""

    text: str
    confidence: float


class Recognizer(Protocol):
    """Reads texts that somebody else has found."""

    langs: frozenset[str]
    """BCP 47 primary tags it reads well; empty: any."""

    @property
    def fingerprint(self) -> str:
        """As `Engine.fingerprint`."""
        ...

    async def load(self) -> None:
        """Raises ConfigurationError if it cannot work here."""
        ...

    async def read(self, texts: Sequence[Text]) -> list[Words]:
        """One result a text, all in batches."""
        ...

    async def aclose(self) -> None: ...


class TrocrRecognizer:
    """English, by the text reader inside the MAGI checkpoint; shares the network and its thread with the page reader."""

    langs = frozenset({"en"})
    fingerprint = "trocr"

    def __init__(self, network: Network, vocabulary: ByteVocabulary, thread: Executor, batch: int = 32) -> None:
        self._network, self._vocabulary = network, vocabulary
        self._thread, self._batch = thread, batch
        self._transcriber: Transcriber | None = None

    async def load(self) -> None:
        """Nothing: the network is loaded by the reader."""

    async def read(self, texts: Sequence[Text]) -> list[Words]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.read_now, [text.crop for text in texts])

    async def aclose(self) -> None:
        """The thread it reads in belongs to the reader and goes on."""
        if self._transcriber is not None:
            self._transcriber.close()

    def read_now(self, crops: Sequence[Image.Image]) -> list[Words]:
        """Synchronous `read` of grey crops; blocks for seconds."""
        from backend.readers.magi.transcribe import Transcriber  # noqa: PLC0415 - torch belongs to the extra

        network = self._network
        if self._transcriber is None:
            decoder, side = network.ocr_model.decoder, network.sizes.words.image
            self._transcriber = Transcriber(network.read_words, decoder, side, network.device, network.dtype, self._batch)
        written = self._transcriber.write(crops)
        return [Words(mend(self._vocabulary.text(text.ids)), text.confidence) for text in written]
