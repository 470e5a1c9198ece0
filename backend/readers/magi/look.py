"""The cheap first look at a text: does it run in columns or in lines, how thick are they? From ink alone, a tenth of a millisecond a box.

Columns are Japanese. Lines say nothing by themselves; `reader.py` lets recognisers settle those. The trap: a narrow English bubble with one
word a line is as tall as a column of kana, so heights and widths of the pieces decide and not the shape of the box.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LEAST_INK = 12
"""Pixels; fewer say nothing."""


def columns(crop: NDArray[np.uint8]) -> float:
    """Evidence that a text runs in columns: above 0 columns, below 0 lines, 0 cannot be said (logarithm of a ratio of elongations).

    Args:
        crop: (height, width) grey pixels of one text.
    """
    ink = _ink(crop)
    if ink.sum() < _LEAST_INK:
        return 0.0
    lines = _elongation(ink)
    return float(np.log(_elongation(ink.T) / lines))


def thickness(crop: NDArray[np.uint8]) -> float:
    """How thick the lines or columns of a text are, in pixels: the median of the strips that blank rows cut its ink into.

    The shorter side where there is no ink to tell.
    """
    ink = _ink(crop)
    if ink.sum() < _LEAST_INK:
        return float(min(crop.shape))
    used = (ink.T if columns(crop) > 0 else ink).any(axis=1)
    rows = np.flatnonzero(used)
    return float(np.median([len(strip) for strip in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)]))


def _ink(crop: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where the minority of dark and light pixels is, split at the best threshold (Otsu)."""
    counts = np.bincount(crop.ravel(), minlength=256).astype(np.float64)
    weight = counts.cumsum()
    mass = (counts * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * weight / weight[-1] - mass) ** 2 / (weight * (weight[-1] - weight))
    if not np.isfinite(between).any():
        return np.zeros(crop.shape, dtype=bool)
    dark = crop <= int(np.nanargmax(np.where(np.isfinite(between), between, -1)))
    return np.asarray(dark if dark.mean() <= 0.5 else ~dark)


def _elongation(ink: NDArray[np.bool_]) -> float:
    """Typical length by height of the strips that blank rows cut the ink into, weighted by their ink."""
    rows = np.flatnonzero(ink.any(axis=1))
    ratios, weights = [], []
    for strip in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
        piece = ink[strip[0] : strip[-1] + 1]
        used = np.flatnonzero(piece.any(axis=0))
        ratios.append((used[-1] - used[0] + 1) / len(strip))
        weights.append(piece.sum())
    ranked = np.argsort(ratios)
    middle = np.searchsorted(np.cumsum(np.array(weights)[ranked]), sum(weights) / 2)
    return float(ratios[ranked[min(int(middle), len(ranked) - 1)]])
