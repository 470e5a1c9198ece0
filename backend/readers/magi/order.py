"""The order panels and texts are read in.

For each two panels a rule says which comes first: the one above, or, side by side, the one on the side the book begins at; where one lies
lower on the first side, the straight cuts of the surrounding panels decide. These answers make a graph; where they contradict each other in
a circle, the circle is cut between the two panels that lie furthest apart. Texts follow their panel and go outwards from its first corner.

Rules are stated for right-to-left; left-to-right is the mirror image, and a vertical strip is read left-to-right. All this is upstream's;
only `order_page` knows that an image may show two pages, and puts each in order for itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from backend.readers.base import Box, Direction
from backend.readers.layout.spreads import find_spread
from backend.readers.magi.detections import intersections

_EROSION: Final = 0.05
"""Share of its longer side that a box is shrunk by before it is compared: detected edges overlap by a few pixels."""
_ROUNDS: Final = 200
"""Erosions before two boxes that stay entangled are ordered by their centres (identical or nested boxes)."""


def order_page(
    panels: Sequence[Box], texts: Sequence[Box], size: tuple[int, int] | None, direction: Direction
) -> tuple[list[int], list[int], list[int | None]]:
    """Orders what is on an image of `size` (width, height), one page of a spread after the other; None: it is one page, whatever it shows.

    Returns:
        indices of `panels` and of `texts` in reading order, and for each text (in the order given) the place of its panel in that order.
    """
    spread = None if size is None else find_spread(size, panels, texts, direction)
    if spread is None:
        panel_order = order_panels(panels, direction)
        return panel_order, *order_texts(texts, [panels[at] for at in panel_order], direction)
    panel_order = []
    text_order: list[int] = []
    owners: list[int | None] = [None] * len(texts)
    for here, said in zip(spread.parts(panels, direction), spread.parts(texts, direction), strict=True):
        ranked = [here[at] for at in order_panels([panels[at] for at in here], direction)]
        found, own = order_texts([texts[at] for at in said], [panels[at] for at in ranked], direction)
        for at, owner in zip(said, own, strict=True):
            owners[at] = None if owner is None else len(panel_order) + owner
        panel_order += ranked
        text_order += [said[at] for at in found]
    return panel_order, text_order, owners


def order_panels(panels: Sequence[Box], direction: Direction = Direction.RTL) -> list[int]:
    """Indices of `panels` in reading order; the result depends on the layout alone, not on units."""
    boxes = [_shrunk(box) for box in _facing_left(panels, direction)]
    shrunk = _Shrunk(boxes)
    count = len(boxes)
    after = [0] * count
    for a in range(count):
        for b in range(a + 1, count):
            if _precedes(a, b, shrunk):
                after[a] |= 1 << b
            else:
                after[b] |= 1 << a
    _cut_circles(after, boxes)
    return _sorted_by(after)


def order_texts(
    texts: Sequence[Box], panels: Sequence[Box], direction: Direction = Direction.RTL
) -> tuple[list[int], list[int | None]]:
    """Orders texts given panels that are already in reading order.

    Returns:
        indices of `texts` in reading order, and for each text (in the order given) the index of its panel, None without panels.
    """
    owners = owning_panels(texts, panels)
    turned = _facing_left(texts, direction)
    order: list[int] = []
    for panel in [None] if not panels else range(len(panels)):
        group = [at for at, owner in enumerate(owners) if owner == panel]
        if not group:
            continue
        corner = max(turned[at][2] for at in group), min(turned[at][1] for at in group)
        order += sorted(group, key=lambda at: _distance_to(turned[at], *corner))
    return order, owners


def owning_panels(texts: Sequence[Box], panels: Sequence[Box]) -> list[int | None]:
    """For each text the panel it shares most area with, else the nearest one."""
    if not panels or not texts:
        return [None] * len(texts)
    shared = intersections(np.asarray(texts, dtype=np.float64), np.asarray(panels, dtype=np.float64))
    owners: list[int | None] = []
    for text, areas in zip(texts, shared, strict=True):
        if areas.max() > 0:
            owners.append(int(areas.argmax()))
        else:
            owners.append(min(range(len(panels)), key=lambda at: _distance(text, panels[at])))
    return owners


def _facing_left(boxes: Sequence[Box], direction: Direction) -> list[Box]:
    """Boxes mirrored so that the book reads from right to left."""
    if direction is Direction.RTL:
        return [(float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in boxes]
    return [(-float(x1), float(y0), -float(x0), float(y1)) for x0, y0, x1, y1 in boxes]


def _shrunk(box: Box) -> Box:
    """The longer side loses `_EROSION`, the shorter one less in proportion: thin boxes do not vanish before they come apart."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    share = _EROSION / 2 / max(width, height, 1e-9)
    return x0 + width * width * share, y0 + height * height * share, x1 - width * width * share, y1 - height * height * share


class _Shrunk:
    """Boxes after 0, 1, 2, ... erosions, each round computed once for all pairs."""

    def __init__(self, boxes: list[Box]) -> None:
        self._rounds = [boxes]

    def __getitem__(self, number: int) -> list[Box]:
        while number >= len(self._rounds):
            self._rounds.append([_shrunk(box) for box in self._rounds[-1]])
        return self._rounds[number]


def _precedes(a: int, b: int, shrunk: _Shrunk) -> bool:  # noqa: PLR0911 - one answer a rule
    """Whether panel `a` is read before panel `b`."""
    for number in range(_ROUNDS):
        one, two = shrunk[number][a], shrunk[number][b]
        above, below = one[3] < two[1], two[3] < one[1]
        right, left = two[2] < one[0], one[2] < two[0]
        if above and not left:
            return True
        if below and not right:
            return False
        if right and not below:
            return True
        if left and not above:
            return False
        if below and right:
            return _cuts_say(a, b, shrunk)
        if above and left:
            return not _cuts_say(b, a, shrunk)
    return _centre_key(shrunk[0][a]) <= _centre_key(shrunk[0][b])


def _centre_key(box: Box) -> tuple[float, float]:
    return box[1] + box[3], -(box[0] + box[2])


def _cuts_say(a: int, b: int, shrunk: _Shrunk) -> bool:
    """Whether `a`, which lies lower and to the right of `b`, is still read before it.

    A horizontal cut through everything near the two says no, a vertical one says yes; the panels are shrunk until one appears.
    """
    for number in range(_ROUNDS):
        boxes = shrunk[number]
        one, two = boxes[a], boxes[b]
        frame = min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])
        near = [box for box in boxes if _touch(box, frame)]
        for axis in (1, 0):
            groups = _merged([(box[axis], box[axis + 2]) for box in near])
            at, other = (_group_of(box[axis], groups) for box in (one, two))
            if at != other:
                return at < other if axis == 1 else at > other
    return False


def _touch(a: Box, b: Box) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _merged(ranges: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Overlapping ranges joined, in rising order."""
    joined: list[tuple[float, float]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    return joined


def _group_of(value: float, groups: Sequence[tuple[float, float]]) -> int:
    return next(at for at, (low, high) in enumerate(groups) if low <= value <= high)


def _cut_circles(after: list[int], boxes: Sequence[Box]) -> None:
    """Removes answers until none contradict each other in a circle. `after[a]` has bit b set if `a` is read before `b`."""
    start = 0
    while start < len(after):
        circle = _first_circle(after, start)
        if not circle:
            start += 1
            continue
        # Of pairs equally far apart (touching ones, mostly) the last is cut: the one that leads back to the first panel.
        edges = list(zip(circle, [*circle[1:], circle[0]], strict=True))[::-1]
        a, b = max(edges, key=lambda edge: _distance(boxes[edge[0]], boxes[edge[1]]))
        after[a] &= ~(1 << b)


def _first_circle(after: Sequence[int], start: int) -> list[int]:
    """Of the circles whose smallest panel is `start` the one that comes first when they are written from there and sorted; or none."""
    smaller = (1 << start) - 1
    if not _leads_back(after, start, start, smaller):
        return []
    path, taken = [start], smaller | 1 << start
    while not after[path[-1]] >> start & 1:
        at = next(at for at in _bits(after[path[-1]] & ~taken) if _leads_back(after, at, start, taken))
        path.append(at)
        taken |= 1 << at
    return path


def _leads_back(after: Sequence[int], source: int, target: int, barred: int) -> bool:
    """Whether a path of at least one step leads from `source` to `target` around the panels of `barred`."""
    barred &= ~(1 << target)
    seen = new = after[source] & ~barred
    while new:
        if seen >> target & 1:
            return True
        reached = 0
        for at in _bits(new):
            reached |= after[at]
        new = reached & ~seen & ~barred
        seen |= new
    return False


def _bits(mask: int) -> Iterator[int]:
    """Positions of the bits that are set, rising."""
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1


def _sorted_by(after: Sequence[int]) -> list[int]:
    """A topological order; of several possible next panels the one that became possible earliest, then the smallest index."""
    before = [sum(others >> at & 1 for others in after) for at in range(len(after))]
    ready = [at for at, count in enumerate(before) if count == 0]
    for at in ready:
        for other in _bits(after[at]):
            before[other] -= 1
            if before[other] == 0:
                ready.append(other)
    return ready


def _distance(a: Box, b: Box) -> float:
    """Between the nearest points of two boxes; 0 if they touch."""
    return math.hypot(max(0.0, a[0] - b[2], b[0] - a[2]), max(0.0, a[1] - b[3], b[1] - a[3]))


def _distance_to(box: Box, x: float, y: float) -> float:
    return _distance(box, (x, y, x, y))
