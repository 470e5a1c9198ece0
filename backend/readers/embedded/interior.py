"""What lies between two neighbouring lines: an outline, the neck between two joined bubbles, or the inside of one bubble.

Bubbles are plain and bulge outward. So the plain ground around two lines of one bubble reaches, halfway between them, at least as far
out as a straight edge from the one to the other would; where it falls short there is a neck, and where something dark runs across
between the lines there is an outline. On art nothing plain surrounds the lines and nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.readers.embedded.line import Line
from backend.readers.embedded.outline import Around, print_mask, surroundings

GROUND_TOLERANCE: Final = 40
"""Greys this near to the ground's are ground (of 255)."""

REACH: Final = 8.0
"""How far out the edge of a bubble is looked for, in line thicknesses."""

RING_PX: Final = 3
"""Width of the ring around a line whose median grey is its ground."""

PRINT_PAD: Final = 0.15
"""Ink this near to a line, in its thicknesses, is taken for the line's own."""

BUBBLE_MARGIN: Final = 2.0
"""How far a bubble is taken to reach beyond its words, in thicknesses."""

CROSSED_SHARE: Final = 0.8
"""Share of straight ways from line to line that must meet an outline."""

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Between:
    """What lies between two lines; lengths in thicknesses of the thinner line."""

    crossed: bool
    """An outline runs between them, or they stand on different grounds."""
    neck: float
    """How far the plain ground falls short of a straight edge, on the worse side; 0 or less inside a bubble."""
    margins: tuple[float, float]
    """How far plain ground reaches beyond both lines, halfway between them; `REACH` where no edge was found."""

    @property
    def enclosed(self) -> bool:
        """Whether an edge was found on both sides."""
        return max(self.margins) < REACH


class Page:
    """The page in grey, and where its lines stand, for `between`."""

    def __init__(self, image: Image.Image, lines: Sequence[Line]) -> None:
        self._grey: Grey = np.asarray(image.convert("L"))
        self._print = print_mask(lines, PRINT_PAD, self._grey.shape)

    def ground(self, line: Line) -> float:
        """Grey (0..255) that a line is printed on."""
        x0, y0, x1, y1 = int(line.x0), int(line.y0), int(line.x1) + 1, int(line.y1) + 1
        top, left = max(0, y0 - RING_PX), max(0, x0 - RING_PX)
        part = self._grey[top : y1 + RING_PX, left : x1 + RING_PX]
        ring = np.ones(part.shape, np.bool_)
        ring[y0 - top : y1 - top, x0 - left : x1 - left] = False
        return float(np.median(part[ring])) if ring.any() else 255.0

    def surroundings(self, lines: Sequence[Line]) -> Around:
        """What the lines of one text stand in."""
        return surroundings(self._grey, lines, self._print)

    def between(self, a: Line, b: Line, vertical: bool) -> Between:
        """Looks from line to line; `vertical` says that both are columns."""
        grounds = self.ground(a), self.ground(b)
        if abs(grounds[0] - grounds[1]) > 2 * GROUND_TOLERANCE:
            return Between(crossed=True, neck=0.0, margins=(0.0, 0.0))
        grey, taken = (self._grey.T, self._print.T) if vertical else (self._grey, self._print)
        first, second = sorted((_turned(a, vertical), _turned(b, vertical)), key=lambda box: box[1] + box[3])
        thickness = max(1.0, min(a.thickness, b.thickness))
        reach = round(REACH * thickness)
        low, high = min(first[0], second[0]), max(first[2], second[2])
        left, right = max(0, int(low) - reach), min(grey.shape[1], int(high) + reach + 1)
        top, bottom = int((first[1] + first[3]) / 2), int((second[1] + second[3]) / 2) + 1
        part = grey[top:bottom, left:right].astype(np.int16)
        plain = (np.abs(part - float(np.mean(grounds))) <= GROUND_TOLERANCE) | taken[top:bottom, left:right]
        middle = int((max(first[0], second[0]) + min(first[2], second[2])) / 2) - left
        if plain.shape[0] < 3 or not 0 < middle < plain.shape[1] - 1:
            return Between(crossed=False, neck=0.0, margins=(REACH, REACH))
        gap = plain[max(0, int(first[3]) + 1 - top) : max(0, int(second[1]) - top)]
        shared = gap[:, max(0, int(max(first[0], second[0])) - left) : max(1, int(min(first[2], second[2])) - left)]
        crossed = bool(shared.size) and float((~shared).any(0).mean()) >= CROSSED_SHARE
        plain = _without_specks(plain, thickness)
        out_left, out_right = _extent(plain[:, middle::-1]), _extent(plain[:, middle:])
        here, most = middle + left, BUBBLE_MARGIN * thickness
        neck = (
            max(
                _shortfall(out_left, (here - first[0] + most, here - second[0] + most)),
                _shortfall(out_right, (first[2] - here + most, second[2] - here + most)),
            )
            / thickness
        )
        halfway = len(plain) // 2
        beyond_left = (float(out_left[halfway]) - (middle + left - low)) / thickness
        beyond_right = (float(out_right[halfway]) - (high - middle - left)) / thickness
        return Between(crossed, neck, (min(REACH, beyond_left), min(REACH, beyond_right)))


def _turned(line: Line, vertical: bool) -> tuple[float, float, float, float]:
    return (line.y0, line.x0, line.y1, line.x1) if vertical else (line.x0, line.y0, line.x1, line.y1)


def _extent(plain: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For every row, how many cells from its start are plain."""
    return np.asarray(np.where(plain.all(1), plain.shape[1], (~plain).argmax(1)), dtype=np.int64)


def _without_specks(plain: NDArray[np.bool_], thickness: float) -> NDArray[np.bool_]:
    """Small dark spots away from the edge are print that was not found (dots, marks), not outlines."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats((~plain).astype(np.uint8))
    small = (stats[:, cv2.CC_STAT_WIDTH] < thickness) & (stats[:, cv2.CC_STAT_HEIGHT] < thickness)
    small[np.unique(np.concatenate([parts[:, 0], parts[:, -1]]))] = False
    return np.asarray(plain | small[parts], dtype=np.bool_)


def _shortfall(extent: NDArray[np.int64], most: tuple[float, float]) -> float:
    """How far the edge falls short of the straight line between its ends, in pixels; outliers of a row or two do not count.

    `most` caps the ends: ground that runs on past a line's words may belong to a third bubble.
    """
    end = max(1, len(extent) // 5)
    first, last = (float(np.median(part)) for part in (extent[:end], extent[-end:]))
    short = np.linspace(min(first, most[0]), min(last, most[1]), len(extent)) - extent
    return float(np.sort(short)[-min(3, len(short))])
