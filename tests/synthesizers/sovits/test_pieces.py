"""What the engine is given is always something it was trained to say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.synthesizers.sovits.pieces import BREATH_S, LONGEST_UNITS, cut, is_speakable, units

LONG_JA = (
    "昔々あるところに、おじいさんとおばあさんが住んでいました。おじいさんは山へ芝刈りに、おばあさんは川へ洗濯に行きました。" * 3
)
LONG_EN = "Once upon a time, in a land far away, there lived an old man who had never seen the sea, " * 6


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
        ("ＯＫ、行こう", "ja", ["OK、行こう。"]),
        ("…それで？", "ja", ["それで？"]),
        ("もう会えない…そう言ったのか？", "ja", ["もう会えない。", "そう言ったのか？"]),
        ("え…嘘だろ", "ja", ["え、嘘だろ。"]),
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
