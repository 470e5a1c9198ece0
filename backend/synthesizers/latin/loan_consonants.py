"""What Japanese makes of the consonants of an English word; see loanwords.py."""

from __future__ import annotations

from typing import Final

from backend.synthesizers.latin.spelling import SpelledWord

_ALONE: Final = {
    "t": "to", "d": "do", "ʧ": "ʨi", "ʤ": "ʑi", "ʃ": "ɕu", "ʒ": "ʑu", "θ": "su", "ð": "zu", "f": "ɸu", "v": "bu", "l": "ɾu", "ɹ": "ɾu",
    "n": "ɴ", "ŋ": "ɴɡu", "h": "",
}  # fmt: skip
"""A consonant that no vowel follows; the others get u."""
_BEFORE_VOWEL: Final = {
    "ʧ": "ʨ", "ʤ": "ʑ", "ʃ": "ɕ", "ʒ": "ʑ", "θ": "s", "ð": "z", "f": "ɸ", "v": "b", "l": "ɾ", "ɹ": "ɾ", "ŋ": "ɴɡ",
}  # fmt: skip
_BEFORE_I: Final = {"s": "ɕ", "z": "ʑ", "θ": "ɕ", "ð": "ʑ"}
_BEFORE_U: Final = {"t": "ʦ"}
_BEFORE_J: Final = {
    "ʃ": "ɕ", "ʒ": "ʑ", "ʧ": "ʨ", "ʤ": "ʑ", "ð": "ʑ", "ŋ": "ɴɡʲ",
    "t": "ʨ", "s": "ɕ", "z": "ʑ", "θ": "ɕ", "k": "kʲ", "ɡ": "ɡʲ", "n": "nʲ", "m": "mʲ", "p": "pʲ", "b": "bʲ", "h": "hʲ", "ɹ": "ɾʲ",
    "f": "ɸʲ", "l": "ɾʲ", "v": "bʲ", "d": "dʲ",
}  # fmt: skip
_CLUSTERS: Final = {"ŋk": "ɴ", "ŋɡ": "ɴ", "mp": "ɴ", "mb": "ɴ", "tw": "ʦu", "ts": "", "dz": ""}
"""The first of two consonants: サンク, キャンプ, ツイン; ts and dz are one sound, whose vowel is the second's."""
_SWALLOWED: Final = frozenset(first + vowel for first in "kstɡ" for vowel in "iɪ")
_J_DROPPED: Final = frozenset({"u", "ew", "ue", "eu", "ui"})
"""Spellings of u after which Americans drop the j of t, d and n."""


def consonant(word: SpelledWord, at: int) -> str:
    """Japanese phonemes of consonant `at`: with the vowel it needs, or fitted to the one that follows."""
    sign = word.said[at]
    if sign == "j":
        return _j(word, at)
    if sign == "w":
        return _w(word, at)
    return _before_vowel(word, at) if word.is_vowel(at + 1) else _before_consonant(word, at)


def _before_vowel(word: SpelledWord, at: int) -> str:
    sign, following = word.said[at], word.said[at + 1]
    if following == "u" and sign in "tdn" and word.written[at + 1] in _J_DROPPED:
        return _BEFORE_J[sign]
    if following == "æ" and sign in "kɡ" and at + 1 in word.stressed:
        return _BEFORE_J[sign]
    fitted = _BEFORE_I if following in "iɪᵻ" else _BEFORE_U if following in "uʊ" else {}
    return fitted.get(sign) or _BEFORE_VOWEL.get(sign, sign)


def _before_consonant(word: SpelledWord, at: int) -> str:
    sign, following = word.said[at], word.sound(at + 1)
    if following == "j":
        return _BEFORE_VOWEL.get(sign, sign) if _is_i(word, at + 1) else _BEFORE_J.get(sign, sign)
    if sign + following in ("ts", "dz") and word.is_vowel(at + 2):
        return _ALONE[sign]
    if word.sound(at - 1) + sign in ("ts", "dz"):
        return {"s": "ʦu", "z": "zu"}[sign]
    return _CLUSTERS.get(sign + following, _ALONE.get(sign, sign + "u"))


def _j(word: SpelledWord, at: int) -> str:
    """Written i after l and n it is イ (ダニエル); else it made the consonant before it palatal, or is a sound of its own."""
    if _is_i(word, at):
        return "i"
    if word.sound(at - 1) in _BEFORE_J:
        return "" if word.is_vowel(at + 1) else "u"
    return "j" if word.is_vowel(at + 1) else "i"


def _is_i(word: SpelledWord, at: int) -> bool:
    return word.written[at] == "i" and word.sound(at - 1) in ("l", "n")


def _w(word: SpelledWord, at: int) -> str:
    """After a consonant it is that one's u, before i and o: スイム, クイーン, クオリティ; only エドワード keeps it."""
    before, following = word.sound(at - 1), word.sound(at + 1)
    if not word.is_vowel(at + 1):
        return "u"
    swallowed = (
        before and not word.is_vowel(at - 1) and before != "d" and (following in "ɑɔO" or before + following[:1] in _SWALLOWED)
    )
    return "" if swallowed else "w"
