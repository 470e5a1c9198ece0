"""The seam of two pictures that were joined side by side: a column at which the art of an image breaks off from top to bottom.

Pages whose art runs to the edge leave no blank fold when a publisher joins them. Art that was drawn as one goes on across any column;
along a seam every row either steps or is blank on both sides. The trap: a panel's edge steps too, so a seam is only where pages may be
parted, and no sign that there are two.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

STEP: Final = 24
"""Greys by which two pixels on both sides of a column differ at least for a step."""

SMOOTH: Final = 12
"""Greys that each side changes by at most where a step counts as clean: inside textures everything steps."""

BLANK: Final = 218
MIN_BROKEN: Final = 0.85
"""Share of the rows that must step or be blank: pictures of one page go on across more than a seventh of any column."""

MIN_CLEAN: Final = 0.1
"""Share of the rows that must step cleanly."""


def find_seam(image: Image.Image, off_middle: float) -> int | None:
    """The column (the first of the right side) at which the image breaks best, at most that share of the width off its middle; or None."""
    low, high = (round(image.width * (0.5 + side * off_middle)) for side in (-1, 1))
    if low < 3 or high <= low:
        return None
    grey = np.asarray(image.convert("L"), np.int16)[:, low - 3 : high + 3]
    columns = high - low
    outer, near, inner, first, second, last = (
        grey[:, at : at + columns] for at in range(6)
    )  # three pixels left of each, three right
    steps = np.abs(near + inner - first - second) > 2 * STEP
    clean = steps & (np.abs(outer - inner) <= SMOOTH) & (np.abs(first - last) <= SMOOTH)
    blank = np.minimum.reduce([outer, near, inner, first, second, last]) > BLANK
    fits = ((steps | blank).mean(0) >= MIN_BROKEN) & (clean.mean(0) >= MIN_CLEAN)
    if not fits.any():
        return None
    return low + int(np.argmax(np.where(fits, clean.mean(0), 0)))
