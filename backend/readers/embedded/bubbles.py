"""Lines to bubbles: which lines belong together, in which order they are read, and how they join to a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.readers.base import Box
from backend.readers.embedded.interior import Page
from backend.readers.embedded.joining import join_lines
from backend.readers.embedded.line import Line

COLUMN_GAP: Final = 0.85
ROW_GAP: Final = 0.65
CAPITALS_GAP: Final = 0.85
"""Widest gap between neighbouring lines of one bubble (columns; rows; rows of capitals, which fill less of their line), in
thicknesses."""

WIDE_GAP: Final = 1.25
"""Widest gap between lines of equal size that one outline encloses."""

MAX_UNEVEN: Final = 1.5
"""Lines that stand that far apart differ no more in thickness."""

MAX_NECK: Final = 0.5
MAX_WIDE_NECK: Final = 0.2
"""A neck deeper than this, in thicknesses, parts two joined bubbles; the second where the gap is wide."""

LEVEL: Final = 0.5
LEVEL_NECK: Final = 1.2
LEVEL_WIDE_NECK: Final = 0.5
"""Columns whose tops differ by less than `LEVEL` thicknesses are one text more often than not: joined bubbles stand at different
heights. So their necks have to be deeper."""

MAX_SIZE_RATIO: Final = 2.2
"""Lines whose thickness differs more are not one text."""

MIN_ALONGSIDE: Final = 0.35
"""Share of the shorter line that runs alongside the other."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """Lines that are read as one, in reading order. Not yet a `TextBox`: nobody has said what it is for."""

    lines: tuple[Line, ...]
    vertical: bool

    @property
    def box(self) -> Box:
        return (
            min(line.x0 for line in self.lines),
            min(line.y0 for line in self.lines),
            max(line.x1 for line in self.lines),
            max(line.y1 for line in self.lines),
        )

    @property
    def text(self) -> str:
        return join_lines([line.text for line in self.lines])

    @property
    def confidence(self) -> float:
        return min(line.confidence for line in self.lines)


def group_lines(lines: Sequence[Line], page: Page | None = None) -> list[Bubble]:
    """Bubbles in no particular order; every line is in exactly one. `page` lets outlines and necks part lines that stand close."""
    parent = list(range(len(lines)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i, a in enumerate(lines):
        for j, b in enumerate(lines[:i]):
            if _belong_together(a, b, page):
                parent[root(i)] = root(j)
    groups: dict[int, list[Line]] = {}
    for i, line in enumerate(lines):
        groups.setdefault(root(i), []).append(line)
    return [_bubble(group) for group in groups.values()]


def _belong_together(a: Line, b: Line, page: Page | None) -> bool:
    directions = {line.vertical for line in (a, b)} - {None}
    if len(directions) > 1:
        return False
    return any(_neighbours(a, b, bool(vertical), page) for vertical in directions or (True, False))


def _neighbours(a: Line, b: Line, vertical: bool, page: Page | None) -> bool:
    across = min(a.x1, b.x1) - max(a.x0, b.x0)
    along = min(a.y1, b.y1) - max(a.y0, b.y0)
    sizes, lengths = (_size(a, vertical), _size(b, vertical)), (a.height, b.height)
    if not vertical:
        across, along, lengths = along, across, (a.width, b.width)
    thin, thick = min(sizes), max(sizes)
    # A lone character or a line without tall letters is thinner than its neighbours and stands no nearer for it.
    size = thick if thick < 1.7 * thin else thin
    if across > 0.6 * thin and -along < 0.9 * thin and thick <= MAX_SIZE_RATIO * thin:
        return True  # one line that was found in pieces
    leaning = vertical and abs(a.y0 - b.y0) > 3 * thick and along < 0.6 * min(lengths)  # two bubbles, each with its own top
    if thick > MAX_SIZE_RATIO * thin or along <= MIN_ALONGSIDE * min(lengths) or -across >= WIDE_GAP * size or leaning:
        return False
    row_gap = CAPITALS_GAP if a.text.isupper() and b.text.isupper() else ROW_GAP
    close = -across < (COLUMN_GAP if vertical else row_gap) * size
    if page is None:
        return close
    between = page.between(a, b, vertical)
    level = vertical and abs(a.y0 - b.y0) < LEVEL * thin
    if close:
        return not between.crossed and between.neck < (LEVEL_NECK if level else MAX_NECK)
    deepest = LEVEL_WIDE_NECK if level else MAX_WIDE_NECK
    return not between.crossed and between.neck < deepest and between.enclosed and thick < MAX_UNEVEN * thin


def _size(line: Line, vertical: bool) -> float:
    """About one character, across the line: the longer side of a lone one, which may be a narrow letter."""
    return max(line.width, line.height) if len(line.text) == 1 and line.is_cjk else line.width if vertical else line.height


def _bubble(lines: Sequence[Line]) -> Bubble:
    """The lines in reading order: columns from right to left or rows downward, pieces of one line put in line."""
    in_columns = sum(len(line.text) for line in lines if line.vertical)
    in_rows = sum(len(line.text) for line in lines if line.vertical is False)
    vertical = in_columns > in_rows or (in_columns + in_rows == 0 and all(line.is_cjk for line in lines))
    rest = sorted(lines, key=lambda line: -(line.x0 + line.x1) if vertical else line.y0 + line.y1)
    ordered: list[Line] = []
    while rest:
        pieces = [line for line in rest if line is rest[0] or _same_line(rest[0], line, vertical)]
        ordered += sorted(pieces, key=lambda line: line.y0 if vertical else line.x0)
        rest = [line for line in rest if line not in pieces]
    return Bubble(tuple(ordered), vertical)


def _same_line(a: Line, b: Line, vertical: bool) -> bool:
    if vertical:
        return min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 * min(a.width, b.width)
    return min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5 * min(a.height, b.height)
