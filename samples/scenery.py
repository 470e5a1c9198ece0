"""Places: the street in the rain, the book shop, the room at night, the open book, the sea."""

from __future__ import annotations

import math
from random import Random

from samples.pen import INK, PAPER, Pen, Rect


def shelves(pen: Pen, rect: Rect, rows: int, seed: int) -> None:
    """A wall of books in pale greys, so that people and words stand out before it."""
    chance = Random(seed)
    x, y, width, height = rect
    step = height / rows
    pen.rectangle(rect, fill=236, ink=None)
    for row in range(rows):
        foot = y + (row + 1) * step - 8
        left = x + 6.0
        while left < x + width - 10:
            wide, tall = chance.uniform(20, 44), step * chance.uniform(0.58, 0.84)
            pen.rectangle((left, foot - tall, wide, tall), fill=chance.choice((205, 218, 228, 246)), ink=165, width=1.5)
            pen.line([(left + 4, foot - tall * 0.75), (left + wide - 4, foot - tall * 0.75)], 2, 165)
            left += wide + (chance.uniform(15, 40) if chance.random() < 0.1 else 1)
        pen.rectangle((x, foot, width, 8), fill=150, ink=110, width=1.5)


def street(pen: Pen, rect: Rect, seed: int) -> None:
    """Roofs, the little shop with its awning, and puddles."""
    chance = Random(seed)
    x, y, width, height = rect
    ground = y + height * 0.86
    pen.rectangle(rect, fill=228, ink=None)
    left = x - 30.0
    while left < x + width:
        wide, tall = chance.uniform(110, 190), height * chance.uniform(0.35, 0.62)
        pen.rectangle((left, ground - tall, wide, tall), fill=206, ink=150, width=2)
        pen.polygon(
            [(left - 14, ground - tall), (left + wide / 2, ground - tall - 62), (left + wide + 14, ground - tall)], 180, 140, 2
        )
        for k in range(2):
            pen.rectangle(
                (left + wide * (0.2 + 0.42 * k), ground - tall * 0.78, wide * 0.2, tall * 0.18), fill=240, ink=150, width=2
            )
        left += wide + 16
    pen.rectangle((x, ground, width, height), fill=196, ink=120, width=2)
    for _ in range(7):
        px, py = x + chance.random() * width, ground + chance.uniform(14, height * 0.12)
        pen.ellipse(px, py, chance.uniform(26, 60), 6, fill=236, ink=150, width=1.5)


def shop(pen: Pen, x: float, ground: float) -> None:
    """The front of the shop, 330 pixels wide, standing on `ground`."""
    pen.rectangle((x, ground - 320, 330, 320), fill=246, width=4)
    pen.polygon([(x - 30, ground - 300), (x + 165, ground - 430), (x + 360, ground - 300)], 90, INK, 4)
    for k in range(6):
        pen.polygon(
            [
                (x + k * 55, ground - 236),
                (x + k * 55 + 55, ground - 236),
                (x + k * 55 + 48, ground - 190),
                (x + k * 55 + 4, ground - 190),
            ],
            PAPER if k % 2 else 120,
        )
    pen.rectangle((x + 34, ground - 170, 130, 120), fill=PAPER)
    for k in range(5):
        pen.rectangle(
            (x + 44 + 23 * k, ground - 118 + 6 * (k % 3), 19, 66 - 6 * (k % 3)), fill=(150, 210, 120, 190, 228)[k], width=2
        )
    pen.rectangle((x + 200, ground - 176, 96, 176), fill=170)
    pen.ellipse(x + 216, ground - 84, 6, 6, fill=PAPER)
    # The shop sign is a picture of an open book: it carries no words that would have to be read aloud.
    open_book(pen, x + 165, ground - 318, 62)


def rain(pen: Pen, rect: Rect, drops: int, seed: int) -> None:
    chance = Random(seed)
    x, y, width, height = rect
    for _ in range(drops):
        px, py, long = x + chance.random() * (width + 60), y + chance.random() * height, chance.uniform(26, 60)
        pen.line([(px, py), (px - long * 0.35, py + long)], 2, 150)


def umbrella(pen: Pen, x: float, y: float, radius: float) -> None:
    """An open umbrella whose handle ends at (x, y)."""
    top = y - radius * 1.5
    pen.line([(x, y), (x, top)], 6)
    arc = [
        (x + radius * math.cos(a), top + radius * 0.25 - radius * 0.75 * math.sin(a))
        for a in (math.pi * i / 24 for i in range(25))
    ]
    hem = [(x + radius * (-1 + k / 4), top + radius * (0.25 if k % 2 == 0 else 0.13)) for k in range(1, 8)]
    pen.polygon([*arc, *hem], 120, INK, 4)
    for k in (-0.5, 0.0, 0.5):
        pen.stroke(
            [(x, top - radius * 0.48), (x + k * radius * 0.7, top - radius * 0.2), (x + k * radius, top + radius * 0.2)], 4
        )


def open_book(pen: Pen, x: float, y: float, size: float) -> None:
    """A book lying open around (x, y), `size` pixels from its spine to its edge."""
    for side in (-1, 1):
        cover = ((0, 0.3), (1.08, 0.12), (1.08, 0.5), (0, 0.68))
        pen.polygon([(x + side * size * cx, y + size * cy) for cx, cy in cover], 110)
        for lift in (0.16, 0.25, 0.34):
            leaf = (
                (0, 0.3 - lift * 0.3), (0.5, -lift * 0.8), (1, -lift * 0.25),
                (1, 0.4 - lift * 0.3), (0.5, 0.3 - lift * 0.4), (0, 0.62 - lift * 0.3),
            )  # fmt: skip
            pen.blob([(x + side * size * lx, y + size * ly) for lx, ly in leaf], PAPER)


def beams(pen: Pen, x: float, y: float, inner: float, outer: float, count: int, tone: int) -> None:
    """Light streaming from (x, y)."""
    for i in range(count):
        a = 2 * math.pi * i / count
        half = math.pi / count * 0.42
        pen.polygon(
            [(x + inner * math.cos(a), y + inner * math.sin(a)), (x + outer * math.cos(a - half), y + outer * math.sin(a - half)),
             (x + outer * math.cos(a + half), y + outer * math.sin(a + half))],
            tone, None,
        )  # fmt: skip


def sparkles(pen: Pen, rect: Rect, count: int, seed: int) -> None:
    chance = Random(seed)
    x, y, width, height = rect
    for _ in range(count):
        px, py, r = x + chance.random() * width, y + chance.random() * height, chance.uniform(8, 20)
        star = [(r if k % 2 == 0 else r * 0.28, math.pi * k / 4) for k in range(8)]
        pen.polygon([(px + reach * math.sin(a), py - reach * math.cos(a)) for reach, a in star], PAPER, INK, 2)


def night_window(pen: Pen, rect: Rect) -> None:
    x, y, width, height = rect
    pen.rectangle(rect, fill=50, width=6)
    pen.ellipse(x + width * 0.68, y + height * 0.3, 30, 30, fill=PAPER, ink=None)
    pen.ellipse(x + width * 0.68 + 14, y + height * 0.3 - 8, 26, 26, fill=50, ink=None)
    for fx, fy in ((0.15, 0.2), (0.3, 0.55), (0.42, 0.18), (0.85, 0.7), (0.18, 0.8)):
        pen.ellipse(x + width * fx, y + height * fy, 3, 3, fill=PAPER, ink=None)
    pen.line([(x + width / 2, y), (x + width / 2, y + height)], 8, 235)
    pen.line([(x, y + height / 2), (x + width, y + height / 2)], 8, 235)
    pen.rectangle((x - 14, y + height, width + 28, 18), fill=200)


def sea(pen: Pen, rect: Rect) -> None:
    """Waves, a sun and a small sailing boat."""
    x, y, width, height = rect
    pen.rectangle(rect, fill=240, ink=None)
    pen.ellipse(x + width * 0.22, y + height * 0.42, 60, 60, fill=PAPER, width=3)
    for k in range(4):
        base = y + height * (0.58 + 0.12 * k)
        wave = [(x + i * width / 28, base + 9 * math.sin(i * 1.35 + k)) for i in range(29)]
        pen.polygon([*wave, (x + width, y + height), (x, y + height)], 214 - 22 * k, 120, 2.5)
        if k == 1:
            bx, by = x + width * 0.6, base + 16
            pen.polygon([(bx - 70, by - 30), (bx + 70, by - 30), (bx + 44, by + 8), (bx - 44, by + 8)], 90)
            pen.polygon([(bx, by - 36), (bx, by - 150), (bx + 66, by - 44)], PAPER)
            pen.polygon([(bx - 8, by - 36), (bx - 8, by - 130), (bx - 54, by - 44)], PAPER)


def room(pen: Pen, rect: Rect, floor: float) -> None:
    """A plain wall with a floor line and a lamp's soft light."""
    x, y, width, height = rect
    pen.rectangle(rect, fill=238, ink=None)
    pen.rectangle((x, floor, width, y + height - floor), fill=208, ink=150, width=2.5)


def counter(pen: Pen, x: float, y: float, width: float, height: float) -> None:
    """The shop's counter: a top board at `y` and planks below."""
    pen.rectangle((x, y, width, height), fill=176)
    pen.rectangle((x - 10, y - 18, width + 20, 20), fill=130)
    for k in range(1, 5):
        pen.line([(x + width * k / 5, y + 4), (x + width * k / 5, y + height)], 2, 120)
