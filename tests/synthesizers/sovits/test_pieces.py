"""What the engine is given is always something it was trained to say."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.language import speech_text
from backend.synthesizers.sovits.pieces import BREATH_S, LONGEST_UNITS, cut, is_speakable, units

LONG_JA = (
    "昔々あるところに、おじいさんとおばあさんが住んでいました。おじいさんは山へ芝刈りに、おばあさんは川へ洗濯に行きました。" * 3
)
LONG_EN = "Once upon a time, in a land far away, there lived an old man who had never seen the sea, " * 6
KANA = [chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB))]


def texts(text: str, lang: str) -> list[str]:
    return [piece.text for piece in cut(text, lang)]


@pytest.mark.parametrize(
    ("text", "lang", "pieces"),
    [
        ("うん", "ja", ["うん。"]),
        ("何だって？", "ja", ["何だって？"]),
        ("行くぞ!", "ja", ["行くぞ！"]),
        ("Wait for me", "en", ["Wait for me."]),
        ("Really?", "en", ["Really?"]),
        ("だから、", "ja", ["だから。"]),
        ("ＯＫ、行こう", "ja", ["オーケイ、行こう。"]),
        ("俺はJohnだ", "ja", ["俺はジョンだ。"]),
        ("…それで？", "ja", ["それで？"]),
        ("もう会えない…そう言ったのか？", "ja", ["もう会えない。", "そう言ったのか？"]),
        ("え…嘘だろ", "ja", ["え、嘘だろ。"]),
        ("Café au lait", "en", ["Cafe au lait."]),
        ("ñ", "en", ["n."]),
        ("ゔ", "ja", ["ゔ。"]),
        ("I thought you were... dead, you know", "en", ["I thought you were, dead, you know."]),
        ("I thought you were... dead and gone, you know", "en", ["I thought you were.", "dead and gone, you know."]),
    ],
)
def test_a_piece_ends_with_a_mark_and_short_parts_stay_together(text: str, lang: str, pieces: list[str]) -> None:
    assert texts(text, lang) == pieces


def test_a_pause_becomes_a_breath_before_the_next_piece() -> None:
    assert [piece.breath_s for piece in cut("もう会えない…そう言ったのか？", "ja")] == [0.0, BREATH_S]


@pytest.mark.parametrize(("text", "lang"), [(LONG_JA, "ja"), (LONG_EN, "en"), ("あ" * 400, "ja"), ("a" * 900, "en")])
def test_a_long_line_is_cut_and_loses_nothing(text: str, lang: str) -> None:
    pieces = cut(text, lang)

    assert all(piece.units <= LONGEST_UNITS[lang] for piece in pieces)
    said = "".join(char for piece in pieces for char in piece.text if char.isalnum())
    assert said == "".join(char for char in text if char.isalnum())


@pytest.mark.parametrize(("text", "morae"), [("はい", 2), ("きょう", 2), ("がっこう", 4), ("今日はいい天気", 8), ("コーヒー", 4)])
def test_japanese_is_counted_in_morae_of_its_reading(text: str, morae: int) -> None:
    assert units(text, "ja") == morae


@given(st.text(alphabet="あいきゃっーン今日天気…。、！？!?abcAB12 　・「」♪", max_size=60), st.sampled_from(["ja", "en"]))
@settings(max_examples=150, deadline=None)
def test_whatever_the_text_every_piece_is_speakable_and_ends_with_a_mark(text: str, lang: str) -> None:
    pieces = cut(text, lang)

    assert bool(pieces) <= is_speakable(text, lang)
    for piece in pieces:
        assert is_speakable(piece.text, lang)
        assert piece.text.endswith(("。", "！", "？") if lang == "ja" else (".", "!", "?"))
        assert "…" not in piece.text


FOREIGN = (
    "π",
    "Ω波",
    "ßé",
    "Tōkyō",
    "α版",
    "Ⅳ",
    "〇",
    "二〇二〇年",
    "1,000円",
    "3.14",
    "$5",
    "½",
    "ゔ",
    "ぁ",
    "ゖ",
    "①",
    "℃",
    "10:05",
    "〆切",
    "〆",
    "山﨑",
    "𠮷田",
    "A4",
    "3年B組",
)
"""Each alone would be nothing, or something else, to one of the engine's two front ends."""


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("printed", FOREIGN)
def test_what_counts_as_speakable_is_speakable_to_this_engine(printed: str, lang: str) -> None:
    said = speech_text(printed, lang)

    assert (said is not None) == bool(cut(said or "", lang))


@pytest.mark.parametrize("printed", FOREIGN)
def test_the_engines_japanese_front_end_reads_every_letter_it_is_given(printed: str) -> None:
    """It cuts at whatever it does not know, and numbers at their points and commas."""
    known = re.compile(r"[0-9\u3005\u3040-\u30fa\u30fc-\u30ff\u4e00-\u9fff]+[。！？]")

    assert all(known.fullmatch(text) for text in texts(speech_text(printed, "ja") or "", "ja"))


@given(
    st.text(st.characters(max_codepoint=0x2DFF) | st.sampled_from(KANA), min_size=1, max_size=3), st.sampled_from(["ja", "en"])
)
@settings(deadline=None)
def test_no_text_that_was_cleaned_finds_the_engine_without_a_word_for_it(printed: str, lang: str) -> None:
    said = speech_text(printed, lang)

    assert (said is not None) == bool(cut(said or "", lang))


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("TVを見る", "テレビを見る。"),
        ("NASAへ行く", "ナサへ行く。"),
        ("Hello、世界", "ハロー、世界。"),
        ("3年B組10番", "三年ビー組十番。"),
        ("A4", "エーヨン。"),
        ("〆切だ", "シメキリだ。"),
        ("山﨑さん", "ヤマザキさん。"),
        ("𠮷田くん", "吉田くん。"),
        ("3、2、1", "3、2、1。"),
    ],
)
def test_a_japanese_line_reaches_the_engine_in_letters_that_its_japanese_front_end_knows(printed: str, said: str) -> None:
    assert texts(printed, "ja") == [said]


def test_a_single_letter_is_counted_as_it_is_said() -> None:
    assert [piece.units for piece in cut("Aだ", "ja")] == [3]
