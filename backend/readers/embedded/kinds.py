"""What a text box is for, told by shape and words. Honest: speech unless something speaks against it."""

from __future__ import annotations

import re
from typing import Final

from backend.readers.base import Kind
from backend.readers.embedded.bubbles import Bubble

PAGE_NUMBER: Final = re.compile(r"\W*\d{1,4}\W*")
MARGIN: Final = 0.06
"""Share of the page's height at top and bottom where page numbers stand."""


def kind_of(bubble: Bubble, page_size: tuple[int, int]) -> Kind:
    """`page_size` is width and height in pixels."""
    height = page_size[1]
    if PAGE_NUMBER.fullmatch(bubble.text) and (bubble.box[3] < MARGIN * height or bubble.box[1] > (1 - MARGIN) * height):
        return Kind.OTHER
    return Kind.SPEECH
