"""Which language a box is in, by its letters: kana or kanji make it Japanese."""

from __future__ import annotations

from backend.readers.embedded.line import CJK


def detect_language(text: str, hint: str | None = None) -> str:
    """ "ja" or "en"; `hint` decides when the words hold no letter of either."""
    if CJK.search(text):
        return "ja"
    if any(letter.isalpha() for letter in text):
        return "en"
    return hint if hint in ("ja", "en") else "en"
