"""What a text box is for, told by size, slant and words. Honest: speech unless something speaks against it.

Lettering is level and of one size all over a page; what is much larger or slanted and says no sentence is drawn sound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median
from typing import Final

from backend.readers.base import Kind
from backend.readers.embedded.bubbles import Bubble
from backend.readers.embedded.interior import Page

PAGE_NUMBER: Final = re.compile(r"\W*\d{1,4}\W*")
MARGIN: Final = 0.06
"""Share of the page's height at top and bottom where page numbers stand."""

LOOSE_LETTER: Final = re.compile(r"\W*[b-hj-zB-HJ-Z0]\W*")
"""One Latin letter that is no word: a circle or a stroke of the drawing."""

SOUND_WORDS: Final = re.compile(r"[\u3041-\u30ffー・…]{1,10}[!！?？]*|[A-Za-z]+([ -][A-Za-z]+)?[!?]*")
"""At most ten kana, or one or two words: what a drawn sound says."""

KATAKANA: Final = re.compile(r"[\u30a1-\u30ff・…]+[!！?？]*")

SOUND_SIZE: Final = 1.8
"""Lettering this many times larger than the page's usual is drawn."""

SOUND_SLANT: Final = 8.0
"""Degrees; lettering of speech is level."""

DOUBTFUL: Final = 0.7
"""Large or slanted lettering read with less confidence is texture."""


def kinds_of(bubbles: Sequence[Bubble], page_size: tuple[int, int], page: Page | None = None) -> list[Kind]:
    """One kind for every bubble of a page; `page_size` is width and height in pixels."""
    usual = median(line.thickness for bubble in bubbles for line in bubble.lines) if bubbles else 1.0
    return [_kind(bubble, usual, page_size[1], page) for bubble in bubbles]


def _kind(bubble: Bubble, usual: float, page_height: int, page: Page | None) -> Kind:
    text = bubble.text
    if PAGE_NUMBER.fullmatch(text) and (bubble.box[3] < MARGIN * page_height or bubble.box[1] > (1 - MARGIN) * page_height):
        return Kind.OTHER
    if LOOSE_LETTER.fullmatch(text):
        return Kind.OTHER
    large = median(line.thickness for line in bubble.lines) >= SOUND_SIZE * usual
    slanted = all(abs(line.angle) >= SOUND_SLANT for line in bubble.lines)
    if large or slanted:
        if bubble.confidence < DOUBTFUL:
            return Kind.OTHER
        # A shout is large too, but stands in a bubble and is seldom all katakana.
        shouted = not slanted and not KATAKANA.fullmatch(text) and page is not None and page.on_plain_ground(bubble.box, usual)
        if SOUND_WORDS.fullmatch(text) and not shouted:
            return Kind.SFX
    return Kind.SPEECH
