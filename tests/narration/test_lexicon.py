"""How words of a series are said."""

from __future__ import annotations

from backend.narration.lexicon import with_readings
from backend.series.model import LexiconEntry


def entries(*pairs: tuple[str, str], lang: str = "en") -> list[LexiconEntry]:
    return [LexiconEntry(surface=surface, reading=reading, lang=lang) for surface, reading in pairs]


def test_english_words_are_replaced_whole_and_whatever_their_case() -> None:
    lexicon = entries(("Kaede", "kah-eh-deh"))
    assert with_readings("KAEDE! kaedes, Kaede.", "en", lexicon) == "kah-eh-deh! kaedes, kah-eh-deh."


def test_the_longest_japanese_entry_wins_and_readings_are_not_read_again() -> None:
    lexicon = entries(("東", "ひがし"), ("東雲", "しののめ"), ("しののめ", "x"), lang="ja")
    assert with_readings("東雲の東", "ja", lexicon) == "しののめのひがし"


def test_entries_of_another_language_do_not_apply() -> None:
    assert with_readings("Kaede", "ja", entries(("Kaede", "x"))) == "Kaede"
    assert with_readings("Kaede", "en", []) == "Kaede"


def test_surfaces_with_signs_are_taken_as_they_are() -> None:
    assert with_readings("a.b (c) axb", "en", entries(("a.b", "one"), ("(c)", "two"))) == "one two axb"
