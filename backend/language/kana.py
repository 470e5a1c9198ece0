"""Japanese phonemes as kana: how a word sounds, in the writing every Japanese front end reads.

Japanese is built of morae, and kana write morae; so phonemes in IPA have one spelling in kana that says the same, and nothing an engine
would have to know beyond kana. Katakana, because front ends take a は or へ in hiragana for a particle where they can. The trap is
pitch accent, which kana do not write: marks of it are refused rather than dropped.
"""

from __future__ import annotations

import re
from typing import Final

_VOWELS: Final = "aiueo"
_SAME: Final = (
    ("t͡ɕ", "ʨ"),
    ("tɕ", "ʨ"),
    ("d͡ʑ", "ʑ"),
    ("dʑ", "ʑ"),
    ("ʥ", "ʑ"),
    ("t͡s", "ʦ"),
    ("ts", "ʦ"),
    ("d͡z", "z"),
    ("dz", "z"),
    ("ʣ", "z"),
    ("ɯ", "u"),
    ("ɨ", "u"),
    ("g", "ɡ"),
    ("r", "ɾ"),
    ("l", "ɾ"),
    ("f", "ɸ"),
    ("ɰ", "w"),
    ("ɲ", "nʲ"),
    ("ç", "hʲ"),
    ("β", "w"),
    ("ʦʲ", "ʦ"),
    ("vʲ", "v"),
)
"""IPA that sounds the same in Japanese -> one sign for it, in this order."""
_PLAIN: Final = {
    "": "あいうえお",
    "k": "かきくけこ",
    "ɡ": "がぎぐげご",
    "ŋ": "がぎぐげご",
    "n": "なにぬねの",
    "h": "はひふへほ",
    "b": "ばびぶべぼ",
    "p": "ぱぴぷぺぽ",
    "m": "まみむめも",
    "ɾ": "らりるれろ",
}
_WITH_SMALL: Final = {
    "s": ("さ", "すぃ", "す", "せ", "そ"),
    "z": ("ざ", "ずぃ", "ず", "ぜ", "ぞ"),
    "t": ("た", "てぃ", "とぅ", "て", "と"),
    "d": ("だ", "でぃ", "どぅ", "で", "ど"),
    "ɕ": ("しゃ", "し", "しゅ", "しぇ", "しょ"),
    "ʑ": ("じゃ", "じ", "じゅ", "じぇ", "じょ"),
    "ʨ": ("ちゃ", "ち", "ちゅ", "ちぇ", "ちょ"),
    "ʦ": ("つぁ", "つぃ", "つ", "つぇ", "つぉ"),
    "ɸ": ("ふぁ", "ふぃ", "ふ", "ふぇ", "ふぉ"),
    "v": ("ゔぁ", "ゔぃ", "ゔ", "ゔぇ", "ゔぉ"),
    "w": ("わ", "うぃ", "う", "うぇ", "うぉ"),
    "j": ("や", "い", "ゆ", "いぇ", "よ"),
}
_SOFT: Final = {"t": "て", "d": "で", "ɸ": "ふ"}
"""Palatal rows that are not written with the i of their plain row."""


def _rows() -> dict[str, tuple[str, ...]]:
    rows = {consonant: tuple(row) for consonant, row in _PLAIN.items()} | dict(_WITH_SMALL)
    for consonant in (*(name for name in _PLAIN if name), *_SOFT):
        i = _SOFT.get(consonant, rows[consonant][1])
        e = rows[consonant][3] if consonant in _SOFT else f"{i}ぇ"
        rows[f"{consonant}ʲ"] = (f"{i}ゃ", rows[consonant][1], f"{i}ゅ", e, f"{i}ょ")
    return rows


_ROWS: Final = _rows()
_CONSONANTS: Final = "|".join(sorted((re.escape(name) for name in _ROWS if name), key=len, reverse=True))
_TO_KATAKANA: Final = ord("ア") - ord("あ")
_DOUBLED: Final = "kɡsztdɕʑʨʦhbpɸ"
_MORA: Final = re.compile(rf"(?P<consonant>{_CONSONANTS})?(?P<vowel>[{_VOWELS}])(?P<long>ː?)")
_REST: Final = re.compile(r"(?P<nasal>[ɴnmŋ]ʲ?)|(?P<stop>ʔ)|[ .]")
_REWRITTEN: Final = (
    (re.compile(r"([kɡsztdɕʑhbpmnɾɸ])j"), r"\1ʲ"),
    (re.compile(rf"([{_DOUBLED}])(?=\1)|t(?=[ʨʦ])|d(?=ʑ)"), "ʔ"),
    (re.compile(rf"([{_DOUBLED}]ʲ?)ː"), r"ʔ\1"),
    (re.compile(rf"([{_VOWELS}])\1(?!ː)"), r"\1ː"),
)
"""Palatal, doubled and long sounds, in whichever way they are written -> ʲ, ʔ and ː."""


def japanese_kana(written: str) -> str:
    """Phonemes of a Japanese word in IPA, such as "ɕinonome" or "tɕotːo", with or without slashes, as katakana.

    Raises:
        ValueError: a sign that is no phoneme of Japanese, a consonant without its vowel, or a mark of pitch accent.
    """
    text = " ".join(written.strip().strip("/").split())
    for ipa, sign in _SAME:
        text = text.replace(ipa, sign)
    for pattern, sign in _REWRITTEN:
        text = pattern.sub(sign, text)
    kana = ""
    place = 0
    while place < len(text):
        if mora := _MORA.match(text, place):
            kana += _ROWS[mora["consonant"] or ""][_VOWELS.index(mora["vowel"])] + ("ー" if mora["long"] else "")
            place = mora.end()
        elif rest := _REST.match(text, place):
            kana += "ん" if rest["nasal"] else "っ" if rest["stop"] else ""
            place = rest.end()
        else:
            raise ValueError("has signs that are no phonemes of Japanese; write IPA without accents, such as ɕinonome")
    if not re.search("[ぁ-ゖ]", kana.replace("っ", "")):
        raise ValueError("says nothing")
    return "".join(chr(ord(sign) + _TO_KATAKANA) if sign != "ー" else sign for sign in kana)
