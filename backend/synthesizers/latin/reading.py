"""Latin words inside Japanese lines: 俺はJohnだ is 俺はジョンだ, and not ジェーオーエイチエヌ.

What the Japanese front end says as a word (Hello, NASA) or knows as an abbreviation (OK, DVD) stays as it is printed, and so do short
rows of capitals that nobody knows as a word (3年B組, NHK). Everything else that it would spell gets a reading in katakana, which every
engine says alike: its own dictionary's for another case of the word, else romaji, else English as a loanword.
"""

from __future__ import annotations

import re
import threading
from typing import Final

from backend.language import speech_text
from backend.synthesizers.base import PAUSE
from backend.synthesizers.latin import openjtalk
from backend.synthesizers.latin.english_g2p import english_g2p
from backend.synthesizers.latin.loanwords import katakana
from backend.synthesizers.latin.romaji import romaji_kana
from backend.synthesizers.latin.spelling import VOWELS

_WORD: Final = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
_WORDS: Final = re.compile(r"[A-Za-z]'?[A-Za-z]")
_MOST_LETTERS: Final = 40
"""A longer row of letters is no word in any language, and aligning it would take long."""
_LONGEST: Final = 500
"""Characters the front end is asked about at once, which refuses long texts; a longer sentence without a stop is left as it is."""
_SENTENCE: Final = re.compile(r"(?<=[。！？])")
_MOST_KEPT: Final = 4096
_VOWEL: Final = re.compile("[aeiouy]", re.IGNORECASE)
_UNPRONOUNCEABLE: Final = re.compile(r"^(?!S)[^AEIOUY]{3}|[^AEIOUYRLSHN]{3}|[^AEIOUY]{4}|[^AEIOUY]{3}$")
"""Capitals that were not meant to be said as a word."""
_THANKS: Final = re.compile(r"\bthank[ -]?you(?![A-Za-z'])", re.IGNORECASE | re.ASCII)
"""Said as one word, with a sound that neither of the two has."""
_JAPANESE: Final = r"ぁ-ゖァ-ヺー一-鿿々"
_MARK: Final = "\ue000"
"""Stands on both sides of a reading until the signs around it are settled; private use, so no clean text has it."""
_JOINED: Final = (
    (re.compile(rf"{_MARK}[ -]{_MARK}|(?<=[A-Za-z])[ -]{_MARK}|{_MARK}[ -](?=[A-Za-z])"), ""),
    (re.compile(rf"(?<=[{_JAPANESE}]) ({_MARK}[^{_MARK}]+{_MARK}) (?=[ぁ-ゖ])"), r"\1"),
    (re.compile(rf"(?<=[はがをのにともでへ]) (?={_MARK})"), ""),
    (re.compile(rf"{_MARK} (?=[ぁ-ゖ])"), ""),
    (re.compile(_MARK), ""),
)
"""Japanese puts no spaces around a foreign word; those that lie between words and names are not read as pauses."""
_AS_ROMAJI: Final = {
    "A": "ei?", "I": "ai", "O": "ou?", "W": "au", "Y": "oi", "i": "(?:i|e$)", "u": "u", "æ": "a", "ɑ": "a", "ɔ": "o", "ə": "[aiuo]",
    "ɛ": "e", "ɪ": "i", "ʊ": "u", "ʌ": "a", "ᵻ": "i",
}  # fmt: skip


def read_latin(text: str) -> str:
    """A cleaned Japanese line with katakana in place of the Latin words that would be spelled; other lines come back as they are."""
    if not _WORDS.search(text):
        return text
    said = PAUSE.join(map(_piece, _THANKS.sub("サンキュー", text).split(PAUSE)))
    # A space beside Latin letters parts words; between two Japanese ones it is a rest, which only the cleaning knows.
    return text if said == text else speech_text(said, "ja") or said


def _piece(piece: str) -> str:
    if len(piece) > _LONGEST:
        sentences = _SENTENCE.split(piece)
        return "".join(map(_piece, sentences)) if len(sentences) > 1 else piece
    if not _WORDS.search(piece):
        return piece
    spelled = openjtalk.spelled_letters(piece)
    if not any(spelled):
        return piece
    letters = sum(map(str.isascii, filter(str.isalpha, piece)))
    if len(spelled) != letters:  # the front end dropped or added some: which are which is not known
        spelled = [True] * letters
    place = 0

    def read(found: re.Match[str]) -> str:
        nonlocal place
        start, place = place, place + sum(map(str.isalpha, found[0]))
        reading = _readings(found[0]) if any(spelled[start:place]) else None
        return f"{_MARK}{reading}{_MARK}" if reading else found[0]

    piece = _WORD.sub(read, piece)
    for pattern, by in _JOINED:
        piece = pattern.sub(by, piece)
    return piece


class _Readings:
    """Remembers what was found for a word: names come back on every page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, str | None] = {}

    def __call__(self, word: str) -> str | None:
        """Katakana of a word, or None where it is to be spelled."""
        with self._lock:
            if word not in self._known:
                if len(self._known) >= _MOST_KEPT:
                    self._known.clear()
                self._known[word] = self._found(word)
            return self._known[word]

    def _found(self, word: str) -> str | None:
        letters = word.replace("'", "")
        capitals = letters.isupper()
        if len(letters) > _MOST_LETTERS or len(letters) < (3 if capitals or not _VOWEL.search(word) else 2):
            return None
        listed = openjtalk.known(word)
        if listed or (capitals and openjtalk.entry(word)):  # an abbreviation's entry are its letters
            return listed
        phonemes, sure = _english(word)
        if sure:
            romaji = romaji_kana(word, hepburn_only=True)
            return romaji if romaji and _is_japanese(word.lower(), phonemes) else katakana(word, phonemes)
        romaji = romaji_kana(word)
        if romaji and not (capitals and len(letters) == 3 and word[0] in "AEIOU"):
            return romaji
        if not _VOWEL.search(word) or (capitals and (len(letters) == 3 or _UNPRONOUNCEABLE.search(letters))):
            return None
        return katakana(word, phonemes) if set(phonemes) & VOWELS else None


_readings = _Readings()


def _english(word: str) -> tuple[str, bool]:
    """Phonemes of a word, and whether the dictionary knows it: in its own spelling, in small letters, or as a name."""
    guess = ""
    for spelling in dict.fromkeys(((word,) if not word.isupper() else ()) + (word.lower(), word.capitalize())):
        phonemes, sure = english_g2p.word(spelling)
        if sure and set(phonemes) & VOWELS:
            return phonemes, True
        guess = guess or phonemes
    return guess, False


def _is_japanese(word: str, phonemes: str) -> bool:
    """Whether an English dictionary's word is a Japanese one: its vowels are said as romaji has them (Sakura, not game or human)."""
    said = [sign for sign in phonemes if sign in VOWELS]
    if len(word) < 4 or any(
        phonemes.count(sign) != word.count(written) for sign, written in (("ʤ", "j"), ("z", "z"), ("ʧ", "ch"))
    ):
        return False
    if ("j" in phonemes and "y" not in word) or (len(said) < 3 and "O" in said[:-1]):
        return False
    return re.fullmatch("".join(_AS_ROMAJI.get(sign, "-") for sign in said), re.sub("[^aiueo]", "", word)) is not None
