"""Lines to bubbles: which lines belong together, in which order they are read, and how they join to a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.readers.base import Box
from backend.readers.embedded.joining import join_lines
from backend.readers.embedded.line import Line

COLUMN_GAP: Final = 0.55
ROW_GAP: Final = 0.5
"""Widest gap between neighbouring lines of one bubble, in thicknesses of the thinner line."""

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


def group_lines(lines: Sequence[Line]) -> list[Bubble]:
    """Bubbles in no particular order; every line is in exactly one."""
    parent = list(range(len(lines)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i, a in enumerate(lines):
        for j, b in enumerate(lines[:i]):
            if _belong_together(a, b):
                parent[root(i)] = root(j)
    groups: dict[int, list[Line]] = {}
    for i, line in enumerate(lines):
        groups.setdefault(root(i), []).append(line)
    return [_bubble(group) for group in groups.values()]


def _belong_together(a: Line, b: Line) -> bool:
    directions = {line.vertical for line in (a, b)} - {None}
    if len(directions) > 1:
        return False
    return any(_neighbours(a, b, bool(vertical)) for vertical in directions or (True, False))


def _neighbours(a: Line, b: Line, vertical: bool) -> bool:
    across = min(a.x1, b.x1) - max(a.x0, b.x0)
    along = min(a.y1, b.y1) - max(a.y0, b.y0)
    sizes, lengths = (a.width, b.width), (a.height, b.height)
    if not vertical:
        across, along, sizes, lengths = along, across, lengths, sizes
    thin, thick = min(sizes), max(sizes)
    if thick > MAX_SIZE_RATIO * thin:
        return False
    beside = -across < (COLUMN_GAP if vertical else ROW_GAP) * thin and along > MIN_ALONGSIDE * min(lengths)
    if vertical and beside and abs(a.y0 - b.y0) > 3 * thick and along < 0.6 * min(lengths):
        beside = False  # two bubbles that lean on each other start at different heights
    in_line = across > 0.6 * thin and -along < 0.9 * thin  # one line that was found in pieces
    return beside or in_line


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
