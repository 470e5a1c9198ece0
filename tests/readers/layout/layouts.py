"""Pages as artists lay them out, at random: tiers from top to bottom, each of panels side by side, some of them stacked."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from PIL import Image, ImageDraw

from backend.readers.base import Box

WIDTH, HEIGHT = 700, 1000
MARGIN = 35
GUTTER = 14


@dataclass(frozen=True)
class Layout:
    """One page: panels, and texts in them, in pixels."""

    panels: tuple[Box, ...]
    texts: tuple[Box, ...]

    def moved(self, x: float) -> Layout:
        return Layout(*(tuple((x0 + x, y0, x1 + x, y1) for x0, y0, x1, y1 in boxes) for boxes in (self.panels, self.texts)))

    def mirrored(self, width: float) -> Layout:
        return Layout(
            *(tuple((width - x1, y0, width - x0, y1) for x0, y0, x1, y1 in boxes) for boxes in (self.panels, self.texts))
        )


def cuts(draw: st.DrawFn, low: float, high: float, most: int, gutter: float) -> list[tuple[float, float]]:
    """The stretch from `low` to `high` in one to `most` pieces, none of them thin, with gutters between."""
    shares = draw(st.lists(st.integers(2, 4), min_size=1, max_size=most))
    room = high - low - gutter * (len(shares) - 1)
    pieces, at = [], low
    for share in shares:
        end = at + room * share / sum(shares)
        pieces.append((at, end))
        at = end + gutter
    return pieces


@st.composite
def pages(draw: st.DrawFn, width: float = WIDTH, height: float = HEIGHT, stacks: bool = True, columns: int = 3) -> Layout:
    """A page of at most four tiers; every panel has a text in one of its corners."""
    panels: list[Box] = []
    for top, bottom in cuts(draw, MARGIN, height - MARGIN, 4, GUTTER):
        for left, right in cuts(draw, MARGIN, width - MARGIN, columns, GUTTER):
            stacked = stacks and bottom - top > height / 3 and draw(st.booleans())
            for y0, y1 in cuts(draw, top, bottom, 2, GUTTER) if stacked else [(top, bottom)]:
                panels.append((left, y0, right, y1))
    texts = []
    for x0, y0, x1, y1 in panels:
        across, down = (x1 - x0) / 4, (y1 - y0) / 4
        x, y = x0 + across * draw(st.integers(1, 2)), y0 + down * draw(st.integers(1, 2))
        texts.append((x, y, x + across, y + down))
    return Layout(tuple(panels), tuple(texts))


def drawn(panels: tuple[Box, ...], size: tuple[int, int]) -> Image.Image:
    """Grey panels with black frames on white."""
    image = Image.new("L", size, "white")
    pen = ImageDraw.Draw(image)
    for box in panels:
        pen.rectangle(tuple(round(value) for value in box), fill="gray", outline="black", width=4)
    return image
