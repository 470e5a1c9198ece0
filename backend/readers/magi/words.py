"""Which recogniser reads which text of a batch of pages, and in what language it takes it to be.

The look at the ink (`look.columns`) settles what runs in columns. What runs in lines may be anything, so up to three texts of such a page
are shown to a referee: to the recogniser of any language if there is one, whose letters decide, else to those for English and Japanese,
of which the surer one wins. A page decides for itself: its words do not depend on the pages it came with.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from backend.readers.magi import look
from backend.readers.magi.recognizers import Recognizer, Text, Words
from backend.readers.magi.vocabulary import script

_log = logging.getLogger(__name__)
_SAMPLES = 3
_CLEAR = 0.2
"""Evidence of columns beyond which a single text needs no vote of its page."""


@dataclass(slots=True)
class PageTexts:
    """The texts of one page that are to be read; `lang` is what the book says, None if it says nothing.

    Made in a worker thread: it looks at the ink of every text.
    """

    texts: list[Text]
    lang: str | None
    columns: list[float] = field(init=False)
    """Of each text, evidence that it runs in columns (see `look.columns`)."""
    langs: list[str] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.columns = [look.columns(np.asarray(text.crop, dtype=np.uint8)) for text in self.texts]


class WordReaders:
    """All recognisers of a reader, by language."""

    def __init__(self, recognizers: Sequence[Recognizer]) -> None:
        self._all = tuple(recognizers)

    def of(self, lang: str) -> Recognizer | None:
        """The one made for this language, else the one for any, else None."""
        made = (one for one in self._all if lang in one.langs)
        return next(made, self.of_any)

    @property
    def of_any(self) -> Recognizer | None:
        return next((one for one in self._all if not one.langs), None)

    async def read(self, pages: Sequence[PageTexts]) -> None:
        """Fills in `langs` and `words` of each page; texts of one recogniser go through it together."""
        await self._settle(pages)
        slots: dict[int, list[tuple[PageTexts, int]]] = {}
        unread: Counter[str] = Counter()
        for page in pages:
            page.words = [Words("", 0.0)] * len(page.texts)
            for at, lang in enumerate(page.langs):
                chosen = self.of(lang)
                if chosen is None:
                    unread[lang] += 1
                else:
                    slots.setdefault(self._all.index(chosen), []).append((page, at))
        for lang, count in unread.items():
            _log.warning("No recogniser for the language %r is installed; texts that stay unread: %d.", lang, count)
        for number, texts in slots.items():
            found = await self._all[number].read([page.texts[at] for page, at in texts])
            for (page, at), words in zip(texts, found, strict=True):
                page.words[at] = words

    async def _settle(self, pages: Sequence[PageTexts]) -> None:
        open_pages = []
        for page in pages:
            if page.lang is not None:
                page.langs = [page.lang] * len(page.texts)
                continue
            in_columns = sum(min(1.0, max(-1.0, value)) for value in page.columns) > 0
            page.langs = ["ja" if in_columns or value > _CLEAR else "" for value in page.columns]
            if "" in page.langs:
                open_pages.append(page)
        for page, lang in zip(open_pages, await self._referee(open_pages), strict=True):
            page.langs = [known or lang for known in page.langs]

    async def _referee(self, pages: Sequence[PageTexts]) -> list[str]:
        """The language of the lines of each page."""
        samples = [_largest([text for text, lang in zip(page.texts, page.langs, strict=True) if not lang]) for page in pages]
        if not samples:
            return []
        if self.of_any is not None:
            # It takes as long for a text as for a page, so the samples of a page are shown as one picture; and no longer than for
            # half a page, so the page itself is read only once it is known that nobody else reads its language.
            pictures = [_one_above_the_other([text.crop for text in page]) for page in samples]
            answers = await self.of_any.read([Text.alone(picture) for picture in pictures])
            return [script(words.text) or "en" for words in answers]
        english, japanese = self.of("en"), self.of("ja")
        if english is None or japanese is None:
            return ["ja" if english is None and japanese is not None else "en"] * len(pages)
        shown = [text for page in samples for text in page]
        sure = [
            [sum(words.confidence for words in page) for page in _shares(await one.read(shown), samples)]
            for one in (english, japanese)
        ]
        return ["en" if latin >= kana else "ja" for latin, kana in zip(*sure, strict=True)]


def _largest(texts: Sequence[Text]) -> list[Text]:
    return sorted(texts, key=lambda text: -text.crop.width * text.crop.height)[:_SAMPLES]


def _one_above_the_other(crops: Sequence[Image.Image]) -> Image.Image:
    """Crops in one column on white, with air between them."""
    gap = max(8, max(crop.height for crop in crops) // 4)
    column = Image.new("L", (max(crop.width for crop in crops), sum(crop.height + gap for crop in crops) - gap), 255)
    top = 0
    for crop in crops:
        column.paste(crop, (0, top))
        top += crop.height + gap
    return column


def _shares(answers: Sequence[Words], samples: Sequence[Sequence[Text]]) -> list[list[Words]]:
    """Cuts one flat list of answers into one list a page."""
    rest = iter(answers)
    return [[next(rest) for _ in page] for page in samples]
