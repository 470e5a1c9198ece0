"""The shape of a bubble is told around MAGI's boxes as it is around the embedded reader's lines."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from backend.readers.magi.bubble import in_burst
from backend.readers.magi.look import thickness
from tests.readers.embedded.test_burst import burst


def page(outline: list[tuple[float, float]] | None) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Three lines of capitals about (400, 390), with a bubble around them or on the drawing itself."""
    image = Image.new("L", (800, 800), 150)
    pen = ImageDraw.Draw(image)
    for x in range(10, 800, 18):
        pen.line((x, 0, x - 8, 800), fill=90, width=2)
    if outline is not None:
        pen.polygon(outline, fill=255, outline=0, width=3)
    font = ImageFont.load_default(18)
    for number, words in enumerate(("COME BACK", "AT ONCE", "YOU FOOL")):
        pen.text((400, 368 + 22 * number), words, fill=0, font=font, anchor="mm")
    return np.asarray(image), (345, 355, 455, 425)


def oval() -> list[tuple[float, float]]:
    return [(400 + 150 * np.cos(k / 20), 390 + 110 * np.sin(k / 20)) for k in range(126)]


@pytest.mark.parametrize(("outline", "spiky"), [(burst(14, 0.3, (170.0, 140.0)), True), (oval(), False), (None, None)])
def test_a_burst_is_told_from_an_oval_and_from_no_bubble_at_all(outline, spiky):
    grey, bounds = page(outline)
    assert in_burst(grey, bounds) is spiky


def test_lines_are_as_thick_as_their_letters_and_not_as_their_block():
    grey, (x0, y0, x1, y1) = page(oval())
    assert 10 <= thickness(grey[y0:y1, x0:x1]) <= 20


@pytest.mark.parametrize("bounds", [(0, 0, 10, 10), (0, 0, 800, 800), (790, 790, 800, 800), (5, 5, 5, 5), (0, 0, 800, 1)])
def test_every_box_has_an_answer(bounds):
    grey, _ = page(oval())
    assert in_burst(grey, bounds) in (True, False, None)
    assert in_burst(np.zeros_like(grey), bounds) in (True, False, None)
