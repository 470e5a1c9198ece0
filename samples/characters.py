"""The cast: Hina, her grandfather, her grandmother, Mike the cat, and Kodama, the voice that lives in a book.

Every figure is drawn in its own units, the head being about one unit around (0, 0), and placed by a `Pose`. Each function
returns the box of the figure on the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from samples.pen import INK, PAPER, Pen, Point, Rect

Mood = Literal["calm", "happy", "amazed", "asleep", "worried", "talking"]
HAIR, CLOTH, LIGHT, SKIN_SHADE = 40, 190, 225, 215


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head is, how large a unit is in pixels, and the way the figure looks: 1 right, -1 left."""

    x: float
    y: float
    unit: float
    looks: int = 1

    def at(self, *points: Point) -> list[Point]:
        return [(self.x + px * self.unit * self.looks, self.y + py * self.unit) for px, py in points]

    def box(self, x: float, y: float, width: float, height: float) -> Rect:
        left = self.x + (x if self.looks > 0 else -x - width) * self.unit
        return left, self.y + y * self.unit, width * self.unit, height * self.unit


@dataclass(frozen=True, slots=True)
class _Brush:
    """A pen that thinks in a pose's units."""

    pen: Pen
    pose: Pose

    def blob(self, *points: Point, fill: int | None = PAPER, ink: int | None = INK) -> None:
        self.pen.blob(self.pose.at(*points), fill, ink, self._thin)

    def shape(self, *points: Point, fill: int | None = PAPER, ink: int | None = INK) -> None:
        self.pen.polygon(self.pose.at(*points), fill, ink, self._thin)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: int | None = PAPER, ink: int | None = INK) -> None:
        ((px, py),) = self.pose.at((x, y))
        self.pen.ellipse(px, py, rx * self.pose.unit, ry * self.pose.unit, fill, ink, self._thin)

    def stroke(self, *points: Point, weight: float = 0.07, ink: int = INK) -> None:
        self.pen.stroke(self.pose.at(*points), max(3.0, weight * self.pose.unit), ink)

    @property
    def _thin(self) -> float:
        return max(2.5, 0.04 * self.pose.unit)


def mirrored(*points: Point) -> list[Point]:
    """`points` of the right half from top to bottom, closed by the same points on the left."""
    return [*points, *((-x, y) for x, y in reversed(points) if x)]


def hina(pen: Pen, pose: Pose, mood: Mood = "calm", *, book: bool = False) -> Rect:
    """A girl with a bob, a flower clip and a raincoat."""
    b = _Brush(pen, pose)
    b.blob(*mirrored((0, -1.28), (0.8, -1.08), (1.24, -0.3), (1.26, 0.55), (1.0, 1.12), (0.4, 1.0)), fill=HAIR)
    b.shape((-0.26, 0.7), (0.26, 0.7), (0.3, 1.4), (-0.3, 1.4))
    b.blob(*mirrored((0, 1.32), (0.5, 1.3), (1.15, 1.65), (1.4, 2.6), (1.5, 4.2), (0, 4.4)), fill=LIGHT)
    b.shape((-0.42, 1.2), (0, 1.75), (-0.5, 1.95), (-0.78, 1.42))
    b.shape((0.42, 1.2), (0, 1.75), (0.5, 1.95), (0.78, 1.42))
    b.stroke((0, 1.75), (0.02, 2.8), (0, 4.2))
    for y in (2.2, 2.8, 3.4):
        b.oval(0.17, y, 0.07, 0.07)
    _round_face(b)
    b.blob(
        (-1.0, 0.35),
        (-1.08, -0.5),
        (-0.6, -1.18),
        (0.1, -1.3),
        (0.75, -1.02),
        (1.06, -0.4),
        (1.0, 0.35),
        (0.86, -0.22),
        fill=HAIR,
    )
    b.shape((-0.9, 0.2), (-0.86, -0.3), (-0.55, -0.12), (-0.5, -0.42), (-0.1, -0.14), (0.0, -0.45), (0.4, -0.16), (0.5, -0.45),
            (0.8, -0.1), (0.93, 0.25), (0.8, -0.6), (0, -0.8), (-0.8, -0.6), fill=HAIR, ink=HAIR)  # fmt: skip
    b.stroke((-0.62, -0.86), (-0.2, -1.02), (0.3, -0.98), weight=0.09, ink=PAPER)
    for dx, dy in ((0, -0.13), (0.13, -0.03), (0.08, 0.12), (-0.08, 0.12), (-0.13, -0.03)):
        b.oval(-0.78 + dx, -0.5 + dy, 0.09, 0.09)
    b.oval(-0.78, -0.5, 0.06, 0.06, fill=CLOTH)
    _young_face(b, mood)
    if book:
        _held_book(b, 1.8)
    return pose.box(-1.5, -1.3, 3.0, 5.6)


def grandfather(pen: Pen, pose: Pose, mood: Mood = "calm") -> Rect:
    """An old man with round glasses, a great moustache and a waistcoat."""
    b = _Brush(pen, pose)
    b.blob(*mirrored((0, 1.2), (0.6, 1.2), (1.4, 1.6), (1.7, 2.6), (1.75, 4.2), (0, 4.4)), fill=PAPER)
    b.shape((-0.95, 1.45), (0, 3.0), (0.95, 1.45), (1.25, 4.4), (-1.25, 4.4), fill=110)
    b.shape((-0.45, 1.25), (0, 1.6), (0.45, 1.25), (0.45, 1.75), (0, 1.6), (-0.45, 1.75), fill=60)
    for side in (-1, 1):
        b.oval(side * 0.98, 0.1, 0.17, 0.26)
    _round_face(b)
    for side in (-1, 1):
        b.blob((side * 0.88, -0.1), (side * 1.14, -0.3), (side * 1.1, -0.7), (side * 0.8, -0.72), (side * 0.78, -0.35))
        b.blob((side * 0.16, -0.3), (side * 0.4, -0.46), (side * 0.66, -0.3), (side * 0.4, -0.3))
        b.oval(side * 0.38, 0.1, 0.3, 0.26)
        b.stroke((side * 0.68, 0.06), (side * 0.98, 0.0), weight=0.05)
        _old_eye(b, side * 0.38, 0.1, mood)
    b.stroke((-0.08, 0.06), (0, 0.02), (0.08, 0.06))
    b.blob((0.02, 0.25), (0.17, 0.42), (0.02, 0.52), (-0.13, 0.42))
    if mood == "talking":
        b.oval(0, 0.84, 0.17, 0.12, fill=70)
    b.blob((0, 0.5), (0.35, 0.5), (0.72, 0.78), (0.3, 0.78), (0, 0.68), (-0.3, 0.78), (-0.72, 0.78), (-0.35, 0.5))
    return pose.box(-1.75, -1.05, 3.5, 5.4)


def grandmother(pen: Pen, pose: Pose, mood: Mood = "happy") -> Rect:
    """An old woman with a bun and a shawl; her eyes are weak and mostly closed."""
    b = _Brush(pen, pose)
    b.oval(0, -1.3, 0.5, 0.42, fill=LIGHT)
    b.blob(*mirrored((0, -1.18), (0.8, -1.0), (1.12, -0.3), (1.05, 0.4), (0.5, 0.6)), fill=LIGHT)
    b.blob(*mirrored((0, 1.15), (0.6, 1.2), (1.4, 1.7), (1.7, 2.8), (1.8, 4.2), (0, 4.4)), fill=CLOTH)
    b.shape((-0.55, 1.2), (0, 2.1), (0.55, 1.2), (0.95, 1.5), (0, 2.75), (-0.95, 1.5), fill=PAPER)
    _round_face(b)
    b.blob(
        (-0.98, 0.1),
        (-1.0, -0.6),
        (-0.5, -1.1),
        (0, -1.12),
        (0.5, -1.1),
        (1.0, -0.6),
        (0.98, 0.1),
        (0.6, -0.55),
        (0, -0.8),
        (-0.6, -0.55),
        fill=LIGHT,
    )
    for side in (-1, 1):
        b.stroke((side * 0.18, 0.16), (side * 0.38, 0.06), (side * 0.6, 0.18), weight=0.08)
        b.stroke((side * 0.2, -0.2), (side * 0.4, -0.28), (side * 0.6, -0.2), weight=0.05)
        b.oval(side * 0.6, 0.45, 0.14, 0.08, fill=SKIN_SHADE, ink=None)
        b.stroke((side * 0.66, 0.3), (side * 0.76, 0.36), weight=0.03)
    b.stroke((0, 0.28), (0.07, 0.38), (-0.03, 0.42))
    _mouth(b, mood)
    return pose.box(-1.8, -1.75, 3.6, 6.1)


def cat(pen: Pen, pose: Pose, mood: Mood = "calm") -> Rect:
    """Mike, a calico cat, sitting."""
    b = _Brush(pen, pose)
    b.blob((0.7, 2.7), (1.5, 2.8), (2.0, 2.2), (1.9, 1.5), (2.15, 1.5), (2.3, 2.3), (1.6, 3.1), (0.7, 3.0), fill=70)
    b.blob(*mirrored((0, 0.7), (0.7, 0.9), (1.05, 2.0), (1.0, 2.95), (0, 3.05)))
    b.blob((0.35, 0.9), (0.85, 1.4), (0.95, 2.1), (0.5, 1.9), fill=CLOTH)
    for side in (-1, 1):
        b.stroke((side * 0.28, 2.1), (side * 0.26, 2.6), (side * 0.3, 2.95))
        b.shape((side * 0.35, -0.7), (side * 0.88, -1.3), (side * 1.02, -0.25), fill=70 if side > 0 else CLOTH)
    b.blob(*mirrored((0, -0.85), (0.7, -0.7), (1.08, 0.05), (0.75, 0.68), (0, 0.85)))
    b.blob((0.25, -0.78), (0.7, -0.66), (0.98, -0.2), (0.6, -0.25), fill=70)
    for side in (-1, 1):
        if mood in ("asleep", "happy"):
            b.stroke((side * 0.25, 0.0), (side * 0.45, -0.14), (side * 0.65, 0.0), weight=0.08)
        else:
            high = 0.34 if mood == "amazed" else 0.24
            x = side * 0.45
            b.blob((x - 0.26, 0.02), (x, -high), (x + 0.26, 0.02), (x, 0.2))
            b.oval(x, -0.03, 0.09, high * 0.6, fill=INK)
        for y in (0.22, 0.36):
            b.stroke((side * 0.6, y), (side * 1.3, y - 0.06), weight=0.03)
    b.shape((-0.09, 0.22), (0.09, 0.22), (0, 0.32), fill=INK)
    if mood in ("talking", "amazed"):
        b.oval(0, 0.52, 0.15, 0.17, fill=90)
    else:
        b.stroke((-0.25, 0.42), (-0.1, 0.48), (0, 0.33), (0.1, 0.48), (0.25, 0.42), weight=0.05)
    return pose.box(-1.3, -1.3, 3.5, 4.4)


def kodama(pen: Pen, pose: Pose, mood: Mood = "happy", *, glow: bool = True) -> Rect:
    """The voice in the book: a small wisp with a curl on its head, a bookmark for a scarf."""
    b = _Brush(pen, pose)
    if glow:
        for r, tone in ((1.75, 238), (1.45, 250)):
            b.oval(0, 0.1, r, r * 1.05, fill=tone, ink=None)
    b.blob((0, -1.0), (0.62, -0.75), (0.95, -0.05), (0.88, 0.6), (0.66, 1.15), (0.62, 1.55), (0.95, 1.85), (0.5, 1.95),
           (0.0, 1.6), (-0.5, 1.15), (-0.88, 0.6), (-0.95, -0.05), (-0.62, -0.75))  # fmt: skip
    b.stroke((0.0, -0.98), (0.12, -1.4), (0.5, -1.45), (0.5, -1.15), (0.3, -1.18), weight=0.11)
    b.blob((-0.86, 0.66), (0, 0.86), (0.86, 0.66), (0.8, 0.88), (0, 1.1), (-0.8, 0.88), fill=120)
    b.shape((-0.45, 0.92), (-0.2, 1.0), (-0.3, 1.6), (-0.46, 1.48), (-0.64, 1.52), fill=120)
    for side in (-1, 1):
        b.oval(side * 0.98, 0.62, 0.17, 0.13)
        _big_eye(b, side * 0.36, 0.0, mood, 0.9)
        b.oval(side * 0.64, 0.3, 0.13, 0.08, fill=SKIN_SHADE, ink=None)
    _mouth(b, mood, y=0.4)
    return pose.box(-1.15, -1.5, 2.3, 3.5)


def _round_face(b: _Brush) -> None:
    b.blob(*mirrored((0, -1.0), (0.62, -0.85), (0.95, -0.25), (0.9, 0.32), (0.52, 0.84), (0, 1.02)))


def _young_face(b: _Brush, mood: Mood) -> None:
    for side in (-1, 1):
        _big_eye(b, side * 0.42 + 0.05, 0.2, mood, 1.0)
        b.oval(side * 0.64 + 0.03, 0.52, 0.15, 0.08, fill=SKIN_SHADE, ink=None)
    b.stroke((0.06, 0.42), (0.12, 0.48), (0.04, 0.5), weight=0.04)
    _mouth(b, mood)


def _big_eye(b: _Brush, x: float, y: float, mood: Mood, size: float) -> None:
    if mood in ("happy", "asleep"):
        bend = -0.16 if mood == "happy" else 0.12
        b.stroke((x - 0.2 * size, y + 0.05), (x, y + 0.05 + bend), (x + 0.2 * size, y + 0.05), weight=0.1)
    elif mood == "amazed":
        b.oval(x, y, 0.24 * size, 0.3 * size, ink=170)
        b.oval(x, y + 0.01, 0.15 * size, 0.2 * size, fill=INK)
        b.oval(x + 0.05 * size, y - 0.07 * size, 0.06 * size, 0.07 * size, ink=None)
        b.oval(x - 0.06 * size, y + 0.1 * size, 0.03 * size, 0.04 * size, ink=None)
        b.stroke((x - 0.26 * size, y - 0.2 * size), (x, y - 0.34 * size), (x + 0.26 * size, y - 0.2 * size), weight=0.09)
    else:
        b.oval(x, y, 0.16 * size, 0.24 * size, fill=INK)
        b.oval(x + 0.05 * size, y - 0.09 * size, 0.06 * size, 0.07 * size, ink=None)
        b.stroke((x - 0.22 * size, y - 0.2 * size), (x, y - 0.29 * size), (x + 0.22 * size, y - 0.18 * size), weight=0.09)
    tilt = 0.1 if mood == "worried" else 0.0
    out = 1 if x > 0 else -1
    b.stroke((x - 0.2 * out, y - 0.43 - tilt), (x, y - 0.47), (x + 0.2 * out, y - 0.43 + tilt), weight=0.05)


def _old_eye(b: _Brush, x: float, y: float, mood: Mood) -> None:
    if mood == "amazed":
        b.oval(x, y, 0.1, 0.13, fill=INK)
    elif mood == "worried":
        b.oval(x, y, 0.07, 0.09, fill=INK)
        b.stroke((x - 0.15, y + 0.16), (x, y + 0.2), (x + 0.15, y + 0.16), weight=0.03)
    else:
        b.stroke((x - 0.16, y + 0.05), (x, y - 0.08), (x + 0.16, y + 0.05), weight=0.08)


def _mouth(b: _Brush, mood: Mood, y: float = 0.68) -> None:
    if mood == "talking":
        b.blob((-0.16, y - 0.04), (0, y - 0.08), (0.16, y - 0.04), (0.1, y + 0.13), (-0.1, y + 0.13), fill=80)
    elif mood == "amazed":
        b.oval(0, y + 0.03, 0.1, 0.13, fill=80)
    elif mood == "happy":
        b.blob((-0.22, y - 0.05), (0, y), (0.22, y - 0.05), (0.1, y + 0.15), (-0.1, y + 0.15), fill=80)
    elif mood == "worried":
        b.stroke((-0.15, y + 0.07), (0, y), (0.15, y + 0.07))
    else:
        b.stroke((-0.15, y), (0, y + 0.06), (0.15, y))


def _held_book(b: _Brush, y: float) -> None:
    b.shape((-0.95, y - 0.15), (0, y + 0.15), (0.95, y - 0.15), (0.95, y + 1.05), (0, y + 1.3), (-0.95, y + 1.05), fill=130)
    b.stroke((0, y + 0.15), (0, y + 1.3))
    for side in (-1, 1):
        b.oval(side * 0.92, y + 0.75, 0.2, 0.16)
