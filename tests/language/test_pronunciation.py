"""Phonemes as people write them, and words in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.language import english_phonemes, has_word, replace_words


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("kɑˈɛdeɪ", "kɑˈɛdA"),
        ("/rɪˈtʃuː/", "ɹɪˈʧu"),
        ("'goʊ.dʒoʊ", "ˈɡOʤO"),
        ("ˈmaɪ  haʊs", "ˈmI hWs"),
        ("kɑˈɛdA", "kɑˈɛdA"),
    ],
)
def test_ipa_is_kept_in_the_alphabet_of_the_model(written: str, kept: str) -> None:
    assert english_phonemes(written) == kept
    assert english_phonemes(kept) == kept


@given(st.text(max_size=40))
def test_whatever_is_written_it_is_refused_or_holds_nothing_that_could_end_a_mark(written: str) -> None:
    try:
        kept = english_phonemes(written)
    except ValueError:
        return
    assert not set(kept) & set("/()[]")
    assert english_phonemes(kept) == kept


@given(text=st.text(max_size=60), word=st.text(min_size=1, max_size=5))
def test_words_are_found_where_they_are_replaced(text: str, word: str) -> None:
    replaced = replace_words(text, [word], lambda _, printed: printed)
    assert replaced == text
    has_word(text, word)


def test_only_whole_words_are_replaced_in_any_case() -> None:
    assert replace_words("AN ant, an Ant.", ["ant"], lambda word, printed: f"<{word}:{printed}>") == "AN <ant:ant>, an <ant:Ant>."
    assert not has_word("giant", "ant")
