"""The recogniser of last resort, for any language: the embedded engine, which is shown each page once and not each text.

The engine searches a picture for lines before it reads them, and searching a text takes about as long as searching a page: a page of
eight texts is read in a sixth of the time its texts take one by one. Its lines are given to the texts they lie in. The trap: a line
that lies in two texts was drawn across the gap between them; neither can use it, and both are read for themselves.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from PIL import Image

from backend.readers.base import Box, Direction
from backend.readers.embedded.bubbles import Bubble, group_lines
from backend.readers.embedded.line import Line
from backend.readers.embedded.reader import MIN_CONFIDENCE, NICENESS, SPEAKS
from backend.readers.embedded.reader import REVISION as ENGINE_REVISION
from backend.readers.embedded.recognizer import Recognizer as LineReader
from backend.readers.embedded.recognizer import engine_fingerprint, make_recognizer
from backend.readers.embedded.ruby import drop_furigana
from backend.readers.embedded.strips import read_lines
from backend.readers.layout import reading_order
from backend.readers.magi.recognizers import Text, Words

_log = logging.getLogger(__name__)
REVISION: Final = 1
"""Of the rules in this module, as `magi.reader.REVISION`."""
INSIDE: Final = 0.5
"""Share of a line's area in a text's bounds from which it belongs there."""
ACROSS: Final = 0.2
"""A line that has more than this share in a second text, and that share outside the first, lies across both."""
_WHITE: Final = 255


class WholePageRecognizer:
    """Implements `recognizers.Recognizer`.

    Args:
        threads: cores it may use.
    """

    langs: frozenset[str] = frozenset()

    def __init__(self, threads: int = 2) -> None:
        self._threads = threads
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="whole-pages", initializer=_give_way)
        self._loading = asyncio.Lock()
        self._engine: LineReader | None = None

    @property
    def fingerprint(self) -> str:
        return f"whole-pages-{REVISION}-{ENGINE_REVISION}-{engine_fingerprint()}"

    async def load(self) -> None:
        """Raises ConfigurationError as `make_recognizer` does."""
        async with self._loading:
            if self._engine is None:
                self._engine = await asyncio.get_running_loop().run_in_executor(self._thread, make_recognizer, self._threads)

    async def read(self, texts: Sequence[Text]) -> list[Words]:
        await self.load()
        loop = asyncio.get_running_loop()
        pages: dict[int, list[int]] = {}
        for at, text in enumerate(texts):
            pages.setdefault(id(text.page), []).append(at)
        words = [Words("", 0.0)] * len(texts)
        # One call a page: a batch nobody waits for any longer ends between two pages.
        for numbers in pages.values():
            found = await loop.run_in_executor(self._thread, self._read_page, [texts[at] for at in numbers])
            for at, read in zip(numbers, found, strict=True):
                words[at] = read
        return words

    async def aclose(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._engine = None

    def _read_page(self, texts: Sequence[Text]) -> list[Words]:
        """Texts of one page; a lone one is not worth a page."""
        lines = self._lines(texts[0].page, read_lines) if len(texts) > 1 else []
        shared = lines_of_texts(lines, [text.bounds for text in texts])
        return [words_of(own or self._lines(_framed(text.crop), _at_once)) for text, own in zip(texts, shared, strict=True)]

    def _lines(self, picture: Image.Image, find: Callable[[Image.Image, LineReader], list[Line]]) -> list[Line]:
        """What the embedded reader would take for lines of this picture."""
        engine = self._engine
        if engine is None:  # closed meanwhile
            return []
        try:
            lines = find(picture.convert("RGB"), engine)
        except (RuntimeError, ValueError, MemoryError) as error:
            _log.warning("The OCR engine failed on a picture of %d x %d pixels: %s", *picture.size, error)
            return []
        return drop_furigana([line for line in lines if line.confidence >= MIN_CONFIDENCE and SPEAKS.search(line.text)])


def lines_of_texts(lines: Sequence[Line], bounds: Sequence[Box]) -> list[list[Line]]:
    """The lines that lie in each text, in no particular order; none where one lies across it and another. Each line is in one text at most.

    Where bounds lie within others, the smallest that hold a line have it.
    """
    own: list[list[Line]] = [[] for _ in bounds]
    torn: set[int] = set()
    for line in lines:
        shares = [_share(line.box, box) for box in bounds]
        ranked = sorted(range(len(bounds)), key=lambda at: (-round(shares[at], 2), _area(bounds[at])))
        if not ranked or shares[ranked[0]] < INSIDE:
            continue
        first, *others = ranked
        across = [at for at in others if shares[at] > ACROSS] if shares[first] < 1 - ACROSS else []
        if across:
            torn.update((first, *across))
        else:
            own[first].append(line)
    return [[] if at in torn else found for at, found in enumerate(own)]


def words_of(lines: Sequence[Line]) -> Words:
    """Lines of one text put together as the embedded reader puts those of a bubble; groups of them in the direction of most letters."""
    if not lines:
        return Words("", 0.0)
    groups = group_lines(lines)
    vertical = sum((1 if group.vertical else -1) * len(group.text) for group in groups) > 0
    order = reading_order([group.box for group in groups], Direction.RTL if vertical else Direction.LTR)
    whole = Bubble(tuple(line for at in order for line in groups[at].lines), vertical)
    return Words(whole.text, whole.confidence)


def _share(line: Box, box: Box) -> float:
    """Share of a line's area that lies in a box."""
    width = min(line[2], box[2]) - max(line[0], box[0])
    height = min(line[3], box[3]) - max(line[1], box[1])
    return max(0.0, width) * max(0.0, height) / _area(line)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _at_once(picture: Image.Image, engine: LineReader) -> list[Line]:
    """A narrow text is no strip: `read_lines` would cut its columns into tiles."""
    return engine.lines(picture)


def _framed(crop: Image.Image) -> Image.Image:
    """The crop with a white margin: the search for lines wants some air around them."""
    margin = max(8, min(crop.size) // 8)
    picture = Image.new("L", (crop.width + 2 * margin, crop.height + 2 * margin), _WHITE)
    picture.paste(crop, (margin, margin))
    return picture


def _give_way() -> None:
    """As the embedded reader's thread does, and for its reason; the engine's own threads inherit it."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
