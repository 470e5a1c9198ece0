"""An image's gutters and panels, found page by page where it shows two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from backend.readers.base import Box, Direction
from backend.readers.layout.gutters import Cut, Region, cut_page, panels_of
from backend.readers.layout.order import reading_order
from backend.readers.layout.seams import find_seam
from backend.readers.layout.spreads import OFF_MIDDLE, Spread, find_spread, may_be_spread


def lay_out(image: Image.Image, texts: Sequence[Box], direction: Direction) -> tuple[Region, list[Box]]:
    """The tree of regions, and the panels in reading order.

    The pages of a spread are cut up each for itself, as if the image showed nothing else, under a cut at the fold.
    """
    tree = cut_page(image)
    panels = panels_of(image, tree)
    spread = find_spread(image.size, panels, texts, direction)
    if spread is not None:
        tree, panels = _cut_spread(image, spread)
    elif may_be_spread(image.size, direction) and (seam := find_seam(image, OFF_MIDDLE)) is not None:
        # Where art meets art in the middle no gutter is found there, and panels of both pages are taken for one.
        pages, halves = _side_by_side(image, (0, 0, *image.size), seam)
        if find_spread(image.size, halves, texts, direction) is not None:
            tree, panels = pages, halves
    return tree, [panels[at] for at in reading_order(panels, direction, tree)]


def _cut_spread(image: Image.Image, spread: Spread) -> tuple[Region, list[Box]]:
    """As `cut_page` and `panels_of`; what lies over both pages is parted from them by level cuts."""
    top, bottom = round(max(0.0, spread.top)), round(min(float(image.height), spread.bottom))
    fold = round(spread.fold)
    pages, panels = _side_by_side(image, (0, top, image.width, bottom), fold)
    if top > 0:
        above, more = _cut_part(image, (0, 0, image.width, top))
        pages, panels = _joined(above, pages, down=True), more + panels
    if bottom < image.height:
        below, more = _cut_part(image, (0, bottom, image.width, image.height))
        pages, panels = _joined(pages, below, down=True), panels + more
    return pages, panels


def _side_by_side(image: Image.Image, part: tuple[int, int, int, int], fold: int) -> tuple[Region, list[Box]]:
    x0, y0, x1, y1 = part
    left, panels = _cut_part(image, (x0, y0, fold, y1))
    right, more = _cut_part(image, (fold, y0, x1, y1))
    return _joined(left, right, down=False), panels + more


def _cut_part(image: Image.Image, part: tuple[int, int, int, int]) -> tuple[Region, list[Box]]:
    """The tree and the panels of a part of an image, at their places in the whole."""
    page = image.crop(part)
    tree = cut_page(page)
    x, y = part[:2]
    return _moved(tree, x, y), [_moved_box(panel, x, y) for panel in panels_of(page, tree)]


def _joined(first: Region, second: Region, *, down: bool) -> Region:
    """Two regions that touch along a straight line."""
    box = (*first.box[:2], *second.box[2:])
    place, middle = (first.box[3], (box[0] + box[2]) / 2) if down else (first.box[2], (box[1] + box[3]) / 2)
    return Region(box, Cut(down, place, 0.0, middle), (first, second))


def _moved(region: Region, x: float, y: float) -> Region:
    cut, pieces = region.cut, region.pieces
    if cut is not None:
        across, along = (y, x) if cut.down else (x, y)
        cut = replace(cut, place=cut.place + across, middle=cut.middle + along)
    if pieces is not None:
        pieces = _moved(pieces[0], x, y), _moved(pieces[1], x, y)
    return Region(_moved_box(region.box, x, y), cut, pieces)


def _moved_box(box: Box, x: float, y: float) -> Box:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y
