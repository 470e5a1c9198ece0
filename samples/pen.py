"""A pen that draws smooth ink on a greyscale sheet: splines, brush strokes, filled shapes.

Coordinates are pixels of the finished page; the sheet itself is `SCALE` times larger and is reduced at the end, which
smooths every edge. Ink is a grey level, 0 (black) to 255 (paper).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from PIL import Image, ImageDraw

SCALE: Final = 2
INK: Final = 20
PAPER: Final = 255

Point = tuple[float, float]
Rect = tuple[float, float, float, float]
"""x, y, width, height."""


class Pen:
    """Draws on its own sheet of `width` x `height` page pixels whose upper left corner lies at `origin` on the page."""

    def __init__(self, width: float, height: float, origin: Point = (0, 0), paper: int = PAPER) -> None:
        self.origin = origin
        self.sheet = Image.new("L", (round(width * SCALE), round(height * SCALE)), paper)
        self._draw = ImageDraw.Draw(self.sheet)

    def polygon(self, points: Iterable[Point], fill: int | None = None, ink: int | None = INK, width: float = 3) -> None:
        """A closed shape with straight sides; `fill` None leaves what lies below, `ink` None draws no outline."""
        corners = [self._at(p) for p in points]
        if fill is not None:
            self._draw.polygon(corners, fill=fill)
        if ink is not None:
            self._line([*corners, corners[0], corners[1]], width, ink)

    def blob(self, points: Sequence[Point], fill: int | None = None, ink: int | None = INK, width: float = 3) -> None:
        """A closed smooth shape through `points`."""
        self.polygon(spline(points, closed=True), fill, ink, width)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, fill: int | None = None, ink: int | None = INK, width: float = 3
    ) -> None:
        turn = [2 * math.pi * i / 48 for i in range(48)]
        self.polygon([(x + rx * math.cos(a), y + ry * math.sin(a)) for a in turn], fill, ink, width)

    def rectangle(self, rect: Rect, fill: int | None = None, ink: int | None = INK, width: float = 3) -> None:
        x, y, w, h = rect
        self.polygon([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], fill, ink, width)

    def line(self, points: Iterable[Point], width: float = 3, ink: int = INK) -> None:
        self._line([self._at(p) for p in points], width, ink)

    def stroke(self, points: Sequence[Point], width: float = 4, ink: int = INK) -> None:
        """A brush stroke through `points`: smooth, full in the middle, thin at both ends."""
        path = spline(points, closed=False)
        for i, point in enumerate(path):
            swell = 0.35 + 0.65 * math.sin(math.pi * i / max(1, len(path) - 1))
            x, y = self._at(point)
            r = width * swell * SCALE / 2
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill=ink)

    def paste(self, other: Pen) -> None:
        """Lays another pen's sheet on this one, at its own origin."""
        x, y = self._at(other.origin)
        self.sheet.paste(other.sheet, (round(x), round(y)))

    def finished(self) -> Image.Image:
        """The sheet reduced to page pixels."""
        return self.sheet.reduce(SCALE)

    def _at(self, point: Point) -> Point:
        return ((point[0] - self.origin[0]) * SCALE, (point[1] - self.origin[1]) * SCALE)

    def _line(self, corners: list[Point], width: float, ink: int) -> None:
        self._draw.line(corners, fill=ink, width=max(1, round(width * SCALE)), joint="curve")


def spline(points: Sequence[Point], *, closed: bool, steps: int = 14) -> list[Point]:
    """Points on a Catmull-Rom spline through `points`; with few steps the shape would show corners at this size."""
    n = len(points)
    found: list[Point] = []
    for i in range(n if closed else n - 1):
        p = [points[(i + k) % n] if closed else points[min(max(i + k, 0), n - 1)] for k in (-1, 0, 1, 2)]
        xs, ys = [q[0] for q in p], [q[1] for q in p]
        found += [(_bend(xs, s / steps), _bend(ys, s / steps)) for s in range(steps)]
    return found if closed else [*found, points[-1]]


def _bend(values: Sequence[float], t: float) -> float:
    """Between the second and the third of four values, at 0 <= t < 1."""
    a, b, c, d = values
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
