"""Panels that no gutter parts, on drawn pages: a line is all there is between them."""

import pytest
from PIL import Image, ImageDraw

from backend.readers.base import Box, Direction
from backend.readers.layout import cut_page, panels_of, reading_order

WORDS: list[Box] = [(600, 100, 660, 200), (640, 500, 700, 580), (80, 320, 140, 420), (500, 900, 560, 1000)]
"""In reading order from right to left: two in the right panel, one in the left, which stands between them in height, one below."""


def page_with_lines(slant: int, broken: bool = False) -> Image.Image:
    """Grey art to the edges; a full-width line at 620, and above it an upright one near 400 that leans by `slant` pixels."""
    image = Image.new("RGB", (800, 1200), "darkgray")
    pen = ImageDraw.Draw(image)
    pen.line((0, 620, 800, 620), fill="black", width=4)
    pen.line((400 - slant, 0, 400 + slant, 620), fill="black", width=4)
    if broken:
        pen.ellipse((300, 200, 500, 340), fill="white", outline="dimgray", width=3)  # a bubble over the line
        pen.ellipse((100, 560, 240, 680), fill="white", outline="dimgray", width=3)
    return image


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("slant", [0, 40, -40])
def test_a_line_between_panels_parts_them_even_where_bubbles_hide_some_of_it(slant: int, broken: bool) -> None:
    page = page_with_lines(slant, broken)
    tree = cut_page(page)
    assert len(panels_of(page, tree)) == 3
    assert reading_order(WORDS, Direction.RTL, tree) == [0, 1, 2, 3]
    assert reading_order(WORDS, Direction.LTR, tree) == [2, 0, 1, 3]


def test_a_line_that_ends_inside_the_art_parts_nothing() -> None:
    page = Image.new("RGB", (800, 1200), "darkgray")
    ImageDraw.Draw(page).line((0, 620, 400, 620), fill="black", width=4)
    assert cut_page(page).cut is None


def test_art_without_any_stroke_is_one_panel() -> None:
    page = Image.new("RGB", (800, 1200), "darkgray")
    assert len(panels_of(page, cut_page(page))) == 1
