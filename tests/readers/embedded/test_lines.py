"""Japanese logic at the level of known lines, so that no font is needed."""

import numpy as np
from PIL import Image, ImageDraw

from backend.readers.base import Direction, Kind, ReadOptions
from backend.readers.embedded.bubbles import group_lines
from backend.readers.embedded.ctc import decode
from backend.readers.embedded.interior import Page
from backend.readers.embedded.joining import join_lines
from backend.readers.embedded.line import Line
from backend.readers.embedded.reader import read_page
from backend.readers.embedded.ruby import drop_furigana
from backend.readers.layout import reading_order


class KnownLines:
    """A recogniser that has already read the page."""

    def __init__(self, *lines: Line) -> None:
        self.known = list(lines)

    def lines(self, image: Image.Image) -> list[Line]:
        return self.known


def column(x: float, y: float, text: str, size: float = 20) -> Line:
    return Line(x, y, x + size, y + size * len(text), text, 0.99)


def row(x: float, y: float, text: str, size: float = 20) -> Line:
    return Line(x, y, x + 0.6 * size * len(text), y + size, text, 0.99)


def test_columns_of_a_bubble_are_read_from_the_right() -> None:
    [bubble] = group_lines([column(100, 100, "終わった"), column(130, 100, "話はもう")])
    assert bubble.text == "話はもう終わった"
    assert bubble.vertical


def test_furigana_beside_a_column_and_over_a_row_is_dropped() -> None:
    base, title = column(100, 100, "学校へ行く"), row(300, 100, "東京物語")
    ruby = [Line(121, 100, 131, 140, "がっこう", 0.9), Line(300, 89, 340, 99, "とうきょう", 0.9)]
    assert drop_furigana([base, title, *ruby]) == [base, title]


def test_a_column_of_kana_of_the_same_size_is_no_furigana() -> None:
    lines = [column(100, 100, "学校へ行く"), column(122, 100, "きのう")]
    assert drop_furigana(lines) == lines


def test_hyphens_at_line_ends_are_mended_and_stammers_stay() -> None:
    assert join_lines(["INTER-", "EATING IS"]) == "INTEREATING IS"
    assert join_lines(["W-", "WHAT?"]) == "W-WHAT?"
    assert join_lines(["I am", "here."]) == "I am here."
    assert join_lines(["そうだ", "ね"]) == "そうだね"


def _page_with(draw_on: tuple[tuple[int, int, int, int], ...], shape: str) -> Image.Image:
    image = Image.new("RGB", (400, 400), "gray")
    pen = ImageDraw.Draw(image)
    for box in draw_on:
        getattr(pen, shape)(box, fill="white")
    return image


def test_an_outline_between_close_lines_parts_them() -> None:
    image = _page_with(((50, 50, 250, 150),), "rectangle")
    ImageDraw.Draw(image).line((50, 105, 250, 105), fill="black", width=2)
    lines = [row(80, 80, "FIRST ONE"), row(80, 110, "OTHER ONE")]
    assert len(group_lines(lines)) == 1
    assert len(group_lines(lines, Page(image, lines))) == 2


def test_a_neck_parts_two_joined_bubbles() -> None:
    lines = [row(90, 130, "FIRST ONE HERE"), row(190, 160, "OTHER ONE HERE")]
    joined = _page_with(((70, 60, 280, 160), (170, 150, 380, 250)), "ellipse")
    single = _page_with(((20, 20, 400, 300),), "ellipse")
    assert len(group_lines(lines, Page(joined, lines))) == 2
    assert len(group_lines(lines, Page(single, lines))) == 1


def _waist(top_left: int, top_right: int) -> tuple[list[Line], Image.Image]:
    """Two columns in one white outline that is pinched between them, each beginning at its own height."""
    lines = [column(120, top_left, "終わったのだよ"), column(150, top_right, "話はもうこれで")]
    image = Image.new("RGB", (400, 400), "gray")
    pen = ImageDraw.Draw(image)
    pen.rectangle((90, 60, 200, 320), fill="white")
    for tip, edge in ((82, 60), (298, 320)):
        pen.polygon(((135, edge), (155, edge), (145, tip)), fill="gray")
    return lines, image


def test_columns_that_start_level_stay_together_where_the_outline_is_pinched() -> None:
    lines, image = _waist(100, 100)
    assert 0.5 < Page(image, lines).between(lines[0], lines[1], vertical=True).neck < 1.2
    assert len(group_lines(lines, Page(image, lines))) == 1
    staggered, image = _waist(100, 112)
    assert len(group_lines(staggered, Page(image, staggered))) == 2


def test_a_lone_narrow_letter_belongs_to_the_columns_beside_it() -> None:
    lines = [column(150, 100, "誰かが来", 34), Line(93, 104, 115, 132, "る", 0.99)]
    image = Image.new("RGB", (400, 400), "gray")
    ImageDraw.Draw(image).ellipse((20, 60, 260, 290), fill="white", outline="black", width=2)
    [bubble] = group_lines(lines, Page(image, lines))
    assert bubble.text == "誰かが来る"


def test_a_small_kana_that_greedy_decoding_drops_is_put_back_into_its_cell() -> None:
    alphabet = ["", "待", "っ", "て", "く", "れ"]
    posteriors = np.zeros((24, 6), np.float32)
    posteriors[:, 0] = 1
    for step, index in ((2, 1), (10, 3), (14, 4), (18, 5)):
        posteriors[step] = 0
        posteriors[step, index] = 1
    assert "".join(glyph.character for glyph in decode(posteriors, alphabet)) == "待てくれ"
    posteriors[6] = [0.9, 0, 0.1, 0, 0, 0]
    assert "".join(glyph.character for glyph in decode(posteriors, alphabet)) == "待ってくれ"


def test_the_right_bubble_is_first_in_a_right_to_left_book_only() -> None:
    boxes = [(10.0, 10.0, 60.0, 60.0), (200.0, 12.0, 260.0, 60.0), (10.0, 200.0, 60.0, 260.0)]
    assert reading_order(boxes, Direction.RTL) == [1, 0, 2]
    assert reading_order(boxes, Direction.LTR) == [0, 1, 2]
    assert reading_order(boxes, Direction.VERTICAL) == [0, 1, 2]


def test_page_numbers_and_drawn_sounds_are_not_speech() -> None:
    known = KnownLines(
        column(100, 100, "話はもう"),
        column(300, 100, "終わった"),
        Line(180, 780, 220, 795, "12", 0.99),
        Line(40, 400, 200, 460, "ドドド", 0.99, 15.0),
    )
    reading = read_page(Image.new("RGB", (400, 800), "white"), ReadOptions(), known)
    kinds = {box.text: box.kind for box in reading.boxes}
    assert kinds == {"話はもう": Kind.SPEECH, "終わった": Kind.SPEECH, "12": Kind.OTHER, "ドドド": Kind.SFX}
    assert all(box.speaker is None for box in reading.boxes)
    assert {box.lang for box in reading.boxes if box.kind is Kind.SPEECH} == {"ja"}
