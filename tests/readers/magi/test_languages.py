"""Which recogniser reads which text: found from the ink and a cheap first look, not asked of the user."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from backend.readers.embedded.line import Line
from backend.readers.magi import build_reader, whole_pages
from backend.readers.magi.recognizers import Text, Words
from backend.readers.magi.words import PageTexts, WordReaders


class Stub:
    """A recogniser that says its own name."""

    def __init__(self, name, langs, confidence=0.9):
        self.langs, self.fingerprint = frozenset(langs), name
        self.name, self.confidence, self.calls = name, confidence, []

    async def load(self): ...

    async def aclose(self): ...

    async def read(self, texts):
        self.calls.append(len(texts))
        return [Words(self.name, self.confidence) for _ in texts]


def columns():
    return Text.alone(columns_of_text())


def lines():
    return Text.alone(lines_of_text())


def columns_of_text(count=3):
    image = Image.new("L", (30 * count + 10, 150), 255)
    draw = ImageDraw.Draw(image)
    for column in range(count):
        for row in range(7):
            draw.rectangle((8 + 30 * column, 6 + 20 * row, 24 + 30 * column, 20 + 20 * row), fill=0)
    return image


def lines_of_text():
    return columns_of_text().transpose(Image.Transpose.TRANSPOSE)


class TestLanguages:
    async def test_columns_go_to_the_japanese_recogniser_at_a_glance(self):
        english, japanese = Stub("words", {"en"}), Stub("ことば", {"ja"})
        text = PageTexts([columns()] * 4, None)
        await WordReaders([japanese, english]).read([text])
        assert text.langs == ["ja"] * 4
        assert (english.calls, japanese.calls) == ([], [4])

    @pytest.mark.parametrize(("sure_of_english", "lang"), [(0.95, "en"), (0.2, "ja")])
    async def test_lines_go_to_the_surer_one(self, sure_of_english, lang):
        english, japanese = Stub("words", {"en"}, sure_of_english), Stub("ことば", {"ja"}, 0.6)
        text = PageTexts([lines()] * 5, None)
        await WordReaders([japanese, english]).read([text])
        assert text.langs == [lang] * 5
        assert max(english.calls + japanese.calls) == 5

    async def test_a_recogniser_of_any_language_is_the_referee_and_the_last_resort(self):
        english, any_language = Stub("words", {"en"}), Stub("안녕하세요", set())
        text = PageTexts([lines()], None)
        await WordReaders([any_language, english]).read([text])
        assert (text.langs, text.words[0].text) == (["ko"], "안녕하세요")

    async def test_the_first_look_of_a_page_reader_is_one_picture_a_page(self):
        """It takes as long for a text as for a page: three samples one by one would cost more than the whole page."""
        shown = []

        class Any(Stub):
            async def read(self, texts):
                shown.append([text.crop.size for text in texts])
                return await super().read(texts)

        pages = [PageTexts([lines()] * 5, None), PageTexts([lines()], None), PageTexts([columns()], None)]
        await WordReaders([Stub("ことば", {"ja"}), Stub("words", {"en"}), Any("Hello", set())]).read(pages)
        assert [page.langs for page in pages] == [["en"] * 5, ["en"], ["ja"]]
        ((three, one),) = shown
        width, height = lines_of_text().size
        assert one == (width, height)
        assert three[0] == width
        assert three[1] >= 3 * height

    async def test_what_the_book_says_is_believed(self):
        english, japanese = Stub("words", {"en"}), Stub("ことば", {"ja"})
        text = PageTexts([columns()], "en")
        await WordReaders([japanese, english]).read([text])
        assert (text.langs, text.words[0].text) == (["en"], "words")

    async def test_a_language_nobody_reads_is_left_unread_and_said(self, caplog):
        text = PageTexts([columns()] * 3, None)
        await WordReaders([Stub("words", {"en"})]).read([text])
        assert text.words == [Words("", 0.0)] * 3
        assert [("'ja'" in record.getMessage(), "unread: 3" in record.getMessage()) for record in caplog.records] == [
            (True, True)
        ]

    async def test_texts_of_many_pages_share_one_call(self):
        english = Stub("words", {"en"})
        pages = [PageTexts([lines()] * 2, "en") for _ in range(5)]
        await WordReaders([english]).read(pages)
        assert english.calls == [10]

    async def test_without_manga_ocr_s_weights_japanese_is_read_by_the_embedded_engine(self, tmp_path, monkeypatch):
        """`build_reader` finds no manga-ocr folder, so columns go to the embedded engine and not to the English recogniser."""
        monkeypatch.setattr(whole_pages, "make_recognizer", lambda threads: Engine("ひらがな"))
        reader = build_reader(tmp_path, fallback_threads=1)
        readers = WordReaders([*reader._recognizers, Stub("words", {"en"})])
        text = PageTexts([columns()], None)
        await readers.read([text])
        assert (text.langs, text.words[0].text) == (["ja"], "ひらがな")
        await reader.aclose()

    async def test_with_manga_ocr_beside_the_weights_the_embedded_engine_only_settles_the_language_of_lines(self):
        english, japanese, embedded = Stub("words", {"en"}), Stub("ことば", {"ja"}), Stub("ひらがな", set())
        text = PageTexts([columns(), lines()], None)
        await WordReaders([japanese, embedded, english]).read([text])
        assert [words.text for words in text.words] == ["ことば", "ことば"]
        assert embedded.calls in ([], [1])


class Engine:
    """An OCR engine that finds the same line on every picture."""

    def __init__(self, words):
        self.words = words

    def lines(self, image):
        return [Line(10, 10, 30, 130, self.words, 0.9)]
