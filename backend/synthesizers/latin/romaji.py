"""Romanised Japanese as katakana: Naruto is ナルト. Hepburn and Kunrei spellings only; anything else is no romaji.

What it is not: a judge of whether a word *is* Japanese. "take" is well-formed too; who asks decides.
"""

from __future__ import annotations

import re
from typing import Final

_ROWS: Final = {
    "": "アイウエオ",
    "k": "カキクケコ",
    "g": "ガギグゲゴ",
    "s": "サシスセソ",
    "z": "ザジズゼゾ",
    "t": "タチツテト",
    "d": "ダ  デド",
    "n": "ナニヌネノ",
    "h": "ハヒフヘホ",
    "b": "バビブベボ",
    "p": "パピプペポ",
    "m": "マミムメモ",
    "y": "ヤ ユ ヨ",
    "r": "ラリルレロ",
    "w": "ワ   ヲ",
}
"""Consonant -> kana with a, i, u, e, o; a space where no Japanese word has the mora."""
_HEPBURN: Final = {"shi": "シ", "chi": "チ", "tsu": "ツ", "fu": "フ", "ji": "ジ"}
_PALATAL: Final = {"a": "ャ", "u": "ュ", "o": "ョ"}
_KUNREI: Final = re.compile(r"si|ti|tu|hu|zi|[stz]y[auo]")


def _morae() -> dict[str, str]:
    morae = {
        consonant + vowel: kana
        for consonant, row in _ROWS.items()
        for vowel, kana in zip("aiueo", row, strict=True)
        if kana != " "
    }
    for vowel, small in _PALATAL.items():
        morae |= {f"{consonant}y{vowel}": morae[f"{consonant}i"] + small for consonant in "kgsztnhbpmr"}
        morae |= {f"{start}{vowel}": kana + small for start, kana in (("sh", "シ"), ("ch", "チ"), ("j", "ジ"))}
    return morae | _HEPBURN


_MORAE: Final = _morae()
_MORA: Final = "|".join(sorted(_MORAE, key=len, reverse=True))
_PIECE: Final = re.compile(
    rf"(?P<double>([kgsztdbp])(?=\2)|t(?=ch))|(?P<mora>{_MORA})(?P<long>(?<=o)h(?=$|[a-z]y?[aiueo])(?![aiueoy]))?|(?P<nasal>n(?:'|(?![aiueoy]))|m(?=[bmp]))"
)


def romaji_kana(word: str, *, hepburn_only: bool = False) -> str | None:
    """Katakana of a word in romaji, whatever its case; None where some letter of it fits no mora.

    Args:
        hepburn_only: refuses si, ti, tu and the like, which English words have as well, with other sounds.
    """
    text = word.lower()
    if hepburn_only and _KUNREI.search(text):
        return None
    kana = ""
    place = 0
    while place < len(text):
        piece = _PIECE.match(text, place)
        if piece is None:
            return None
        if piece["mora"]:
            kana += _MORAE[piece["mora"]] + ("ー" if piece["long"] else "")
        else:
            kana += "ッ" if piece["double"] else "ン"
        place = piece.end()
    return kana if kana and not kana.startswith(("ン", "ッ")) else None
