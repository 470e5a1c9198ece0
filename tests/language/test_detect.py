import pytest

from backend.language import detect_language, detect_languages


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("おはよう", "ja"),
        ("HELLO THERE", "en"),
        ("TVを見る", "ja"),
        ("えっ、OK？", "ja"),
        ("漢字", "ja"),
        ("ﾊﾝｶｸ", "ja"),
        ("ＦＵＬＬ ＷＩＤＴＨ", "en"),
        ("naïve café", "en"),
        ("Meet 田中 at the station", "en"),
        ("I'M 一 LATE 二", "en"),
    ],
)
def test_a_line_is_in_the_language_most_of_its_letters_belong_to(text: str, lang: str) -> None:
    assert detect_language(text) == lang


@pytest.mark.parametrize("text", ["", "…", "!?", "12", "♥", "\ud800"])
def test_a_line_without_letters_is_in_the_language_of_the_book(text: str) -> None:
    assert detect_language(text, "en") == "en"
    assert detect_language(text, "ja-JP") == "ja"
    assert detect_language(text) == "ja"


def test_the_books_language_tips_the_balance_but_does_not_silence_the_other_one() -> None:
    assert detect_language("OK! ア", "ja") == "ja"
    assert detect_language("HI ア", "en") == "en"
    assert detect_language("WHAT ARE YOU DOING", "ja") == "en"
    assert detect_language("何をしているんだ", "en") == "ja"


@pytest.mark.parametrize("hint", ["", "fr", "jpn", "  ", "x-y-z"])
def test_a_hint_that_is_neither_language_is_no_hint(hint: str) -> None:
    assert detect_language("...", hint) == "ja"
    assert detect_language("bonjour", hint) == "en"


def test_a_line_without_letters_is_in_the_language_of_its_page() -> None:
    assert detect_languages(["HELLO THERE", "3...", "GO", "今", "!?"]) == ["en", "en", "en", "ja", "en"]
    assert detect_languages(["HELLO THERE", "3..."], "ja") == ["en", "ja"]
    assert detect_languages(["3...", "!?"]) == ["ja", "ja"]
    assert detect_languages([]) == []
