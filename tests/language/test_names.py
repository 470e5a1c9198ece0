"""Names of voices and characters: kept as they are seen, refused where nothing is."""

from __future__ import annotations

import pytest

from backend.language import clean_name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Aya", "Aya"),
        ("  Aya \u3000 Sato ", "Aya Sato"),
        ("山田\u3000太郎", "山田\u3000太郎"),
        ("a\u2028b", "a b"),
        ("\u202eevil\u202c", "evil"),
        ("A\u200bya\ufeff", "Aya"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("声", "声"),
        ("…", "…"),
    ],
)
def test_what_cannot_be_seen_goes(given: str, kept: str) -> None:
    assert clean_name(given) == kept
    assert clean_name(kept) == kept


@pytest.mark.parametrize("given", ["", " ", "\u200d", "\u202e\u200b", "\u0301", "a\nb", "a\u0000", "\u0085a", "\ud800"])
def test_a_name_has_something_to_see_and_no_control_characters(given: str) -> None:
    with pytest.raises(ValueError, match="has"):
        clean_name(given)
