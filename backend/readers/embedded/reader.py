"""The embedded page reader: OCR on the processor, then geometry. Needs no GPU, no account, no download.

It knows no characters: `speaker` is always None. The trap: the OCR engine runs one page at a time, so reading is one thread
wide on purpose, and a window that is cancelled stops after the page in hand.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from PIL import Image

from backend.engine import EngineState
from backend.errors import BadImage, ReadingFailed
from backend.imaging import decode_page
from backend.language.detect import detect_languages
from backend.readers.base import Box, Kind, Reading, ReadOptions, TextBox
from backend.readers.embedded.bubbles import Bubble, group_lines
from backend.readers.embedded.dashes import with_dashes
from backend.readers.embedded.interior import Page
from backend.readers.embedded.kinds import kinds_of
from backend.readers.embedded.line import Line
from backend.readers.embedded.recognizer import Recognizer, engine_fingerprint, make_recognizer
from backend.readers.embedded.ruby import drop_furigana
from backend.readers.embedded.strips import Stopped, read_lines
from backend.readers.layout import lay_out, reading_order

REVISION: Final = 11
"""Raised whenever the code of this room may read the same page in another way: cached readings are found by it."""

NICENESS: Final = 10
MIN_CONFIDENCE: Final = 0.5
SPEAKS: Final = re.compile(r"\w|[!?！？…]")


class EmbeddedReader:
    """A `PageReader` on the processor. `threads` is how many cores one page may use."""

    name = "embedded"
    batch_size = 1

    def __init__(self, threads: int = 2) -> None:
        self._threads = threads
        self._state = EngineState.IDLE
        self._recognizer: Recognizer | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="embedded-reader", initializer=_give_way)
        self._loading = asyncio.Lock()
        self._reading: set[threading.Event] = set()
        """One for every call of `read`; set when nobody waits for it any more."""

    @property
    def fingerprint(self) -> str:
        return f"embedded-{REVISION}-{engine_fingerprint()}"

    @property
    def state(self) -> EngineState:
        return self._state

    async def load(self) -> None:
        """Loads the OCR engine and reads one blank page, so that the first real one is not slower."""
        async with self._loading:
            if self._state is EngineState.READY:
                return
            loop = asyncio.get_running_loop()
            try:
                self._state = EngineState.LOADING
                recognizer = await loop.run_in_executor(self._executor, make_recognizer, self._threads)
                self._state = EngineState.WARMING
                await loop.run_in_executor(self._executor, recognizer.lines, Image.new("RGB", (64, 64), "white"))
            except BaseException:
                self._state = EngineState.FAILED
                raise
            self._recognizer = recognizer
            self._state = EngineState.READY

    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed]:
        await self.load()
        loop = asyncio.get_running_loop()
        unwanted = threading.Event()
        self._reading.add(unwanted)
        try:
            # One call a page: a cancelled window is let go between two pages, and between two tiles of a strip.
            return [await loop.run_in_executor(self._executor, self._read_one, page, options, unwanted) for page in pages]
        finally:
            unwanted.set()
            self._reading.discard(unwanted)

    async def aclose(self) -> None:
        for unwanted in self._reading:
            unwanted.set()
        self._recognizer = None
        self._state = EngineState.IDLE
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)

    def _read_one(self, page: bytes, options: ReadOptions, unwanted: threading.Event) -> Reading | ReadingFailed:
        assert self._recognizer is not None
        try:
            return read_page(decode_page(page), options, self._recognizer, unwanted.is_set)
        except BadImage as error:
            return ReadingFailed(error.detail)
        except Stopped:
            return ReadingFailed("The reader stopped before the page was read to its end.")
        except (RuntimeError, ValueError, MemoryError) as error:
            return ReadingFailed(f"The OCR engine failed on this page: {error}")


def _give_way() -> None:
    """Lets this thread and those it starts yield the cores: a page read ahead is worth less than a line somebody waits for.

    The OCR sessions are made in this thread, so theirs inherit it. Only Linux gives threads a niceness of their own.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def read_page(
    image: Image.Image, options: ReadOptions, recognizer: Recognizer, stopped: Callable[[], bool] = lambda: False
) -> Reading:
    """The way of one page, blocking: lines, bubbles, panels, order, kinds.

    Raises:
        Stopped: `stopped` said that nobody waits for it any more.
    """
    lines = with_dashes(image, drop_furigana(_lines(image, recognizer, stopped)))
    page = Page(image, lines)
    bubbles = group_lines(lines, page)
    places = [bubble.box for bubble in bubbles]
    tree, panels = lay_out(image, places, options.direction)
    order = reading_order(places, options.direction, tree)
    around = [page.surroundings(bubble.lines) for bubble in bubbles]
    kinds = kinds_of(bubbles, image.size, [found.place for found in around], panels)
    langs = detect_languages([bubble.text for bubble in bubbles], options.lang)
    boxes = tuple(_text_box(bubbles[i], kinds[i], panels, langs[i], spiky=around[i].spiky, size=image.size) for i in order)
    return Reading(width=image.width, height=image.height, panels=tuple(panels), boxes=boxes)


def _lines(image: Image.Image, recognizer: Recognizer, stopped: Callable[[], bool]) -> list[Line]:
    return [
        line for line in read_lines(image, recognizer, stopped) if line.confidence >= MIN_CONFIDENCE and SPEAKS.search(line.text)
    ]


def _text_box(
    bubble: Bubble, kind: Kind, panels: Sequence[Box], lang: str, *, spiky: bool | None, size: tuple[int, int]
) -> TextBox:
    x0, y0, x1, y1 = bubble.box
    box = (max(0.0, x0), max(0.0, y0), min(float(size[0]), x1), min(float(size[1]), y1))
    return TextBox(
        box=box,
        text=bubble.text,
        kind=kind,
        lang=lang,
        confidence=bubble.confidence,
        panel=_panel_of(box, panels),
        vertical=bubble.vertical,
        spiky=spiky,
    )


def _panel_of(box: Box, panels: Sequence[Box]) -> int | None:
    """The panel that holds the middle of a box; None between panels."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return next((i for i, (x0, y0, x1, y1) in enumerate(panels) if x0 <= x < x1 and y0 <= y < y1), None)
