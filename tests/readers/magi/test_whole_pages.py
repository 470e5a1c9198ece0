"""The recogniser for any language: a page is read once, its lines go to the texts they lie in; what got none is read alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backend.readers.embedded.line import Line
from backend.readers.magi import whole_pages
from backend.readers.magi.recognizers import Text, Words
from backend.readers.magi.whole_pages import WholePageRecognizer, lines_of_texts, words_of
from benchmarks.scoring import fold

SAMPLES = Path(__file__).parents[3] / "samples"
PAGE = (600, 800)


def column(x, y, text, *, width=20, confidence=0.9):
    return Line(x, y, x + width, y + width * len(text), text, confidence)


def row(x, y, text, *, height=20):
    return Line(x, y, x + height / 2 * len(text), y + height, text, 0.9)


class Engine:
    """An OCR engine that finds `on_page` on pictures of a page's size and `on_crop` on all others; notes what it was shown."""

    def __init__(self, on_page, on_crop=()):
        self.on_page, self.on_crop, self.shown = list(on_page), list(on_crop), []

    def lines(self, image):
        self.shown.append((image.mode, image.size))
        return self.on_page if image.size == PAGE else self.on_crop

    @property
    def pages(self):
        return sum(size == PAGE for _, size in self.shown)


@pytest.fixture
async def shown(monkeypatch):
    """Gives a recogniser over an engine of the test's."""
    made = []

    def over(engine):
        monkeypatch.setattr(whole_pages, "make_recognizer", lambda threads: engine)
        made.append(WholePageRecognizer(1))
        return made[-1]

    yield over
    for one in made:
        await one.aclose()


def a_page():
    return Image.new("L", PAGE, 255)


def on(page, *bounds):
    return [Text.on(page, box) for box in bounds]


LEFT, RIGHT, FAR = (50, 50, 150, 250), (300, 50, 400, 250), (300, 500, 400, 700)


async def test_a_page_is_shown_to_the_engine_once_however_many_texts_it_has(shown):
    engine = Engine([column(60, 60, "ひとつめ"), column(310, 60, "ふたつめ"), column(310, 510, "みっつめ")])
    recognizer = shown(engine)
    page, other = a_page(), a_page()
    texts = on(page, LEFT, RIGHT, FAR)
    words = await recognizer.read([texts[0], *on(other, RIGHT, LEFT), *texts[1:]])
    assert [one.text for one in words] == ["ひとつめ", "ふたつめ", "ひとつめ", "ふたつめ", "みっつめ"]
    assert engine.shown == [("RGB", PAGE)] * 2, "two pages, no crop"


async def test_nothing_is_kept_from_one_batch_to_the_next(shown):
    engine = Engine([column(60, 60, "ひとつめ"), column(310, 60, "ふたつめ")])
    recognizer = shown(engine)
    page = a_page()
    await recognizer.read(on(page, LEFT, RIGHT))
    engine.on_page = [column(60, 60, "あとから"), column(310, 60, "ふたつめ")]
    assert (await recognizer.read(on(page, LEFT, RIGHT)))[0].text == "あとから"


async def test_only_a_text_that_got_no_line_is_cut_out_with_some_air_around_it(shown):
    engine = Engine([column(60, 60, "ひとつめ")], [column(20, 20, "べつべつ")])
    words = await shown(engine).read(on(a_page(), LEFT, RIGHT))
    assert [one.text for one in words] == ["ひとつめ", "べつべつ"]
    assert engine.shown == [("RGB", PAGE), ("RGB", (100 + 24, 200 + 24))]


async def test_a_lone_text_is_not_worth_a_page(shown):
    engine = Engine([], [column(20, 20, "ひとつめ")])
    (words,) = await shown(engine).read(on(a_page(), LEFT))
    assert (words.text, engine.pages) == ("ひとつめ", 0)


async def test_a_narrow_text_is_not_read_in_tiles_and_a_long_strip_is(shown):
    """A strip's tiles would cut the one column of a narrow text in the middle of its characters."""
    engine = Engine([], [])
    strip = Image.new("L", (100, 900), 255)
    await shown(engine).read([Text.on(strip, (10, 10, 40, 400))])
    assert len(engine.shown) == 1
    await shown(engine).read(on(strip, (10, 10, 40, 100), (60, 10, 90, 100)))
    assert len(engine.shown) > 1 + 1 + 2, "the strip in tiles, and two texts without a line"


async def test_furigana_and_doubtful_lines_are_dropped_as_the_embedded_reader_drops_them(shown):
    lines = [
        column(60, 60, "物語を読む"),
        column(81, 60, "ものがたり", width=8),
        column(110, 60, "かな", confidence=0.3),
        column(110, 150, "|||"),
    ]
    words = await shown(Engine([*lines, column(310, 60, "ふたつめ")])).read(on(a_page(), LEFT, RIGHT))
    assert [one.text for one in words] == ["物語を読む", "ふたつめ"]


async def test_an_engine_that_fails_costs_the_words_and_says_so(shown, caplog):
    class Broken(Engine):
        def lines(self, image):
            raise RuntimeError("bad allocation")

    assert await shown(Broken([])).read(on(a_page(), LEFT, RIGHT)) == [Words("", 0.0)] * 2
    assert "bad allocation" in caplog.text


class TestWhichTextALineIsIn:
    def test_most_of_it_is_enough(self):
        assert lines_of_texts([row(100, 60, "HELLO THERE")], [LEFT]) == [[]], "45 % of it lies inside"
        inside = row(90, 60, "HELLO THERE")
        assert lines_of_texts([inside], [LEFT, RIGHT]) == [[inside], []]

    def test_a_line_across_two_texts_is_neither_s_and_both_are_read_alone(self):
        across, good = row(60, 100, "ONE AND TWO"), row(310, 100, "THREE")
        assert lines_of_texts([across, row(60, 60, "ONE"), good], [(50, 50, 120, 250), (130, 50, 200, 250), RIGHT]) == [
            [],
            [],
            [good],
        ]

    def test_bounds_within_bounds_have_their_own(self):
        inner, outer = row(70, 70, "IN"), row(60, 200, "OUT")
        boxes = [(50, 50, 150, 250), (60, 60, 120, 100)]
        assert lines_of_texts([inner, outer], boxes) == [[outer], [inner]]
        assert lines_of_texts([inner, outer], boxes[::-1]) == [[inner], [outer]]

    coordinate = st.integers(0, 60)
    box = st.tuples(coordinate, coordinate, st.integers(1, 40), st.integers(1, 40)).map(
        lambda it: (it[0], it[1], it[0] + it[2], it[1] + it[3])
    )

    @given(st.lists(box, max_size=8), st.lists(box, max_size=5), st.randoms(use_true_random=False))
    def test_no_line_is_said_twice_and_the_order_of_texts_does_not_matter(self, found, bounds, random):
        lines = [Line(*corners, f"{number}", 0.9) for number, corners in enumerate(found)]
        shared = lines_of_texts(lines, bounds)
        said = [line.text for own in shared for line in own]
        assert len(said) == len(set(said))
        order = random.sample(range(len(bounds)), len(bounds))
        again = lines_of_texts(lines, [bounds[at] for at in order])
        if len(set(bounds)) == len(bounds) == len({(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in bounds}):
            assert again == [shared[at] for at in order]


class TestHowLinesAreJoined:
    def test_columns_from_right_to_left_without_spaces(self):
        assert (
            words_of([column(60, 60, "から来た"), column(90, 60, "どこ"), column(120, 60, "あなたは")]).text
            == "あなたはどこから来た"
        )

    def test_columns_that_stand_apart_too(self):
        assert words_of([column(60, 60, "から来た"), column(130, 60, "あなたは")]).text == "あなたはから来た"

    def test_rows_downward_with_hyphens_mended(self):
        lines = [row(60, 120, "TING NEWS"), row(60, 60, "WHAT AN"), row(60, 90, "INTERES-")]
        assert words_of(lines).text == "WHAT AN INTERESTING NEWS"

    def test_rows_that_stand_apart_too(self):
        assert words_of([row(60, 200, "AGAIN"), row(200, 60, "LATER"), row(60, 60, "MUCH")]).text == "MUCH LATER AGAIN"

    def test_the_least_certain_line_is_how_sure_the_words_are(self):
        assert words_of([column(60, 60, "から来た", confidence=0.6), column(90, 60, "どこ")]).confidence == 0.6
        assert words_of([]) == Words("", 0.0)


async def test_every_word_of_a_sample_page_is_read_right_in_one_look():
    told = json.loads((SAMPLES / "ja" / "page-07.json").read_text(encoding="utf-8"))
    truth = [block for block in told["blocks"] if block["kind"] != "sfx"]
    corners = [[round(value) for value in block["box"]] for block in truth]
    with Image.open(SAMPLES / "ja" / "page-07.png") as image:
        texts = on(image.convert("L"), *((x - 4, y - 4, x + width + 4, y + height + 4) for x, y, width, height in corners))
    recognizer = WholePageRecognizer(2)
    await recognizer.load()
    engine, looks = recognizer._engine, []

    class Watched:
        def lines(self, image):
            looks.append(image.size)
            return engine.lines(image)

    recognizer._engine = Watched()
    words = await recognizer.read(texts)
    await recognizer.aclose()
    assert looks == [texts[0].page.size]
    assert [fold(one.text) for one in words] == [fold(block["text"]) for block in truth]
