"""Letters and numerals that front ends do not know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.language.letters import arabic, named_greek, plain_latin


@pytest.mark.parametrize(
    ("printed", "plain"), [("Tōkyō", "Tokyo"), ("Łódź", "Lodz"), ("Đỗ Mười", "Do Muoi"), ("ŒUVRE", "OeUVRE"), ("日本", "日本")]
)
def test_accents_go_and_letters_stay(printed: str, plain: str) -> None:
    assert plain_latin(printed, keep_latin_1=False) == plain


def test_accents_that_dictionaries_know_may_stay() -> None:
    assert plain_latin("Café in Kyūshū", keep_latin_1=True) == "Café in Kyushu"
    assert plain_latin("Café in Kyūshū", keep_latin_1=False) == "Cafe in Kyushu"


@given(st.text(st.characters(min_codepoint=0xC0, max_codepoint=0x24F), max_size=20))
def test_plain_latin_is_ascii_or_nothing_of_ours(text: str) -> None:
    plain = plain_latin(text, keep_latin_1=False)
    assert plain_latin(plain, keep_latin_1=False) == plain
    assert not any("À" <= char <= "ſ" and char not in "×÷ŉ" for char in plain)


@pytest.mark.parametrize("letter", [chr(code) for code in (*range(0x391, 0x3AA), *range(0x3B1, 0x3CA)) if code != 0x3A2])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_greek_letter_alone_has_a_name(letter: str, lang: str) -> None:
    name = named_greek(letter, lang)
    assert name.isascii() == (lang == "en")
    assert len(name) > 1
    assert name != letter


def test_words_of_greek_are_not_spelled() -> None:
    assert named_greek("Ελλάδα και α", "en") == "Ελλάδα και alpha"


@pytest.mark.parametrize(
    ("printed", "digits"),
    [("Ⅻ", "12"), ("ⅸ", "9"), ("II", "2"), ("IX", "9"), ("XVIII", "18"), ("XIX", "19"), ("Part II.", "Part 2.")],
)
def test_roman_numerals_become_digits(printed: str, digits: str) -> None:
    assert arabic(printed) == digits


@pytest.mark.parametrize("printed", ["I", "X", "V", "XX", "XXX", "IIII", "VX", "MIX", "IV'S", "H.I.V.", "VIP", "IVY", "xii"])
def test_words_that_look_like_roman_numerals_stay(printed: str) -> None:
    assert arabic(printed) == printed
