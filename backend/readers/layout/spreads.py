"""Two-page spreads: which images show two pages of a book side by side, and what belongs to which of the two.

Such an image is read one page after the other, not row by row. It is told from one landscape page by four things that must all hold:
its halves have the shape of a book's page; near the middle runs a fold that no panel and no text lies across; there are panels on both
sides; and the two sides do not make common rows. They do not if the gaps between rows on one side are not level with those on the other,
or if the fold is wider than the gaps between panels are: the eye goes on over the narrower gap.

A picture over both pages is not torn: if it stands above or below everything else it is read before or after both pages, and if it stands
between, the image is read by rows, as it is wherever anything is in doubt. Nothing here looks at pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from backend.readers.base import Box, Direction

NARROWEST: Final = 1.2
WIDEST: Final = 1.75
"""Width over height of a spread: twice that of a page, from a tall American one to a squarish album."""

OFF_MIDDLE: Final = 0.06
"""How far beside the image's middle the fold may be, as a share of the width: scans are cropped by hand."""

SLACK: Final = 0.01
"""Shares of the width and of the height that boxes of neighbours may overlap by and gaps may be out of level by."""

WIDER: Final = 1.5
"""A fold is this many times as wide as the gaps between panels side by side in a page."""

WIDER_THAN_ROWS: Final = 1.2
"""And this many times as wide as those between rows, where no panels are side by side: most artists leave more room there."""

LEAST_FOLD: Final = 0.015
"""Narrowest gap that is taken for a fold by its width, as a share of the image's width."""

MOST_TORN: Final = 0.4
"""Share of the height that pictures over both pages may take; above, what is left are hardly pages."""

Gap = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """Where an image falls into pages, in its pixels. What lies above `top` or below `bottom` stands over both pages."""

    fold: float
    top: float
    bottom: float

    def parts(self, boxes: Sequence[Box], direction: Direction) -> list[list[int]]:
        """Indices of the boxes above both pages, of the page that is read first, of the other, and of those below, as given."""
        above: list[int] = []
        left: list[int] = []
        right: list[int] = []
        below: list[int] = []
        for at, (x0, y0, x1, y1) in enumerate(boxes):
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            part = above if y < self.top else below if y >= self.bottom else left if x < self.fold else right
            part.append(at)
        return [above, right, left, below] if direction is Direction.RTL else [above, left, right, below]


def find_spread(size: tuple[int, int], panels: Sequence[Box], texts: Sequence[Box], direction: Direction) -> Spread | None:
    """How an image falls into two pages; None if it is one page, a strip, or if that is in doubt.

    Args:
        size: width and height of the image.
        panels, texts: boxes in any order, as a reader found them.
    """
    width, height = size
    if not may_be_spread(size, direction):
        return None
    over = [box for box in panels if _lies_over(box, width)]
    pages = [box for box in panels if not _lies_over(box, width)]
    left, right = ([box for box in pages if (box[0] + box[2] < width) is first] for first in (True, False))
    if not left or not right:
        return None
    band = _band(over, pages, height)
    fold = max(box[2] for box in left), min(box[0] for box in right)
    if band is None or fold[1] - fold[0] < -SLACK * width or abs(sum(fold) - width) / 2 > OFF_MIDDLE * width:
        return None
    spread = Spread(sum(fold) / 2, *band)
    if any(_is_torn(text, spread) for text in texts) or _makes_rows(left, right, fold, size):
        return None
    return spread


def may_be_spread(size: tuple[int, int], direction: Direction) -> bool:
    """Whether an image has the shape of two pages, in a book that has pages."""
    return direction is not Direction.VERTICAL and NARROWEST <= size[0] / size[1] <= WIDEST


def _lies_over(box: Box, width: int) -> bool:
    """Whether a panel reaches well into both halves."""
    return min(width / 2 - box[0], box[2] - width / 2) > OFF_MIDDLE * width


def _band(over: Sequence[Box], pages: Sequence[Box], height: int) -> tuple[float, float] | None:
    """From where to where down the image there are two pages; None if pictures lie over the fold between their panels."""
    first, last = min(box[1] for box in pages), max(box[3] for box in pages)
    above = [box for box in over if box[3] <= first + SLACK * height]
    below = [box for box in over if box[1] >= last - SLACK * height]
    if len(above) + len(below) < len(over):
        return None
    ends = max((box[3] for box in above), default=0.0), min((box[1] for box in below), default=float(height))
    if ends[0] + height - ends[1] > MOST_TORN * height:
        return None
    return (ends[0] + first) / 2 if above else -math.inf, (ends[1] + last) / 2 if below else math.inf


def _is_torn(text: Box, spread: Spread) -> bool:
    """Whether the fold runs through the inner half of a text that stands on the pages."""
    x0, y0, x1, y1 = text
    inner = (x1 - x0) / 4
    return spread.top <= (y0 + y1) / 2 < spread.bottom and x0 + inner < spread.fold < x1 - inner


def _makes_rows(left: Sequence[Box], right: Sequence[Box], fold: Gap, size: tuple[int, int]) -> bool:
    """Whether the panels on both sides read as rows of one page."""
    width, height = size
    rows = [_gaps(side, SLACK * height) for side in (left, right)]
    odd = [sum(not any(_level(gap, other, height) for other in across) for gap in own) for own, across in (rows, rows[::-1])]
    if all(count == len(own) for count, own in zip(odd, rows, strict=True)) or all(odd):
        return False  # not one gap is level with another, or either side has one that has no like
    opening = fold[1] - fold[0]
    beside = _beside(left) + _beside(right)
    usual = (
        WIDER * median(beside) if beside else WIDER_THAN_ROWS * median(after - before for own in rows for before, after in own)
    )
    return opening < max(usual, LEAST_FOLD * width)


def _gaps(boxes: Sequence[Box], slack: float) -> list[Gap]:
    """The gaps between the rows that boxes make, from the top down; rows may overlap by `slack`."""
    gaps: list[Gap] = []
    ordered = sorted(boxes, key=lambda box: box[1])
    end = ordered[0][3]
    for box in ordered[1:]:
        if box[1] >= end - slack:
            gaps.append((min(end, box[1]), max(end, box[1])))
        end = max(end, box[3])
    return gaps


def _level(a: Gap, b: Gap, height: int) -> bool:
    """Whether one straight line runs through two gaps."""
    return min(a[1], b[1]) - max(a[0], b[0]) >= -SLACK * height


def _beside(panels: Sequence[Box]) -> list[float]:
    """Widths of the gaps between panels of a page that stand side by side; none is less than 0."""
    gaps = []
    for one in panels:
        after = [box[0] for box in panels if box[0] >= (one[0] + one[2]) / 2 and box[2] > one[2] and _share_rows(one, box)]
        if after:
            gaps.append(max(0.0, min(after) - one[2]))
    return gaps


def _share_rows(a: Box, b: Box) -> bool:
    """Whether the shorter of two boxes stands beside the other for more than half its height."""
    return min(a[3], b[3]) - max(a[1], b[1]) > min(a[3] - a[1], b[3] - b[1]) / 2
