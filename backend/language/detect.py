"""Japanese or English? Counted by script, because bubbles are too short for anything cleverer."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_KANA = re.compile(r"[\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fd\u30fe\u31f0-\u31ff]")
_KANJI = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々〆]")
_LATIN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ]")
_LOOKALIKES = re.compile(r"[一二三口工丁十八人入日了卜乙丨]")
"""Kanji that text recognisers see in Latin capitals and dashes; beside Latin letters and without kana they prove nothing."""


def detect_language(text: str, hint: str | None = None) -> str:
    """The language a line is to be spoken in: "ja" or "en".

    A kana or kanji says as much as two Latin letters, so 「TVを見る」 is Japanese and a name in an English sentence is
    not. `hint` (a BCP 47 tag: the book's or the page's language) decides for lines without letters and tips the balance
    in mixed ones; without any evidence the answer is "ja".
    """
    hinted = _supported(hint)
    text = unicodedata.normalize("NFKC", text)
    kana, kanji, latin = (len(script.findall(text)) for script in (_KANA, _KANJI, _LATIN))
    if latin and not kana and hinted != "ja":
        kanji -= len(_LOOKALIKES.findall(text))
    japanese = 2 * (kana + kanji)
    if japanese <= 0 and latin == 0:
        return hinted or "ja"
    if hinted == "ja":
        japanese *= 2
    elif hinted == "en":
        latin *= 2
    return "ja" if japanese > 0 and japanese >= latin else "en"


def detect_languages(texts: Sequence[str], hint: str | None = None) -> list[str]:
    """Of the texts of one page: those without letters are in the language of most others."""
    found = [detect_language(text, hint) for text in texts]
    lettered = Counter(lang for text, lang in zip(texts, found, strict=True) if _lettered(text))
    if _supported(hint) or not lettered:
        return found
    usual = lettered.most_common(1)[0][0]
    return [lang if _lettered(text) else usual for text, lang in zip(texts, found, strict=True)]


def _lettered(text: str) -> bool:
    text = unicodedata.normalize("NFKC", text)
    return any(script.search(text) for script in (_KANA, _KANJI, _LATIN))


def _supported(hint: str | None) -> str | None:
    """ "ja-JP" -> "ja", "en_US" -> "en", "jpn" and others -> None."""
    primary = re.split(r"[-_]", hint.strip().lower(), maxsplit=1)[0] if hint else ""
    return primary if primary in ("ja", "en") else None
