"""Long strips are read in tiles: scaled down as a whole, their words would be too small to be found."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from PIL import Image

from backend.readers.embedded.line import Line
from backend.readers.embedded.recognizer import Recognizer

MAX_ASPECT: Final = 2.2
"""Height over width from which a page is a strip."""

TILE: Final = 1.6
OVERLAP: Final = 0.5
"""Height of a tile and how much of it the next one shares, in widths of the strip. No line is longer than the overlap, so whichever
tile has the line's middle in its own part has the whole line."""

MIN_TILE_PX: Final = 600
"""Tiles of a narrow strip are higher: each costs a call, and nothing has to be scaled down."""

MIN_SIDE_PX: Final = 8
"""No letter fits into less."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a strip, in its pixels from the top down. What is found belongs to the tile whose own part its middle lies in."""

    top: int
    bottom: int
    own: tuple[float, float]


def tiles(width: int, height: int) -> list[Tile]:
    """The tiles of a strip, or the one of a page."""
    if height <= MAX_ASPECT * width:
        return [Tile(0, height, (-math.inf, math.inf))]
    overlap = round(OVERLAP * width)
    tile = max(round(TILE * width), MIN_TILE_PX)
    tops = range(0, max(1, height - overlap), tile - overlap)
    return [
        Tile(
            top,
            min(height, top + tile),
            (top + overlap / 2 if top else -math.inf, top + tile - overlap / 2 if top + tile < height else math.inf),
        )
        for top in tops
    ]


class Stopped(Exception):
    """Nobody waits for this page any more."""


def read_lines(image: Image.Image, recognizer: Recognizer, stopped: Callable[[], bool] = lambda: False) -> list[Line]:
    """Every line of a page or strip, in pixels of `image`; each once.

    Raises:
        Stopped: `stopped` said so, asked before each tile.
    """
    width, height = image.size
    if min(width, height) < MIN_SIDE_PX:
        return []
    parts = tiles(width, height)
    if len(parts) == 1:
        return recognizer.lines(image)
    lines: list[Line] = []
    for tile in parts:
        if stopped():
            raise Stopped
        for found in recognizer.lines(image.crop((0, tile.top, width, tile.bottom))):
            line = replace(found, y0=found.y0 + tile.top, y1=found.y1 + tile.top)
            if tile.own[0] <= (line.y0 + line.y1) / 2 < tile.own[1]:
                lines.append(line)
    return lines
