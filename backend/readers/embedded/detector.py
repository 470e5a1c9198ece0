"""Where lines of print stand on a page: PP-OCRv6's segmentation network and the boxes around what it marks.

The network shrinks every line (differentiable binarisation, arXiv:1911.08947); `_grow` undoes that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.readers.base import Box
from backend.readers.embedded.line import COLUMN_RATIO

Pixels = NDArray[np.uint8]
"""[height, width, 3], RGB."""

MIN_SIDE: Final = 736
"""A page whose shorter side is smaller is enlarged to this before the search."""

MAX_ENLARGED: Final = 3.0
"""No page is enlarged more: print that is smaller still cannot be read, and a sliver would cost as much as a page."""

MAX_AREA: Final = 1_450_000
"""Pixels of the searched image; a larger page is scaled down for the search (not for the reading). Time goes with the area."""

MARKED: Final = 0.3
MIN_SCORE: Final = 0.5
GROWTH: Final = 1.6
"""Threshold of a marked pixel, least mean of a line, and how far a box grows (area times this, over its outline)."""

MIN_THICKNESS_PX: Final = 3
MAX_LINES: Final = 400
"""A page has fewer; a texture that looks like more costs no more than this."""

LEVEL_DEGREES: Final = 3.0
"""Lines slanted less are cut out along the page's axes, which blurs nothing."""

MAX_TRIM: Final = 0.25
"""What `tight_box` takes off a side at most, in thicknesses: more is no margin but missing ink."""


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that has not been read: its rectangle, turned by `angle` degrees (-45..45), and the box around it in page pixels."""

    center: tuple[float, float]
    size: tuple[float, float]
    angle: float
    box: Box
    turned: bool = False
    """Whether the line runs the other way than its sides say: a column of two characters may be hardly higher than wide."""

    @property
    def vertical(self) -> bool:
        return (self.size[1] > COLUMN_RATIO * self.size[0]) != self.turned


class LineDetector:
    """Wraps an onnxruntime session of the detection model."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name

    def find(self, page: Pixels) -> list[FoundLine]:
        height, width = page.shape[:2]
        scale = search_scale(width, height)
        size = [max(32, round(side * scale / 32) * 32) for side in (width, height)]
        scaled = cv2.resize(page, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        batch = np.ascontiguousarray((scaled[:, :, ::-1].astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None])
        marks = self._session.run(None, {self._input: batch})[0][0, 0]
        stretch = (width / size[0], height / size[1])
        return [line for line in (_line(found, stretch, (width, height)) for found in _rectangles(marks)) if line is not None]


def search_scale(width: int, height: int) -> float:
    """How much a page is scaled for the search: small pages up, large ones down, the shorter side's minimum gives way last."""
    scale = min(MAX_ENLARGED, max(1.0, MIN_SIDE / min(width, height)))
    return min(scale, math.sqrt(MAX_AREA / (width * height)))


def cut_out(page: Pixels, line: FoundLine) -> Pixels:
    """The line as upright pixels; a column stays a column."""
    if abs(line.angle) < LEVEL_DEGREES:
        x0, y0, x1, y1 = (round(value) for value in line.box)
        return page[y0 : max(y0 + 1, y1), x0 : max(x0 + 1, x1)]
    width, height = (max(1, round(side)) for side in line.size)
    turn = math.radians(line.angle)
    across = np.array([math.cos(turn), math.sin(turn)]) * line.size[0] / 2
    down = np.array([-math.sin(turn), math.cos(turn)]) * line.size[1] / 2
    middle = np.array(line.center)
    source = np.array([middle - across - down, middle + across - down, middle - across + down], dtype=np.float32)
    target = np.array([[0, 0], [width, 0], [0, height]], dtype=np.float32)
    matrix = cv2.getAffineTransform(source, target)
    flat = cv2.warpAffine(page, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(flat, dtype=np.uint8)


def tight_box(line: FoundLine, pixels: Pixels) -> Box:
    """The box of a line drawn in to its ink, for the gaps between lines to be those one sees; unchanged on slants and on art."""
    if abs(line.angle) >= LEVEL_DEGREES:
        return line.box
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    ink = own_ink(grey)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not rows.size or not columns.size:
        return line.box
    most = round(MAX_TRIM * min(grey.shape))
    x0, y0 = round(line.box[0]), round(line.box[1])
    height, width = grey.shape
    return (
        float(x0 + min(most, int(columns[0]))),
        float(y0 + min(most, int(rows[0]))),
        float(x0 + max(width - most, int(columns[-1]) + 1)),
        float(y0 + max(height - most, int(rows[-1]) + 1)),
    )


def own_ink(grey: NDArray[Any]) -> NDArray[np.bool_]:
    """The ink of a line's own in its cut-out, [height, width] greys: what touches the edge belongs to an outline or a neighbour, unless
    it is most of all."""
    _, dark = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    ink = (dark if dark.mean() < 0.5 else 1 - dark).astype(np.uint8)
    _, parts = cv2.connectedComponents(ink)
    edge = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    own = ~np.isin(parts, np.unique(edge)) & (ink > 0)
    return own if own.sum() > 0.5 * ink.sum() else ink > 0


def _rectangles(marks: NDArray[np.float32]) -> list[Any]:
    """OpenCV's turned rectangles ((x, y), (width, height), degrees) around what is marked, grown to the size of the print."""
    mask = cv2.dilate((marks > MARKED).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours[:MAX_LINES]:
        (x, y), (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) >= MIN_THICKNESS_PX and _score(marks, ((x, y), (width, height), angle)) >= MIN_SCORE:
            more = width * height * GROWTH / (width + height)
            found.append(((x, y), (width + more, height + more), angle))
    return found


def _score(marks: NDArray[np.float32], rectangle: Any) -> float:
    corners = cv2.boxPoints(rectangle)
    x0, y0 = np.maximum(0, np.floor(corners.min(0)).astype(int))
    x1, y1 = np.ceil(corners.max(0)).astype(int) + 1
    part = marks[y0:y1, x0:x1]
    inside = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(inside, [(corners - [x0, y0]).astype(np.int32)], (1,))
    return float(part[inside > 0].mean()) if inside.any() else 0.0


def _line(rectangle: Any, stretch: tuple[float, float], page: tuple[int, int]) -> FoundLine | None:
    (x, y), (width, height), angle = rectangle
    angle %= 180
    if 45 < angle <= 135:
        angle, width, height = angle - 90, height, width
    elif angle > 135:
        angle -= 180
    center, size = (x * stretch[0], y * stretch[1]), (width * stretch[0], height * stretch[1])
    corners = cv2.boxPoints((center, size, angle))
    x0, y0 = (max(0.0, float(value)) for value in corners.min(0))
    x1, y1 = (min(float(limit), float(value)) for limit, value in zip(page, corners.max(0), strict=True))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    return FoundLine(center, size, float(angle), (x0, y0, x1, y1))
