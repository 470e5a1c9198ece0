"""Reading order: first the gutters of the page, then blank space between boxes inside a panel.

Rows before columns; columns from the right in a right-to-left book. The rule is that of a reader's eye, not a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.readers.base import Box, Direction
from backend.readers.layout.gutters import Region

OVERLAP_STEP: Final = 0.1
MAX_OVERLAP: Final = 0.5
"""Boxes may overlap by this share of the smaller one and still be told apart by a cut; tried in steps from 0."""

SIDE_WEIGHT: Final = 0.6
"""When no cut parts them: how much a step sideways counts against a step down."""


def reading_order(boxes: Sequence[Box], direction: Direction, page: Region | None = None) -> list[int]:
    """Indices of `boxes` in reading order. `page` is the gutter tree; a vertical strip has no use for it."""
    everything = list(range(len(boxes)))
    if page is None or direction is Direction.VERTICAL:
        return xy_cut(boxes, everything, direction)
    return _walk(page, boxes, everything, direction)


def _walk(region: Region, boxes: Sequence[Box], indices: list[int], direction: Direction) -> list[int]:
    if len(indices) < 2:
        return indices
    if region.cut is None or region.pieces is None:
        return xy_cut(boxes, indices, direction)
    cut = region.cut
    first = [i for i in indices if cut.before((boxes[i][0] + boxes[i][2]) / 2, (boxes[i][1] + boxes[i][3]) / 2)]
    second = [i for i in indices if i not in first]
    ordered = [_walk(region.pieces[0], boxes, first, direction), _walk(region.pieces[1], boxes, second, direction)]
    if not cut.down and direction is Direction.RTL:
        ordered.reverse()
    return ordered[0] + ordered[1]


def xy_cut(boxes: Sequence[Box], indices: list[int], direction: Direction, overlap: float = 0.0) -> list[int]:
    """Orders boxes by cutting at blank rows, then at blank columns, recursively; tolerates growing overlaps."""
    if len(indices) < 2:
        return indices
    for low, high in ((1, 3), (0, 2)):
        groups = _split(boxes, indices, low, high, overlap)
        if len(groups) > 1:
            if low == 0 and direction is Direction.RTL:
                groups.reverse()
            return [i for group in groups for i in xy_cut(boxes, group, direction, overlap)]
    if overlap < MAX_OVERLAP:
        return xy_cut(boxes, indices, direction, overlap + OVERLAP_STEP)
    side = -SIDE_WEIGHT if direction is Direction.RTL else SIDE_WEIGHT
    return sorted(indices, key=lambda i: boxes[i][1] + boxes[i][3] + side * (boxes[i][0] + boxes[i][2]))


def _split(boxes: Sequence[Box], indices: list[int], low: int, high: int, overlap: float) -> list[list[int]]:
    ordered = sorted(indices, key=lambda i: boxes[i][low])
    groups, end = [[ordered[0]]], boxes[ordered[0]][high]
    for i in ordered[1:]:
        slack = overlap * min(boxes[j][high] - boxes[j][low] for j in [*groups[-1], i])
        if boxes[i][low] >= end - slack:
            groups.append([i])
        else:
            groups[-1].append(i)
        end = max(end, boxes[i][high])
    return groups
