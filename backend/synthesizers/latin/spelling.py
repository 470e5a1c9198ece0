"""Which letters of an English word stand for which of its phonemes: the a of "about" and the o of "lemon" are both ə.

Japanese borrows words by ear and by eye: an unstressed vowel is said as it is written. The cheapest alignment of letters and phonemes
is found by dynamic programming; letters may be silent and phonemes unwritten, at a price.
"""

from __future__ import annotations

import re
from typing import Final

VOWELS: Final = frozenset("AIOWYiuæɑɔəɛɜɪʊʌᵊᵻ")
_CONSONANTS: Final = {
    "b": "b bb", "d": "d dd ed", "f": "f ff ph gh", "h": "h wh", "j": "y i e", "k": "c k ck ch cc kk q cq x qu", "l": "l ll",
    "m": "m mm mb mn", "n": "n nn kn gn pn", "p": "p pp", "s": "s ss c sc ce ps", "t": "t tt ed th bt ght", "v": "v vv f", "w": "w wh u o",
    "z": "z zz s ss x", "ð": "th", "θ": "th", "ŋ": "n ng", "ɡ": "g gg gh gu x", "ɹ": "r rr wr rh", "ʃ": "sh ti ci ssi si ch s ss shi sch",
    "ʒ": "s si g z ge", "ʤ": "j g dg gg d di", "ʧ": "ch tch t ti c",
}  # fmt: skip
_SPELLINGS: Final = {phoneme: frozenset(written.split()) for phoneme, written in _CONSONANTS.items()}
_VOWEL_LETTERS: Final = re.compile(r"[aeiouy]{1,3}(?:w|gh|ugh)?|a[lh]")
_MOST_LETTERS: Final = 4
_SILENT: Final = 1.0
_UNWRITTEN: Final = 1.6
_WRONG: Final = 3.0


_STRESS: Final = re.compile(r"[ˈˌ]")
_SIGNS: Final = re.compile(rf"[^{''.join(VOWELS)}bdfhjklmnpstvwzðŋɡɹʃʒʤʧθˈˌ]")
_ALIKE: Final = str.maketrans({"T": "t", "ɾ": "t", "ʔ": "t"})


class SpelledWord:
    """An English word as sequences of equal length: phonemes and the letters behind each.

    Attributes:
        said: one sign per phoneme, in Kokoro's alphabet, without stress; every kind of t is t.
        written: the letters of each phoneme, "" for one that is not written.
        stressed: places in `said` with primary or secondary stress.
    """

    def __init__(self, word: str, phonemes: str) -> None:
        marked = _SIGNS.sub("", phonemes.translate(_ALIKE))
        self.word = word.lower()
        self.said = _STRESS.sub("", marked)
        self.written = letters_of(self.said, self.word)
        self.stressed = {len(_STRESS.sub("", marked[: mark.start()])) for mark in _STRESS.finditer(marked)}
        self.syllables = sum(sign in VOWELS for sign in self.said)

    def sound(self, at: int) -> str:
        """The phoneme at a place, "" beyond both ends."""
        return self.said[at] if 0 <= at < len(self.said) else ""

    def is_vowel(self, at: int) -> bool:
        return self.sound(at) in VOWELS and not self.is_unsaid(at)

    def is_unsaid(self, at: int) -> bool:
        """A schwa that is not written, as in apple and prism: Japanese does not say it."""
        return self.sound(at) in ("ə", "ᵊ") and self.written[at] == "" and self.sound(at + 1) in ("l", "m", "n")

    def is_stressed(self, at: int) -> bool:
        return at in self.stressed or self.syllables == 1


def letters_of(phonemes: str, word: str) -> list[str]:
    """The letters behind each phoneme (Kokoro's English alphabet, without stress), "" for one that is not written."""
    word = word.lower()
    cheapest: dict[tuple[int, int], tuple[float, list[str]]] = {(0, 0): (0.0, [])}
    for done in range(len(phonemes) + 1):
        for place in range(len(word) + 1):
            if (done, place) not in cheapest:
                continue
            price, found = cheapest[done, place]
            if place < len(word):
                _keep(cheapest, (done, place + 1), price + _SILENT, found)
            if done == len(phonemes):
                continue
            for taken in range(min(_MOST_LETTERS, len(word) - place) + 1):
                written = word[place : place + taken]
                _keep(cheapest, (done + 1, place + taken), price + _price(phonemes[done], written), [*found, written])
    return cheapest[len(phonemes), len(word)][1]


def _keep(cheapest: dict[tuple[int, int], tuple[float, list[str]]], at: tuple[int, int], price: float, found: list[str]) -> None:
    if at not in cheapest or price < cheapest[at][0]:
        cheapest[at] = (price, found)


def _price(phoneme: str, written: str) -> float:
    if not written:
        return _UNWRITTEN
    if phoneme in VOWELS:
        fits = _VOWEL_LETTERS.fullmatch(written) is not None
        return 0.1 * len(written) if fits else _WRONG + len(written)
    return 0.0 if written in _SPELLINGS.get(phoneme, ()) else _WRONG + len(written)
