"""What words stand in: a bubble, a caption box, open plain ground, or art. Told by the outline of the plain ground around them.

The ground spreads from the words until something stops it. Where it is stopped on all sides close to the words there is an outline:
a caption's has corners, a bubble's has none. The trap: drawn sounds often have a white rim, which is plain ground too, but no wider
than a stroke; ground counts only where it is wider than that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.readers.base import Box
from backend.readers.embedded.burst import is_burst
from backend.readers.embedded.line import Line

TOLERANCE: Final = 30
"""Greys this near to the ground's are ground (of 255)."""

LEAK: Final = 0.3
"""Ways out of an outline that are narrower than this are closed, in thicknesses: tails that are left open, rims of letters."""

PRINT_PAD: Final = 0.12
BAND: Final = 0.25
"""The ground is looked at between these two distances from the words, in thicknesses."""

MIN_PLAIN: Final = 0.6
"""Share of that band that must be one piece of plain ground; less is art."""

REACH: Final = 0.75
REACH_MORE: Final = 3.0
"""How far an outline is looked for: this share of the longer side of the words, and this many thicknesses."""

CORNER: Final = 0.1
"""Side of the squares that tell a corner from a bend, as a share of the shorter side of the outline."""

CORNER_FILLED: Final = 0.85
MIN_CORNERS: Final = 3
MIN_FILLED: Final = 0.9
"""How much of such a square, how many of the four, and how much of the whole a caption's ground fills."""

MIN_MARGIN: Final = 0.05
"""Least room between the words and a caption's edge beyond `PRINT_PAD`, in thicknesses."""

MURKY: Final = (70, 190)
"""A bubble's ground is lighter or darker than these greys; between them is shading."""

ROOM: Final = 1.35
"""A bubble's ground is at least this many times as large as the words; the rim of drawn sounds is not."""

MAX_ASIDE: Final = 0.25
"""How far the middle of the words is from the middle of a bubble, as a share of the bubble."""

MIN_SOLIDITY: Final = 0.75
"""Least share of its convex hull that a bubble fills; a star has 0.8 and more."""

SNUG: Final = 2.0
"""A caption box is at most this many times the area of its words with a margin of one thickness; larger rectangles are panels."""


class Surroundings(StrEnum):
    """Where words stand."""

    BUBBLE = "bubble"
    CAPTION = "caption"
    OPEN = "open"
    """Plain ground that runs on: a white panel, the page's margin."""
    ART = "art"


@dataclass(frozen=True, slots=True)
class Around:
    """What lies around one text."""

    place: Surroundings
    spiky: bool | None = None
    """Whether the outline of the bubble bursts outwards; None where there is no bubble."""


def surroundings(grey: NDArray[np.uint8], lines: Sequence[Line], taken: NDArray[np.bool_]) -> Around:
    """What the lines of one text stand in.

    Args:
        grey: the page, [height, width].
        lines: at least one.
        taken: [height, width], where print of any text stands.
    """
    thickness = float(np.median([line.thickness for line in lines]))
    words = (
        min(line.x0 for line in lines),
        min(line.y0 for line in lines),
        max(line.x1 for line in lines),
        max(line.y1 for line in lines),
    )
    reach = REACH * max(words[2] - words[0], words[3] - words[1]) + REACH_MORE * thickness
    left, top = max(0, int(words[0] - reach)), max(0, int(words[1] - reach))
    right, bottom = min(grey.shape[1], int(words[2] + reach) + 1), min(grey.shape[0], int(words[3] + reach) + 1)
    part, print_here = grey[top:bottom, left:right], taken[top:bottom, left:right]
    inner, outer = (print_mask(lines, pad, part.shape, (left, top)) for pad in (PRINT_PAD, BAND))
    band = outer & ~inner & ~print_here
    if not band.any():
        return Around(Surroundings.ART)
    ground = float(np.median(part[band]))
    plain = (
        (part >= max(0, math.ceil(ground - TOLERANCE))) & (part <= min(255, math.floor(ground + TOLERANCE))) | print_here | inner
    )
    region = _piece(plain, band, LEAK * thickness)
    if region is None or float(region[band].mean()) < MIN_PLAIN:
        return Around(Surroundings.ART)
    if region[0].any() or region[-1].any() or region[:, 0].any() or region[:, -1].any():
        return Around(Surroundings.OPEN)
    inside = (words[0] - left, words[1] - top, words[2] - left, words[3] - top)
    if _is_snug_rectangle(region, inner, inside, thickness):
        return Around(Surroundings.CAPTION)
    roomy = region.sum() >= ROOM * inner.sum()
    if roomy and _holds(region, inside) and not MURKY[0] < ground < MURKY[1]:
        return Around(Surroundings.BUBBLE, is_burst(region, thickness))
    return Around(Surroundings.OPEN)


def print_mask(lines: Sequence[Line], pad: float, shape: tuple[int, ...], corner: tuple[int, int] = (0, 0)) -> NDArray[np.bool_]:
    """Where the lines' print stands, each grown by `pad` thicknesses; [height, width], its top left pixel is `corner` (x, y)."""
    mask = np.zeros(shape, np.uint8)
    for line in lines:
        cv2.fillConvexPoly(mask, line.corners(pad * line.thickness) - np.array(corner, np.int32), (1,))
    return mask.astype(np.bool_)


def _piece(plain: NDArray[np.bool_], band: NDArray[np.bool_], leak: float) -> NDArray[np.bool_] | None:
    """The connected piece of plain ground that most of the band lies in, holes filled, narrow ways out closed."""
    kernel = np.ones((max(3, round(leak)),) * 2, np.uint8)
    wide = cv2.morphologyEx(plain.astype(np.uint8), cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_REPLICATE)
    count, parts = cv2.connectedComponents(wide, connectivity=4)
    votes = np.bincount(parts[band], minlength=count)
    votes[0] = 0
    if not votes.any():
        return None
    region = np.pad((parts == int(votes.argmax())).astype(np.uint8), 1)
    # What the piece encloses is part of it: words, marks nobody found. The frame of the padding is outside by construction.
    cv2.floodFill(region, None, (0, 0), (2,), flags=4)
    return np.asarray(region[1:-1, 1:-1] != 2, dtype=np.bool_)


def _is_snug_rectangle(region: NDArray[np.bool_], inner: NDArray[np.bool_], words: Box, thickness: float) -> bool:
    across, down = region.sum(0), region.sum(1)
    wide, high = np.flatnonzero(across > across.max() / 2), np.flatnonzero(down > down.max() / 2)
    x0, y0, x1, y1 = int(wide[0]), int(high[0]), int(wide[-1]) + 1, int(high[-1]) + 1
    box = region[y0:y1, x0:x1]
    margin, least = 2 * thickness, (PRINT_PAD + MIN_MARGIN) * thickness
    if min(words[0] - x0, words[1] - y0, x1 - words[2], y1 - words[3]) < least or box.mean() < MIN_FILLED:
        return False  # what fits the words as closely as their own boxes is no outline
    if box.size > SNUG * (words[2] - words[0] + margin) * (words[3] - words[1] + margin):
        return False
    side = max(2, round(CORNER * min(box.shape)))
    free = ~inner[y0:y1, x0:x1]  # the words' own boxes have corners too, and fill those of a tight bubble
    corners = [
        box[rows, columns][free[rows, columns]]
        for rows in (slice(side), slice(-side, None))
        for columns in (slice(side), slice(-side, None))
    ]
    seen = [corner for corner in corners if corner.size > 0.3 * side * side]
    return sum(float(corner.mean()) >= CORNER_FILLED for corner in seen) >= MIN_CORNERS


def _holds(region: NDArray[np.bool_], words: Box) -> bool:
    """Whether the ground has the form of a bubble around these words: without deep bays, the words about its middle."""
    ground = region.astype(np.uint8)
    x, y, width, height = cv2.boundingRect(ground)
    aside = abs((words[0] + words[2]) / 2 - x - width / 2) / width, abs((words[1] + words[3]) / 2 - y - height / 2) / height
    # The edge has the hull of the whole, in an eighth of the time.
    edge, _ = cv2.findContours(ground, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = float(cv2.contourArea(cv2.convexHull(np.concatenate(edge))))
    return bool(max(aside) <= MAX_ASIDE and int(ground.sum()) >= MIN_SOLIDITY * hull)
