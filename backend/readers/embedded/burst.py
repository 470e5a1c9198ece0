"""Whether the outline of a bubble bursts outwards, the drawn sign of a shout. Told by its sharp tips.

A tail is one tip, a pointed oval has two; the scallops of a thought are round outside and sharp inside only. Cautious: a burst that is
taken for a bubble is spoken a little too calmly, a bubble that is taken for a burst is shouted.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_TIPS: Final = 4
"""Sharp tips that make a burst. On 332 bubbles of real and drawn pages plain ones had at most 3, nearly all none or one."""

SHARP_DEGREES: Final = 75.0
"""Angle inside a tip, at most."""

DETAIL: Final = 0.3
"""What is smaller than this, in thicknesses of the print, is the pen and not the form."""

MAX_ROUGHNESS: Final = 2.2
"""Length of the outline over that of its hull, at most; lines that run together without closing are rougher."""


def is_burst(region: NDArray[np.bool_], thickness: float) -> bool:
    """Whether a bubble's ground has the form of a burst.

    Args:
        region: [height, width], one connected piece without holes.
        thickness: of the print in it, in pixels.
    """
    contours, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return False
    contour = max(contours, key=cv2.contourArea)
    around = cv2.arcLength(cv2.convexHull(contour), closed=True)
    if not around or cv2.arcLength(contour, closed=True) > MAX_ROUGHNESS * around:
        return False
    corners = cv2.approxPolyDP(contour, DETAIL * thickness, closed=True)[:, 0].astype(np.float64)
    return len(corners) >= MIN_TIPS and _tips(corners) >= MIN_TIPS


def _tips(corners: NDArray[np.float64]) -> int:
    """How many corners of a polygon, [n, 2], point outwards and are sharp."""
    back, ahead = np.roll(corners, 1, 0) - corners, np.roll(corners, -1, 0) - corners
    turn = back[:, 0] * ahead[:, 1] - back[:, 1] * ahead[:, 0]
    lengths = np.maximum(1e-9, np.linalg.norm(back, axis=1) * np.linalg.norm(ahead, axis=1))
    angles = np.degrees(np.arccos(np.clip((back * ahead).sum(1) / lengths, -1, 1)))
    # The sign of the area says which way round the polygon runs, and with it which turns are outward.
    outward = turn * np.sign(cv2.contourArea(corners.astype(np.float32), oriented=True)) < 0
    return int((outward & (angles < SHARP_DEGREES)).sum())
