"""Long dashes at the head and the foot of a column."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

from backend.readers.embedded.dashes import with_dashes
from backend.readers.embedded.line import Line

SIZE = 30
"""Pixels of a character."""
COLUMN = Line(100, 300, 100 + SIZE, 300 + 3 * SIZE, "それは", 0.9)


def drawn(*strokes: tuple[float, float, float, float], paper: str = "white", ink: str = "black") -> Image.Image:
    """A page with three characters in a column at 100, 300, and strokes: x from the column's axis, y, width, length."""
    image = Image.new("RGB", (240, 700), paper)
    draw = ImageDraw.Draw(image)
    for number in range(3):
        top = 302 + number * SIZE
        for bar in range(0, SIZE - 4, 8):
            draw.rectangle((102, top + bar, 126, top + bar + 1), fill=ink)
        draw.rectangle((113, top, 115, top + SIZE - 6), fill=ink)
    for x, y, width, length in strokes:
        draw.rectangle((115 + x - width / 2, y, 115 + x + width / 2 - 1, y + length - 1), fill=ink)
    return image


def read(image: Image.Image, line: Line = COLUMN) -> Line:
    [found] = with_dashes(image, [line])
    return found


@pytest.mark.parametrize(("paper", "ink"), [("white", "black"), ("black", "white"), ("#bbbbbb", "#111111")])
def test_a_sentence_that_breaks_off_says_so(paper: str, ink: str) -> None:
    found = read(drawn((0, 397, 3, 60), paper=paper, ink=ink))
    assert found.text == "それは――"
    assert (found.y0, found.y1) == (300, 457)


def test_one_that_begins_with_a_dash_says_so_too() -> None:
    found = read(drawn((0, 230, 3, 60)))
    assert found.text == "――それは"
    assert (found.y0, found.y1) == (230, 390)


@pytest.mark.parametrize("misread", ["一", "丨", "1"])
def test_what_the_stroke_was_read_as_gives_way_to_it(misread: str) -> None:
    line = Line(100, 300, 100 + SIZE, 440, f"それは{misread}", 0.9)
    assert read(drawn((0, 397, 3, 55)), line).text == "それは――"


def test_a_one_beside_a_dash_that_was_not_read_stays() -> None:
    assert read(drawn((0, 397, 3, 60)), replace(COLUMN, text="世界一")).text == "世界一――"
    assert read(drawn((0, 230, 3, 60)), replace(COLUMN, text="一人で")).text == "――一人で"


@pytest.mark.parametrize("said", ["それは―", "それはー", "それは〜"])
def test_a_mark_that_was_read_is_not_said_twice(said: str) -> None:
    assert read(drawn((0, 397, 3, 60)), Line(100, 300, 100 + SIZE, 460, said, 0.9)).text == said


@pytest.mark.parametrize(
    "strokes",
    [
        pytest.param([(0, 397, 3, 303)], id="a line that goes on to the page's end"),
        pytest.param([(0, 397, 3, 25)], id="no longer than a character"),
        pytest.param([(12, 397, 3, 60)], id="beside the axis"),
        pytest.param([(0, 430, 3, 60)], id="far from the column"),
        pytest.param([(0, 397, 12, 60)], id="a bar"),
        pytest.param([(x, 397, 2, 60) for x in (-12, -6, 0, 6, 12)], id="speed lines"),
        pytest.param([(0, 397, 3, 60), (0, 455, 80, 3)], id="a part of an outline"),
        pytest.param([(0, 397, 5, 45), (0, 447, 6, 6)], id="an exclamation mark"),
    ],
)
def test_other_strokes_are_no_dashes(strokes: list[tuple[float, float, float, float]]) -> None:
    assert read(drawn(*strokes)) == COLUMN


def test_rows_and_latin_words_are_left_alone() -> None:
    row = Line(100, 300, 190, 330, "それは", 0.9)
    latin = Line(100, 300, 130, 390, "WAIT", 0.9)
    assert with_dashes(drawn((0, 397, 3, 60)), [row, latin]) == [row, latin]


def test_a_column_at_the_edge_of_the_page_is_looked_at_as_far_as_there_is_paper() -> None:
    line = Line(0, 0, SIZE, 90, "それは", 0.9)
    assert read(Image.new("RGB", (SIZE, 90), "white"), line) == line
