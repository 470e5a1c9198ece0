"""What the network does not say of a bubble: whether its outline bursts outwards. Told from pixels, as the embedded reader does."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from backend.readers.embedded.interior import PRINT_PAD
from backend.readers.embedded.line import Line
from backend.readers.embedded.outline import print_mask, surroundings
from backend.readers.magi.look import columns, thickness


def in_burst(grey: NDArray[np.uint8], bounds: tuple[int, int, int, int]) -> bool | None:
    """Whether a text stands in a bubble that bursts outwards; None where it stands in no bubble.

    Args:
        grey: the page, [height, width].
        bounds: x0, y0, x1, y1 of the text, inside the page.
    """
    x0, y0, x1, y1 = bounds
    crop = grey[y0:y1, x0:x1]
    if not crop.size:
        return None
    # Outlines are measured in thicknesses of the print, so the text is cut into its lines again, if only roughly.
    vertical = columns(crop) > 0
    across = x1 - x0 if vertical else y1 - y0
    edges = np.linspace(0, across, max(1, round(across / max(1.0, thickness(crop)))) + 1)
    lines = [
        Line(x0 + a, y0, x0 + b, y1, "", 1.0) if vertical else Line(x0, y0 + a, x1, y0 + b, "", 1.0) for a, b in pairwise(edges)
    ]
    return surroundings(grey, lines, print_mask(lines, PRINT_PAD, grey.shape)).spiky
