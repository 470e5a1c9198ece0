"""Gutters: the blank bands between panels, found in the image, and the tree of regions they cut a page into.

A page is cut again and again at its best gutter, across first and then down, until no region has one; then at frame lines
(`frames.py`). The cuts may be slightly slanted, as artists draw them. Nothing here knows about text or about right and left:
`order.py` walks the tree.

The trap: a blank stretch inside a panel looks like a gutter too. A band counts only if it runs the whole way through its region,
is thin, is not crossed by a frame, and leaves a piece worth having on both sides; bubbles and art break most others.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.readers.base import Box
from backend.readers.layout.frames import FrameLines

MAP_SIZE: Final = 600
"""Longest side of the map gutters are looked for in, in cells; a strip's map is longer."""

MAX_DEPTH: Final = 9
SLANTS: Final = (0.0, 0.05, -0.05, 0.1, -0.1, 0.16, -0.16)
"""Slopes tried, in cells down per cell across."""

BLANK_SHARE: Final = 0.98
"""Share of a line's cells that must be blank for it to belong to a gutter."""

FRAME: Final = 20
"""A straight line that crosses a blank band and runs on for this many cells on both sides is the frame of a blank panel."""

MIN_PIECE: Final = MAP_SIZE // 10
"""A cut leaves at least this many cells on both sides."""

MAX_GUTTER: Final = 0.12
"""Widest gutter, as a share of the map's longer side: wider blanks are missing art, not gutters."""

UNBROKEN: Final = 0.95
"""Share of inked cells from which a line counts as straight and whole."""

MIN_PANEL_SHARE: Final = 0.01
"""Share of the page below which a region is not called a panel."""

MIN_APART: Final = 4
MAX_ASIDE: Final = 0.12
"""What lies this many cells beside a panel and is at most this share of its extent does not belong to it."""

BlankMap = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a region falls in two. `down` is True when the pieces lie one under the other.

    The line is `place + slope * (t - middle)` in page pixels, t running along it.
    """

    down: bool
    place: float
    slope: float
    middle: float

    def before(self, x: float, y: float) -> bool:
        """Whether a point lies above (or left of) the gutter."""
        across, along = (y, x) if self.down else (x, y)
        return across < self.place + self.slope * (along - self.middle)


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the page (pixels); with a cut, the two regions above/left and below/right of it."""

    box: Box
    cut: Cut | None = None
    pieces: tuple[Region, Region] | None = None

    def leaves(self) -> list[Region]:
        if self.pieces is None:
            return [self]
        return self.pieces[0].leaves() + self.pieces[1].leaves()


def cut_page(image: Image.Image) -> Region:
    """The tree of regions of a page; its root is the whole page."""
    grey, scale = _grey_map(image)
    blank = _blank(grey)
    cuts = MAX_DEPTH * -(-blank.shape[0] // MAP_SIZE)  # a strip has as many for every page's height
    return _cut(blank, FrameLines(grey), scale, (0, 0, blank.shape[1], blank.shape[0]), cuts)


def panels_of(image: Image.Image, root: Region) -> list[Box]:
    """The leaves of the tree that hold something, drawn in to what they hold, in the tree's order (top left first)."""
    grey, scale = _grey_map(image)
    blank = _blank(grey)
    panels = []
    for leaf in root.leaves():
        x0, y0, x1, y1 = (round(value * scale) for value in leaf.box)
        ink = ~blank[y0:y1, x0:x1]
        rows, columns = (_content(ink.sum(axis) > 0.02 * ink.shape[axis]) for axis in (1, 0))
        if not rows.size or not columns.size:
            continue
        box = (x0 + columns[0], y0 + rows[0], x0 + columns[-1] + 1, y0 + rows[-1] + 1)
        if (box[2] - box[0]) * (box[3] - box[1]) >= MIN_PANEL_SHARE * blank.size:
            panels.append(_clip(tuple(float(value) / scale for value in box), image.size))
    return panels


def _content(inked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The lines of cells that belong to a panel: those with more ink than specks, less what stands apart from most of them at an edge.

    A page number or a line of words in the margin is parted from the panel by blank cells and is thin.
    """
    lines = np.flatnonzero(inked)
    while lines.size:
        runs = np.split(lines, np.flatnonzero(np.diff(lines) >= MIN_APART) + 1)
        thin = MAX_ASIDE * lines.size
        if len(runs) > 1 and runs[-1].size <= thin:
            lines = lines[: -runs[-1].size]
        elif len(runs) > 1 and runs[0].size <= thin:
            lines = lines[runs[0].size :]
        else:
            break
    return lines


def _clip(box: tuple[float, ...], size: tuple[int, int]) -> Box:
    return (max(0.0, box[0]), max(0.0, box[1]), min(float(size[0]), box[2]), min(float(size[1]), box[3]))


def _grey_map(image: Image.Image) -> tuple[NDArray[np.uint8], float]:
    """The page scaled to the map's size, in greys, and the scale."""
    # Of a long strip a screenful is mapped as finely as a page is, but a sliver is not enlarged: its map would know no bounds.
    scale = MAP_SIZE / max(image.width, min(image.height, 2 * image.width))
    if image.height > 2 * image.width:
        scale = min(1.0, scale)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.convert("L").resize(size, Image.Resampling.BOX)), scale


def _blank(grey: NDArray[np.uint8]) -> BlankMap:
    """Which cells are gutter-coloured: white, or black on pages with black margins."""
    edge = np.concatenate([grey[:3].ravel(), grey[-3:].ravel(), grey[:, :3].ravel(), grey[:, -3:].ravel()])
    return grey < 40 if np.median(edge) < 60 else grey > 218


def _cut(blank: BlankMap, frames: FrameLines, scale: float, region: tuple[int, int, int, int], cuts: int) -> Region:
    x0, y0, x1, y1 = region
    box = (x0 / scale, y0 / scale, x1 / scale, y1 / scale)
    found = _best_cut(blank, frames, region) if cuts else None
    if found is None:
        return Region(box)
    down, place, slope = found
    at, middle = int(place), (x0 + x1 - 1) / 2 if down else (y0 + y1 - 1) / 2
    first, second = ((x0, y0, x1, at), (x0, at, x1, y1)) if down else ((x0, y0, at, y1), (at, y0, x1, y1))
    pieces = (_cut(blank, frames, scale, first, cuts - 1), _cut(blank, frames, scale, second, cuts - 1))
    return Region(box, Cut(down, place / scale, slope, middle / scale), pieces)


def _best_cut(blank: BlankMap, frames: FrameLines, region: tuple[int, int, int, int]) -> tuple[bool, float, float] | None:
    """Whether the pieces lie one under the other, the cut's place on the map, and its slope; gutters before frame lines."""
    x0, y0, x1, y1 = region
    for down in (True, False):
        cells = blank[y0:y1, x0:x1]
        gutter = _best_gutter(cells if down else cells.T, max(blank.shape))
        if gutter is not None:
            return down, (y0 if down else x0) + gutter[0], gutter[1]
    for down in (True, False):
        line = frames.best(region, down, MIN_PIECE)
        if line is not None:
            return down, *line
    return None


def _best_gutter(cells: BlankMap, page_size: int) -> tuple[int, float] | None:
    """The row and slope of the best blank band across `cells`, or None."""
    height, width = cells.shape
    if height < 2 * MIN_PIECE or width < 6:
        return None
    best: tuple[float, int, float] | None = None
    middle = (width - 1) / 2
    for slope in SLANTS:
        offsets = np.round(slope * (np.arange(width) - middle)).astype(int)
        blank, on_page = _sheared(cells, offsets)
        share = blank.sum(1) / np.maximum(1, on_page.sum(1))
        good = (share >= BLANK_SHARE) & (on_page.mean(1) > 0.97)
        good[:MIN_PIECE] = good[height - MIN_PIECE :] = False
        ink = ~blank & on_page
        beside = ink.copy()  # a line a little off its lane is one line
        beside[:, 1:] |= ink[:, :-1]
        beside[:, :-1] |= ink[:, 1:]
        edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if 2 <= end - start < MAX_GUTTER * page_size and not _crossed(beside, int(start), int(end)):
                # Cleaner first, then wider (up to a point), then straighter.
                quality = float(share[start:end].mean()) + 0.004 * min(end - start, 8) - 0.15 * abs(slope)
                if best is None or quality > best[0]:
                    best = (quality, int(start + end) // 2, slope)
    return None if best is None else best[1:]


def _sheared(cells: BlankMap, offsets: NDArray[np.intp]) -> tuple[BlankMap, BlankMap]:
    """`cells` with every column moved up by its offset, False from beyond the edge; and which of the cells were on the page."""
    height = len(cells)
    moved, on_page = np.zeros_like(cells), np.zeros_like(cells)
    edges = [0, *(np.flatnonzero(np.diff(offsets)) + 1), len(offsets)]
    for first, last in pairwise(edges):  # columns with one offset move together
        up = int(offsets[first])
        kept = slice(max(0, -up), min(height, height - up))
        moved[kept, first:last] = cells[max(0, up) : height + min(0, up), first:last]
        on_page[kept, first:last] = True
    return moved, on_page


def _crossed(ink: BlankMap, start: int, end: int) -> bool:
    """Whether a straight line runs across the rows `start` to `end` without a break, and on to both sides with small ones."""
    around = ink[max(0, start - FRAME) : end + FRAME]
    return bool(np.any(ink[start:end].all(0) & (around.mean(0) >= UNBROKEN)))
