"""What a text is taken for, on drawn pages with known lines."""

import pytest
from PIL import Image, ImageDraw

from backend.readers.base import Kind
from backend.readers.embedded.bubbles import group_lines
from backend.readers.embedded.interior import Page
from backend.readers.embedded.kinds import kinds_of
from backend.readers.embedded.line import Line
from backend.readers.embedded.outline import Surroundings

PANEL = (20.0, 20.0, 580.0, 700.0)
PLAIN = Line(60, 560, 260, 580, "AND SO WE CAME HOME.", 0.99)
"""A line of speech, for the page to have a usual size."""


def panel() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A shaded panel with strokes of drawing all over it."""
    image = Image.new("RGB", (600, 800), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle(PANEL, fill="darkgray", outline="black", width=3)
    for x in range(30, 580, 18):
        pen.line((x, 24, x - 8, 696), fill="dimgray", width=2)
    pen.ellipse((20, 520, 300, 620), fill="white", outline="black", width=3)
    return image, pen


def kind_of(image: Image.Image, line: Line) -> Kind:
    lines = [line, PLAIN]
    bubbles = group_lines(lines)
    page = Page(image, lines)
    kinds = kinds_of(bubbles, image.size, [page.surroundings(bubble.lines).place for bubble in bubbles], [PANEL])
    return next(kind for kind, bubble in zip(kinds, bubbles, strict=True) if line in bubble.lines)


@pytest.mark.parametrize("outline", ["black", None])
def test_words_in_a_rectangle_are_narration(outline: str | None) -> None:
    image, pen = panel()
    pen.rectangle((24, 24, 270, 64), fill="white", outline=outline, width=2)
    assert kind_of(image, Line(36, 34, 258, 54, "THE NEXT MORNING", 0.99)) is Kind.NARRATION
    pen.rectangle((500, 100, 540, 260), fill="black")
    assert kind_of(image, Line(510, 112, 530, 248, "その夜のことだ", 0.99)) is Kind.NARRATION


def test_words_in_a_round_outline_are_speech_however_they_are_set() -> None:
    image, pen = panel()
    pen.ellipse((280, 180, 480, 330), fill="white", outline="black", width=3)
    assert kind_of(image, Line(330, 240, 430, 262, "GOOD DAY", 0.99)) is Kind.SPEECH
    assert kind_of(image, Line(320, 230, 440, 280, "BANG!", 0.99)) is Kind.SPEECH
    assert kind_of(image, Line(325, 225, 435, 283, "BANG!", 0.99, -14.0)) is Kind.SPEECH
    pen.rounded_rectangle((60, 200, 220, 260), 24, fill="white", outline="black", width=3)
    assert kind_of(image, Line(80, 220, 200, 240, "COME HERE", 0.99)) is Kind.SPEECH


@pytest.mark.parametrize("text", ["KRAKOOM", "ドドド", "どどど", "ゴォ――"])
@pytest.mark.parametrize("angle", [0.0, 14.0])
def test_large_or_slanted_sounds_on_the_drawing_are_not_speech(text: str, angle: float) -> None:
    image, _ = panel()
    assert kind_of(image, Line(320, 230, 500, 310, text, 0.99, angle)) is Kind.SFX


def test_a_person_may_shout_without_a_bubble() -> None:
    image, _ = panel()
    assert kind_of(image, Line(320, 230, 500, 310, "HELP!", 0.99)) is Kind.SPEECH
    assert kind_of(image, Line(320, 230, 500, 310, "待って", 0.99)) is Kind.SPEECH


def test_letters_seen_in_the_drawing_are_not_spoken() -> None:
    image, _ = panel()
    assert kind_of(image, Line(320, 230, 500, 310, "0.0", 0.57)) is Kind.OTHER
    assert kind_of(image, Line(320, 230, 345, 255, "X", 0.9)) is Kind.OTHER
    assert kind_of(image, Line(320, 230, 345, 255, "π", 0.76)) is Kind.OTHER


@pytest.mark.parametrize("text", ["3", "18", "12:30", "-7-"])
def test_numbers_in_the_drawing_are_not_spoken_and_numbers_in_bubbles_are(text: str) -> None:
    image, pen = panel()
    assert kind_of(image, Line(320, 250, 350, 270, text, 0.97)) is Kind.OTHER
    assert kind_of(image, Line(320, 250, 350, 270, f"{text}!", 0.97)) is Kind.SPEECH
    pen.ellipse((280, 180, 480, 330), fill="white", outline="black", width=3)
    assert kind_of(image, Line(360, 245, 400, 265, text, 0.97)) is Kind.SPEECH


def test_words_beside_all_panels_are_narration_and_page_numbers_are_nothing() -> None:
    image, _ = panel()
    assert kind_of(image, Line(60, 715, 300, 735, "THIS WAS LONG AGO", 0.99)) is Kind.NARRATION
    assert kind_of(image, Line(290, 770, 310, 785, "12", 0.99)) is Kind.OTHER


def test_the_white_rim_of_drawn_letters_is_no_bubble() -> None:
    image, pen = panel()
    line = Line(320, 230, 500, 290, "ガシャン", 0.99)
    pen.rectangle((310, 220, 510, 300), fill="white")
    assert Page(image, [line, PLAIN]).surroundings([line]).place is not Surroundings.BUBBLE
    assert kind_of(image, line) is Kind.SFX
