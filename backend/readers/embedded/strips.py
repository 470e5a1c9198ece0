"""Long strips are read in tiles: scaled down as a whole, their words would be too small to be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
    if height <= MAX_ASPECT * width:
        return recognizer.lines(image)
    overlap = round(OVERLAP * width)
    tile = max(round(TILE * width), MIN_TILE_PX)
    lines: list[Line] = []
    for top in range(0, max(1, height - overlap), tile - overlap):
        if stopped():
            raise Stopped
        bottom = min(height, top + tile)
        first = top + overlap / 2 if top else 0.0
        last = bottom - overlap / 2 if bottom < height else float(height)
        for found in recognizer.lines(image.crop((0, top, width, bottom))):
            line = replace(found, y0=found.y0 + top, y1=found.y1 + top)
            if first <= (line.y0 + line.y1) / 2 < last:
                lines.append(line)
    return lines
