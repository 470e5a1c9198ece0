"""Frame lines: the straight lines that part panels which have no gutter between them, or one that figures and bubbles interrupt.

Straight strokes are found once a page (a line segment detector, Grompone von Gioi et al., IPOL 2012). Strokes that lie on one line make
a frame line when together they run along most of a region. The trap: walls and horizons are straight too, but few run through a whole
region; below the share that is asked for here, art begins to cut panels up.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_STROKE: Final = 8
MIN_LEAD: Final = 20
"""Shortest stroke that counts, and shortest one that a frame line is looked for along, in cells of the map."""

MAX_LEADS: Final = 60
"""Longest strokes of a region that are tried."""

STEEPEST: Final = 0.4
"""How slanted a frame line may be, in cells aside per cell along."""

OFF_LINE: Final = 3.0
"""Both ends of a stroke are at most this many cells off the line it belongs to."""

MIN_COVERED: Final = 0.65
"""Share of the region's extent that strokes must cover. From 0.55 to 0.75 drawn and real pages come out alike; below, art cuts."""

Strokes = NDArray[np.float64]
"""[n, 4]: along and across at one end, along and across at the other; the first end has the smaller `along`."""


class FrameLines:
    """The straight strokes of a page's grey map, by the direction they run in."""

    def __init__(self, grey: NDArray[np.uint8]) -> None:
        found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_NONE).detect(grey)[0]
        # No strokes at all are None, and OpenCV's versions differ in the number of axes.
        strokes = np.zeros((0, 4)) if found is None else np.asarray(found, np.float64).reshape(-1, 4)
        self._level = _strokes(strokes)
        self._upright = _strokes(strokes[:, [1, 0, 3, 2]])

    def best(self, region: tuple[int, int, int, int], down: bool, min_piece: int) -> tuple[float, float] | None:
        """Where the line with the most strokes on it parts `region` (x0, y0, x1, y1, cells), and its slope; None without one.

        `down`: the pieces lie one under the other. The place is that of the line's middle, in cells of the map.
        """
        x0, y0, x1, y1 = region
        start, end, low, high = (x0, x1, y0, y1) if down else (y0, y1, x0, x1)
        strokes = self._level if down else self._upright
        strokes = strokes[np.minimum(strokes[:, 2], end) - np.maximum(strokes[:, 0], start) > MIN_STROKE / 2]
        if high - low < 2 * min_piece or not strokes.size:
            return None
        lengths, middle = strokes[:, 2] - strokes[:, 0], (start + end - 1) / 2
        slopes = (strokes[:, 3] - strokes[:, 1]) / lengths
        best: tuple[float, float, float] | None = None
        for lead in np.argsort(-lengths)[:MAX_LEADS]:
            slope = float(slopes[lead])
            place = float(strokes[lead, 1] + slope * (middle - strokes[lead, 0]))
            ends = place + slope * (start - middle), place + slope * (end - middle)
            if (
                lengths[lead] < MIN_LEAD
                or not low + min_piece <= place <= high - min_piece
                or min(ends) < low
                or max(ends) > high
            ):
                continue
            off = np.abs(strokes[:, [1, 3]] - place - slope * (strokes[:, [0, 2]] - middle)).max(1)
            covered = _covered(strokes[off <= OFF_LINE], start, end)
            if covered >= MIN_COVERED and (best is None or covered > best[0]):
                best = (covered, place, slope)
        return None if best is None else best[1:]


def _strokes(ends: Strokes) -> Strokes:
    """The strokes that run along the first axis, each with its smaller end first."""
    ends = np.where((ends[:, 0] > ends[:, 2])[:, None], ends[:, [2, 3, 0, 1]], ends)
    along, across = ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]
    return ends[(along >= MIN_STROKE) & (np.abs(across) <= STEEPEST * along)]


def _covered(strokes: Strokes, start: int, end: int) -> float:
    """Share of the cells from `start` to `end` that some stroke runs along."""
    cells = np.zeros(end - start, np.bool_)
    for first, last in strokes[:, [0, 2]]:
        cells[max(0, int(first) - start - 1) : max(0, int(last) - start + 2)] = True
    return float(cells.mean())
