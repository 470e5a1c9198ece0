"""One line of print as the recogniser saw it: a row of words or a column of Japanese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from backend.readers.base import Box

CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々〆]")
KANA_ONLY: Final = re.compile(r"[\u3040-\u30ffー・]+")

COLUMN_RATIO: Final = 1.5
"""Height over width from which a line of several characters is a column."""


@dataclass(frozen=True, slots=True)
class Line:
    """Corners in pixels of the page, the words, and the recogniser's confidence 0..1."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str
    confidence: float
    angle: float = 0.0
    """Degrees the line is turned by, clockwise; 0 where the engine does not say."""

    @property
    def box(self) -> Box:
        return (self.x0, self.y0, self.x1, self.y1)

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def thickness(self) -> float:
        """About one character: the width of a column, the height of a row, in pixels."""
        return min(self.width, self.height)

    @property
    def vertical(self) -> bool | None:
        """Whether this is a column; None for a single character, which has no direction of its own."""
        return None if len(self.text) < 2 else self.height > COLUMN_RATIO * self.width

    @property
    def is_cjk(self) -> bool:
        return CJK.search(self.text) is not None
