"""A page before and after the detector: whole, or, if it is a strip, in tiles whose findings become those of one page again.

The detector is shown at most 1,333 pixels of height: of a strip ten times as high as wide it would see lines of print as dust. So a strip
is cut into overlapping tiles of a page's shape, and of what a query finds in one only that counts whose middle lies in the tile's own
part. Everything after the detector (figures, links, order) knows the strip as one page. The traps: two tiles do not see a thing at quite
the same place, so where their parts meet each keeps a little more, and what both have kept is dropped once; and a figure or a panel
higher than the overlap is cut by the edges of both, has its middle in the part of each, and is put together again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from backend.readers.base import Direction
from backend.readers.embedded.strips import Tile, tiles
from backend.readers.magi import pixels
from backend.readers.magi.detections import OVERLAP, THRESHOLDS, area, corners, intersections
from backend.readers.magi.links import sigmoid

Floats = NDArray[np.float32]
NO_PAGE: Final = 4.0
"""Height over width that no page of a book has; what is higher is a strip whatever the book says."""

SLACK: Final = 0.03
"""How far beyond its own part a tile keeps what it sees, as a share of the strip's width. Three times as far from a seam, or from the edge
of a tile, nothing needs to be looked at twice."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A page ready for the network."""

    image: Image.Image
    """Grey, full size."""
    tiles: tuple[Tile, ...]
    """One, unless it is a strip."""
    shown_tiles: tuple[pixels.Grey, ...]
    """Each at the detector's size."""

    @property
    def shown(self) -> pixels.Grey:
        """The page, or the first tile of a strip, at the detector's size."""
        return self.shown_tiles[0]


@dataclass(frozen=True, slots=True)
class Objects:
    """What the detector says of one page, on the CPU in float32."""

    logits: Floats
    """(objects, classes)."""
    boxes: Floats
    """(objects, 4) centre and size, fractions of the page."""
    features: torch.Tensor
    """(objects, width)."""
    same_token: torch.Tensor
    speaker_token: torch.Tensor


def prepare(image: Image.Image, shortest: int, longest: int, direction: Direction | None = None) -> Prepared:
    """CPU work of some ten milliseconds a page: call it in a worker thread.

    Args:
        direction: of the book; its strips are tiled. None: the image is shown whole, whatever its shape.
    """
    page = pixels.grey(image)
    width, height = page.size
    whole = direction is None or (direction is not Direction.VERTICAL and height <= NO_PAGE * width)
    parts = (Tile(0, height, (-np.inf, np.inf)),) if whole else tuple(tiles(width, height))
    shown = (
        pixels.resized(
            page if len(parts) == 1 else page.crop((0, tile.top, width, tile.bottom)),
            pixels.page_size(width, tile.bottom - tile.top, shortest, longest),
        )
        for tile in parts
    )
    return Prepared(page, parts, tuple(shown))


def joined(page: Prepared, found: Sequence[Objects]) -> Objects:
    """What was found in each tile of a page, as one page's: tokens averaged, places those of the page."""
    if len(found) == 1:
        return found[0]
    width, height = page.image.size
    kept: list[tuple[Floats, Floats, torch.Tensor]] = []
    meeting: list[NDArray[np.bool_]] = []
    for tile, objects in zip(page.tiles, found, strict=True):
        boxes, share = objects.boxes.copy(), (tile.bottom - tile.top) / height
        boxes[:, 1] = tile.top / height + boxes[:, 1] * share
        boxes[:, 3] *= share
        middle, slack = boxes[:, 1] * height, SLACK * width
        own = np.flatnonzero((tile.own[0] - slack <= middle) & (middle < tile.own[1] + slack))
        kept.append((objects.logits[own], boxes[own], objects.features[torch.from_numpy(own)]))
        meeting.append((middle < tile.own[0] + 3 * slack)[own] | (middle >= tile.own[1] - 3 * slack)[own])
    logits, boxes = (np.concatenate([part[at] for part in kept]) for at in (0, 1))
    tile_of = np.repeat(np.arange(len(kept)), [len(part[0]) for part in kept])
    # What is sure enough to be kept is a few things a tile; all queries of a long strip would make a table of gigabytes.
    sure = sigmoid(logits.max(axis=1)) > min(THRESHOLDS.values())
    parts = np.flatnonzero(sure)
    whole, halves = _made_whole(
        logits[parts], corners(boxes[parts], width, height), tile_of[parts], page.tiles, 3 * SLACK * width
    )
    boxes[parts] = _centred(whole, width, height)
    sure[parts[halves]] = False
    near = np.flatnonzero(np.concatenate(meeting) & sure)
    doubles = near[_seen_better(logits[near], corners(boxes[near], width, height), tile_of[near])]
    once = np.setdiff1d(np.arange(len(boxes)), np.concatenate((parts[halves], doubles)))
    same, speaker = (
        torch.stack(tokens).mean(0)
        for tokens in zip(*((objects.same_token, objects.speaker_token) for objects in found), strict=True)
    )
    features = torch.cat([part[2] for part in kept])[torch.from_numpy(once)]
    return Objects(logits[once], boxes[once], features, same, speaker)


def _centred(boxes: Floats, width: int, height: int) -> Floats:
    """What `corners` makes corners of."""
    scaled = boxes / np.array([width, height, width, height], dtype=np.float32)
    low, high = scaled[:, :2], scaled[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=1)


def _made_whole(
    logits: Floats, boxes: Floats, tile_of: NDArray[np.intp], tiles: Sequence[Tile], near: float
) -> tuple[Floats, NDArray[np.intp]]:
    """Puts together what the edges of two tiles cut: each shows it as far as its edge, and what both show is as wide and as high as they
    overlap. A thing may go through several tiles, and is in each joined to one of the next at most.

    Args:
        boxes: (n, 4) corners in pixels of the strip.
        near: how near to the edge a box ends, in pixels, that is cut by it.

    Returns:
        The boxes, those that are seen most surely of what was put together being the whole, and indices of the others.
    """
    label, score = logits.argmax(axis=1), logits.max(axis=1)
    whole_of = np.arange(len(boxes))
    for at, (upper, lower) in enumerate(pairwise(tiles)):
        above = np.flatnonzero((tile_of == at) & (boxes[:, 3] >= upper.bottom - near))
        below = np.flatnonzero((tile_of == at + 1) & (boxes[:, 1] <= lower.top + near))
        if not (len(above) and len(below)):
            continue
        alike = _share_of_width(boxes[above], boxes[below]) * (label[above][:, None] == label[below][None])
        best = alike.argmax(axis=1)
        mutual = (alike.argmax(axis=0)[best] == np.arange(len(above))) & (alike.max(axis=1) > OVERLAP)
        for a, b in zip(above[mutual], below[best[mutual]], strict=True):
            whole_of[b] = whole_of[a]
    made, lost = boxes.copy(), []
    for first in np.unique(whole_of[whole_of != np.arange(len(boxes))]):
        found = np.flatnonzero(whole_of == first)
        surest = found[score[found].argmax()]
        made[surest] = (*boxes[found, :2].min(axis=0), *boxes[found, 2:].max(axis=0))
        lost += [one for one in found if one != surest]
    return made, np.array(lost, dtype=np.intp)


def _share_of_width(a: Floats, b: Floats) -> Floats:
    """(n, m): the width that boxes (n, 4) and (m, 4) share, of what they have together."""
    shared = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    together = np.maximum(a[:, None, 2], b[None, :, 2]) - np.minimum(a[:, None, 0], b[None, :, 0])
    return np.maximum(shared, 0) / np.maximum(together, 1e-9)  # type: ignore[no-any-return]


def _seen_better(logits: Floats, boxes: Floats, tile_of: NDArray[np.intp]) -> NDArray[np.intp]:
    """Indices of what another tile shows too, and as surely or more so."""
    label, score, place = logits.argmax(axis=1), logits.max(axis=1), np.arange(len(boxes))
    shared, size = intersections(boxes, boxes), area(boxes)
    alike = shared > OVERLAP * np.maximum(size[:, None] + size[None] - shared, 1e-9)
    alike &= (label[:, None] == label[None]) & (tile_of[:, None] != tile_of[None])
    better = (score[None] > score[:, None]) | ((score[None] == score[:, None]) & (place[None] < place[:, None]))
    return np.flatnonzero((alike & better).any(axis=1))
