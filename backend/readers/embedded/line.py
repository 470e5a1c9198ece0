"""One line of print as the recogniser saw it: a row of words or a column of Japanese."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.readers.base import Box

CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々〆]")
KANA_ONLY: Final = re.compile(r"[\u3040-\u30ffー・]+")

COLUMN_RATIO: Final = 1.5
"""Height over width from which a line of several characters is a column."""

MAX_TURN: Final = 0.6
"""Radians; nearer to 45 degrees the box no longer says how long and how thick the print is."""


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
    def size(self) -> tuple[float, float]:
        """Width and height of the print itself, in pixels: of the turned rectangle whose corners touch the box."""
        turn = math.radians(abs(self.angle))
        if turn > MAX_TURN:
            return self.width, self.height
        across, down = math.cos(turn), math.sin(turn)
        width = (self.width * across - self.height * down) / math.cos(2 * turn)
        height = (self.height * across - self.width * down) / math.cos(2 * turn)
        # A box that was cut off at the page's edge or drawn in no longer fits the turn.
        return (width, height) if min(width, height) > 0.2 * min(self.width, self.height) else (self.width, self.height)

    def corners(self, pad: float) -> NDArray[np.int32]:
        """The four corners of the print, `pad` pixels further out, [4, 2]; turned as the print is."""
        width, height = self.size
        middle = ((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)
        return np.round(cv2.boxPoints((middle, (width + 2 * pad, height + 2 * pad), self.angle))).astype(np.int32)

    @property
    def thickness(self) -> float:
        """About one character: the width of a column, the height of a row, in pixels."""
        return min(self.size)

    @property
    def vertical(self) -> bool | None:
        """Whether this is a column; None for a single character, which has no direction of its own."""
        return None if len(self.text) < 2 else self.height > COLUMN_RATIO * self.width

    @property
    def is_cjk(self) -> bool:
        return CJK.search(self.text) is not None
