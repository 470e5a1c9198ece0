"""Levenshtein's distance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.language.distance import edits

WORDS = st.text("abc", max_size=7)


def test_letters_and_words_are_counted_alike() -> None:
    assert [edits("kitten", "sitting"), edits("", "abc"), edits("abc", "abc")] == [3, 3, 0]
    assert edits(["the", "cat", "sat"], ["the", "sat", "down"]) == 2


@given(WORDS, WORDS, WORDS)
def test_it_is_a_distance(a: str, b: str, c: str) -> None:
    assert edits(a, b) == edits(b, a)
    assert (edits(a, b) == 0) == (a == b)
    assert edits(a, c) <= edits(a, b) + edits(b, c)
