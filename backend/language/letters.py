"""Letters and numerals that no front end of ours knows, written with those that all of them know.

Accents of romanised names (Tōkyō), Greek letters as people say them, numerals that are one character (Ⅳ, ½).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_PLAIN: Final = str.maketrans(
    {
        "ß": "ss", "Æ": "Ae", "æ": "ae", "Œ": "Oe", "œ": "oe", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ð": "D",
        "ð": "d", "Þ": "Th", "þ": "th", "ı": "i", "Ħ": "H", "ħ": "h", "Ŋ": "Ng", "ŋ": "ng", "Ŧ": "T", "ŧ": "t", "ƒ": "f", "Ə": "E",
        "ə": "e", "ĸ": "k", "ſ": "s", "ʻ": "'",
    }
)  # fmt: skip
_LATIN: Final = re.compile(r"[A-Za-z]")
_BEYOND_LATIN_1: Final = re.compile(r"[Ā-ʯḀ-ỿ]")
_LATIN_1: Final = re.compile(r"[À-ÖØ-öø-ÿ]")
_GREEK: Final = {
    "α": ("alpha", "アルファ"), "β": ("beta", "ベータ"), "γ": ("gamma", "ガンマ"), "δ": ("delta", "デルタ"), "ε": ("epsilon", "イプシロン"),
    "ζ": ("zeta", "ゼータ"), "η": ("eta", "イータ"), "θ": ("theta", "シータ"), "ι": ("iota", "イオタ"), "κ": ("kappa", "カッパ"),
    "λ": ("lambda", "ラムダ"), "μ": ("mu", "ミュー"), "ν": ("nu", "ニュー"), "ξ": ("xi", "クサイ"), "ο": ("omicron", "オミクロン"),
    "π": ("pi", "パイ"), "ρ": ("rho", "ロー"), "σ": ("sigma", "シグマ"), "τ": ("tau", "タウ"), "υ": ("upsilon", "ウプシロン"),
    "φ": ("phi", "ファイ"), "χ": ("chi", "カイ"), "ψ": ("psi", "プサイ"), "ω": ("omega", "オメガ"),
}  # fmt: skip
_LONE_GREEK: Final = re.compile(r"(?<![Ͱ-Ͽἀ-῿])[Α-Ωα-ω](?![Ͱ-Ͽἀ-῿])")
_ONE_CHARACTER_NUMERALS: Final = {ord(first) + count: str(count + 1) for first in "Ⅰⅰ" for count in range(12)}
_ROMAN: Final = re.compile(r"(?<![A-Za-z'.&-])(?=[IVX]{2})(?!XX)(X?)(IX|IV|V?I{0,3})(?![A-Za-z'&]|\.[A-Za-z])")
_ROMAN_ONES: Final = {"": 0, "I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9}


def plain_latin(text: str, *, keep_latin_1: bool) -> str:
    """Latin letters without their accents: Tōkyō is Tokyo, Łódź is Lodz.

    Args:
        keep_latin_1: leaves À to ÿ alone, with which English dictionaries write some words.
    """
    text = _BEYOND_LATIN_1.sub(_unaccented, text)
    return text if keep_latin_1 else _LATIN_1.sub(_unaccented, text)


def named_greek(text: str, lang: str) -> str:
    """Greek letters that stand alone by their names; words of Greek stay, and nobody here can say them."""

    def name(found: re.Match[str]) -> str:
        small = "σ" if found[0] == "ς" else found[0].lower()
        english, japanese = _GREEK.get(small, ("", ""))
        if lang == "ja":
            return japanese
        before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
        return (" " if before.isalnum() else "") + english + (" " if after.isalnum() else "")

    return _LONE_GREEK.sub(name, text)


def arabic(text: str) -> str:
    """Numerals of one character, and Roman ones up to nineteen in capitals, as digits: Ⅳ is 4, Part II is Part 2."""

    def number(found: re.Match[str]) -> str:
        return str(10 * len(found[1]) + _ROMAN_ONES[found[2]])

    return _ROMAN.sub(number, text.translate(_ONE_CHARACTER_NUMERALS))


def _unaccented(found: re.Match[str]) -> str:
    letter = found[0].translate(_PLAIN)
    if letter != found[0]:
        return letter
    return "".join(_LATIN.findall(unicodedata.normalize("NFKD", letter)))
