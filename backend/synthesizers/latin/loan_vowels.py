"""What Japanese makes of the vowels of an English word, and where it doubles the consonant behind one; see loanwords.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from backend.synthesizers.latin.spelling import VOWELS, SpelledWord

_PLAIN: Final = {"æ": "a", "ʊ": "u", "ʌ": "a", "I": "ai", "W": "au", "Y": "oi"}
_BEFORE_R: Final = {
    "ɑ": "aː", "ɔ": "oː", "O": "oː", "ə": "aː", "ᵊ": "aː", "ɜ": "aː", "æ": "aː", "ɛ": "ea", "A": "ea", "ɪ": "ia", "i": "ia", "ʊ": "ua",
    "u": "ua",
}  # fmt: skip
"""With an r that no vowel follows."""
_AS_WRITTEN: Final = {"u": "a", "ou": "a", "y": "i", "ai": "e", "ei": "e", "io": "o", "eo": "o", "ia": "a", "ea": "a"}
_LONG_A: Final = re.compile(r"a[^aeiouykt]e[sd]?$")
_SHORT: Final = frozenset("æɑɔəɛɪʊʌᵊᵻ")
_DOUBLED_LAST: Final = re.compile(r"[ptk]s?|ds?|dz|ɡ|ʧ|ʤ|ʃ")
_DOUBLED_INSIDE: Final = {
    "pp": "", "cc": "", "tch": "", "ssi": "[VOWEL]", "sh": "[VOWEL]", "ck": r"(?:[iɪ]|[iɪ]ŋ|iz|[ᵊə]l|əɹz?)$", "tt": "[iɪ]ŋ$",
    "gg": "[iɪ]ŋ$", "k": "i$",
}  # fmt: skip
"""Letters of a consonant inside a word -> what must follow it for a ッ: ハッピー, ラッキー, but ロケット and リトル."""


def vowel(word: SpelledWord, at: int) -> tuple[str, int]:
    """Japanese phonemes of vowel `at`, and how many phonemes of the word they stand for: r goes with the vowel before it."""
    sign = word.said[at]
    if word.is_unsaid(at):
        return "", 1
    if word.said.startswith("Wəɹ", at):
        return "awaː", 3
    if word.sound(at + 1) == "ɹ" and not word.is_vowel(at + 2) and sign in _BEFORE_R:
        return ("ua" if sign == "ə" and word.sound(at - 1) == "j" else _BEFORE_R[sign]), 2
    rule = _RULES.get(sign)
    return (rule(word, at) if rule else _PLAIN[sign]), 1


def doubles(word: SpelledWord, at: int) -> bool:
    """Whether the consonant behind vowel `at` gets a ッ before it."""
    sign, letters, rest = word.said[at], word.written[at], word.said[at + 1 :]
    if sign not in _SHORT or not rest or word.is_unsaid(at) or letters in ("al", "aw", "au", "ough", "augh"):
        return False
    if _DOUBLED_LAST.fullmatch(rest):
        return not (rest == "ʤ" and letters == "a" and at not in word.stressed and word.syllables > 1)  # イメージ
    inside = word.written[at + 1]
    if rest == "f":
        return inside == "ff" and sign == "æ"
    if rest[0] not in "ptkɡʧʃ" or inside not in _DOUBLED_INSIDE:
        return False
    return re.match(_DOUBLED_INSIDE[inside].replace("VOWEL", "".join(VOWELS)), rest[1:]) is not None


def _a(word: SpelledWord, at: int) -> str:
    """The vowel of game: エー before a silent e, エイ elsewhere, as in デイビッド; エ in エンジェル."""
    if word.said.startswith("nʤ", at + 1):
        return "e"
    silent_e = word.written[at] == "a" and _LONG_A.search(word.word) is not None and at + 3 >= len(word.said)
    return "eː" if silent_e else "ei"


def _o(word: SpelledWord, at: int) -> str:
    """The vowel of home; short where no stress is (ホテル, マルコ) and after a vowel at the end (レオ)."""
    last = at == len(word.said) - 1
    unstressed = not word.is_stressed(at) and word.written[at] == "o"
    return "o" if unstressed or (last and word.is_vowel(at - 1)) else "oː"


def _i(word: SpelledWord, at: int) -> str:
    if word.is_vowel(at + 1):
        return "e" if word.written[at] == "e" and word.sound(at + 1) in "Oɑ" else "i"
    return "i" if _is_clipped(word, at) else "iː"


def _u(word: SpelledWord, at: int) -> str:
    return "u" if word.is_vowel(at + 1) or _is_clipped(word, at) else "uː"


def _is_clipped(word: SpelledWord, at: int) -> bool:
    """Long vowels are short before r and inside a word without stress."""
    return word.sound(at + 1) == "ɹ" or (not word.is_stressed(at) and at < len(word.said) - 1)


def _open(word: SpelledWord, at: int) -> str:
    """The vowels of hot, dog, law and water."""
    sign, letters, following = word.said[at], word.written[at], word.sound(at + 1)
    if letters in ("o", "ou") and (letters == "o" or sign == "ɑ"):
        return "oː" if following == "ɹ" and word.word.endswith("ory") else "o"
    if sign == "ɔ":
        return "o" if letters == "a" and following not in ("l", "t") else "oː"
    if word.sound(at - 1) == "w":
        return "o"
    return "aː" if letters in ("al", "ah", "aa") else "a"


def _weak_i(word: SpelledWord, at: int) -> str:
    """Without stress and written e or a: ロケット, イメージ; a first syllable keeps its i: リターン."""
    letters = word.written[at]
    if word.is_stressed(at) or letters[:1] not in ("e", "a"):
        return "i"
    if letters[0] == "a":
        return "eː" if word.said[at + 1 :] in ("ʤ", "ʤᵻz") else "e"
    first = not set(word.said[:at]) & VOWELS
    return "i" if first and word.sound(at + 2) in VOWELS else "e"


def _schwa(word: SpelledWord, at: int) -> str:
    letters = word.written[at]
    if letters == "e" and at == 1 and re.match("[bdr]e", word.word):
        return "i"
    if letters == "u" and word.sound(at + 1) == "l":
        return "u"
    return _AS_WRITTEN.get(letters, letters[-1:] if letters and letters[-1] in "aieo" else "a")


def _e(word: SpelledWord, at: int) -> str:
    """Harry is said with the a it is written with."""
    return "a" if word.written[at] == "a" and word.sound(at + 1) == "ɹ" and word.written[at + 1] == "rr" else "e"


def _er(word: SpelledWord, at: int) -> str:
    return "a" if word.sound(at + 1) == "ɹ" else "aː"


_RULES: Final[dict[str, Callable[[SpelledWord, int], str]]] = {
    "A": _a, "O": _o, "i": _i, "u": _u, "ɑ": _open, "ɔ": _open, "ɪ": _weak_i, "ᵻ": _weak_i, "ə": _schwa, "ᵊ": _schwa, "ɛ": _e, "ɜ": _er,
}  # fmt: skip
