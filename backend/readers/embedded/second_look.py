"""Other ways to cut a line out, for lines that were read with doubt. Says where to look, not what stands there.

Three things go wrong with a line that the detector found: the outline of the bubble is inside its box, two columns stand so close that
they were found as one, or a column of two characters is so short that it was taken for a row. All three show as a low confidence; the
cut that reads best is kept. The trap: a cut that loses a doubtful character reads better for it, so losing letters is no gain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from backend.readers.base import Box
from backend.readers.embedded.ctc import Glyph, confidence_of
from backend.readers.embedded.detector import LEVEL_DEGREES, FoundLine, Pixels, own_ink

DOUBTFUL: Final = 0.8
"""Lines read with less confidence are looked at again (one line in fifteen)."""

BETTER: Final = 0.05
"""A second reading is kept when its confidence is this much higher."""

INSET: Final = 0.1
"""How much narrower the second cut is on every side, in thicknesses."""

STUB: Final = 2.2
"""Up to this ratio of its sides a line may run either way."""

SEAM: Final = (0.3, 0.7)
"""Where the seam of two lines that were found as one is looked for, as shares of the thickness."""

MAX_SEAM_INK: Final = 0.5
"""Ink at the seam, as a share of the mean ink of all lines of pixels along the print."""

MIN_HALF: Final = 0.8
"""Least confidence of both halves."""

LETTER: Final = re.compile(r"[^\W_]")

Reading = Sequence[tuple[FoundLine, Sequence[Glyph]]]
"""The lines that one found line turned out to be, with what stands there."""


def other_cuts(line: FoundLine, pixels: Pixels) -> Iterator[tuple[FoundLine, ...]]:
    """Each item is one way to see `line`: as one line again or as two. `pixels` is the line as it was cut out the first time."""
    if max(line.size) <= STUB * min(line.size):
        yield (replace(line, turned=not line.turned),)
    inset = -INSET * min(line.size)
    yield (_resized(line, (line.box[0] - inset, line.box[1] - inset, line.box[2] + inset, line.box[3] + inset), inset),)
    if abs(line.angle) < LEVEL_DEGREES:
        yield from _halves(line, pixels)


def best(first: Reading, others: Iterable[Reading]) -> Reading:
    """The reading to keep; when one leaves no doubt, no more are asked for."""
    kept = first
    for other in others:
        if _doubtless(kept) >= DOUBTFUL:
            break
        halved = len(other) > len(first)
        enough = _letters(other) >= (0.5 if halved else 1.0) * _letters(first)
        if enough and _doubtless(other) >= max(_doubtless(kept) + BETTER, MIN_HALF if halved else 0.0):
            kept = other
    return kept


def _letters(reading: Reading) -> int:
    return sum(LETTER.match(glyph.character) is not None for _, glyphs in reading for glyph in glyphs)


def _doubtless(reading: Reading) -> float:
    return min(confidence_of(glyphs) for _, glyphs in reading)


def _resized(line: FoundLine, box: Box, margin: float) -> FoundLine:
    size = (max(2.0, line.size[0] + 2 * margin), max(2.0, line.size[1] + 2 * margin))
    return replace(line, size=size, box=box)


def _halves(line: FoundLine, pixels: Pixels) -> Iterator[tuple[FoundLine, ...]]:
    """The two lines side by side in `line`, parted where there is least ink; the one that is read first comes first."""
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    ink = own_ink(grey)
    across = ink.sum(0 if line.vertical else 1).astype(np.float64)
    low, high = (round(share * across.size) for share in SEAM)
    if high - low < 3 or not across.any():
        return
    smooth = np.convolve(across, (0.25, 0.5, 0.25), "same")
    seam = low + int(smooth[low:high].argmin())
    if smooth[seam] > MAX_SEAM_INK * across[across > 0].mean():
        return
    x0, y0, x1, y1 = line.box
    if line.vertical:
        yield _part(line, (x0 + seam, y0, x1, y1)), _part(line, (x0, y0, x0 + seam, y1))
    else:
        yield _part(line, (x0, y0, x1, y0 + seam)), _part(line, (x0, y0 + seam, x1, y1))


def _part(line: FoundLine, box: Box) -> FoundLine:
    x0, y0, x1, y1 = box
    part = replace(line, center=((x0 + x1) / 2, (y0 + y1) / 2), size=(x1 - x0, y1 - y0), box=box, turned=False)
    return part if part.vertical == line.vertical else replace(part, turned=True)
