"""Lines that were read with doubt are cut out in other ways, and the reading that loses nothing and doubts least is kept."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from backend.readers.embedded.ctc import Glyph, decode
from backend.readers.embedded.detector import FoundLine, Pixels, cut_out
from backend.readers.embedded.second_look import best, other_cuts


def found(x0: float, y0: float, x1: float, y1: float) -> FoundLine:
    return FoundLine(((x0 + x1) / 2, (y0 + y1) / 2), (x1 - x0, y1 - y0), 0.0, (x0, y0, x1, y1))


def glyphs(text: str, confidence: float) -> list[Glyph]:
    return [Glyph(character, float(step), confidence) for step, character in enumerate(text)]


def columns_drawn(*middles: int) -> Pixels:
    """Columns of five dark squares each, 12 pixels wide, on a white page."""
    image = Image.new("RGB", (100, 140), "white")
    pen = ImageDraw.Draw(image)
    for x in middles:
        for y in range(20, 120, 20):
            pen.rectangle((x - 6, y, x + 6, y + 14), fill="black")
    return np.asarray(image, dtype=np.uint8)


def test_two_columns_found_as_one_are_parted_at_the_seam_and_the_right_one_comes_first() -> None:
    page, line = columns_drawn(40, 58), found(28, 10, 70, 130)
    [halves] = [parts for parts in other_cuts(line, cut_out(page, line)) if len(parts) == 2]
    right, left = halves
    assert 46 <= right.box[0] == left.box[2] <= 52
    assert (right.box[2], left.box[0]) == (70, 28)
    assert right.vertical
    assert left.vertical


def test_a_single_column_is_not_parted() -> None:
    page, line = columns_drawn(50), found(38, 10, 62, 130)
    assert all(len(parts) == 1 for parts in other_cuts(line, cut_out(page, line)))


@pytest.mark.parametrize(("height", "turns"), [(34, True), (90, False)])
def test_only_a_stub_may_run_the_other_way(height: int, turns: bool) -> None:
    line = found(30, 20, 54, 20 + height)
    cuts = [part for parts in other_cuts(line, columns_drawn(42)[20 : 20 + height, 30:54]) for part in parts]
    assert any(cut.vertical != line.vertical for cut in cuts) is turns


def test_the_reading_with_least_doubt_is_kept() -> None:
    whole, right, left = found(0, 0, 40, 90), found(20, 0, 40, 90), found(0, 0, 20, 90)
    first = [(whole, glyphs("そ雨んがふるんんん", 0.4))]
    halves = [(right, glyphs("雨がふると", 0.99)), (left, glyphs("思ったよ", 0.9))]
    assert best(first, [[(whole, glyphs("雨んふるんんですよ", 0.6))], halves]) is halves
    one_doubtful = [halves[0], (left, glyphs("で", 0.5))]
    assert best(first, [one_doubtful]) is first


def test_losing_a_letter_is_no_gain_but_losing_a_stray_dot_is() -> None:
    line = found(0, 0, 20, 60)
    first = [(line, glyphs("海へー", 0.7))]
    assert best(first, [[(line, glyphs("海へ", 1.0))]]) is first
    dotted, clean = [(line, glyphs("春だ…・", 0.74))], [(line, glyphs("春だ…", 0.97))]
    assert best(dotted, [clean]) is clean


@pytest.mark.parametrize(
    ("others", "text"), [({"毎": 0.05, "日": 0.0}, "毎日の"), ({"毎": 0.01}, "每日の"), ({"べ": 0.1}, "每日の")]
)
def test_beside_kana_a_chinese_form_yields_to_the_japanese_one_that_was_nearly_read(others: dict[str, float], text: str) -> None:
    alphabet = ["", "每", "毎", "日", "の", "べ"]
    posteriors = np.zeros((12, 6), np.float32)
    posteriors[:, 0] = 1
    for step, character in ((2, "每"), (5, "日"), (8, "の")):
        posteriors[step] = 0
        posteriors[step, alphabet.index(character)] = 0.9
    for character, probability in others.items():
        posteriors[2, alphabet.index(character)] = probability
    assert "".join(glyph.character for glyph in decode(posteriors, alphabet)) == text
