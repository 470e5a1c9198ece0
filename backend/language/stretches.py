"""Stretched words: NOOOO is "no", HAHAHAHA is "ha ha ha", and HMPH has a spelling that dictionaries know."""

from __future__ import annotations

import re
from itertools import product

from backend.language.words import is_word

_RUN = re.compile(r"([a-z])\1{2,}", re.IGNORECASE)
_LAUGH = re.compile(r"(m?w[au]+|bw[au]+|gy?a+|ny?a+|a)?(ha|he|hee|hi|ho|fu|ku|ke)((?:\2)+)h?", re.IGNORECASE)
_MOST_RUNS = 4
_MOST_LAUGHS = 3
_SOUNDS = {
    "hmph": "humph",
    "hmpf": "humph",
    "pfft": "pft",
    "wha": "what",
    "ya": "yah",
    "shh": "shush",
    "grr": "gur",
    "brr": "bur",
    "argh": "arg",
    "gyah": "gah",
    "kyah": "kya",
    "hm": "hmm",
    "mm": "hmm",
    "nngh": "nug",
    "ngh": "nug",
    "tsk": "tisk",
    "psst": "pist",
}
"""Comic sounds no dictionary has, in a spelling that the letter-to-sound rules say right."""
_STRETCHED_MOST = frozenset(
    (  # noqa: SIM905
        "aah ah aw bad be been big boo boy come cool damn dad die do down eek eh feel fool free from get go good great "
        "guy guys ha he hell hello help hey hi hit how hoo huge hurry just keep kill know let liar like long look loser "
        "love mad man me mean meet mom more move my never nice no nope not now off oh one ooh ow out over please pretty "
        "really right run sad say see shut sir so soon sorry stop sure sweet thanks that them there too two ugh um up "
        "very wait way we well what whee when where who whoa why wow yay yeah yes you your yup"
    ).split(" ")
)
"""Words people stretch; asked first, because STOOOP could be "stoop" and GOOOOD could be "god"."""


def shorten(word: str) -> str:
    """The word as it is said once; unchanged when nothing in it is stretched. Keeps capitals where every letter was one."""
    spoken = _spoken(word.lower())
    if spoken == word.lower():
        return word
    if word.isupper() and len(word) > 1:
        return spoken.upper()
    return spoken.capitalize() if word[0].isupper() else spoken


def _spoken(word: str) -> str:
    if laugh := _LAUGH.fullmatch(word):
        times = min(_MOST_LAUGHS, 1 + len(laugh[3]) // len(laugh[2]))
        return " ".join(filter(None, (laugh[1], *[laugh[2]] * times)))
    if _RUN.search(word):
        word = _unstretched(word)
    elif len(word) > 2 and word[-1] == word[-2] and not is_word(word) and word[:-1] in _STRETCHED_MOST:
        word = word[:-1]
    return _SOUNDS.get(word, word)


def _unstretched(word: str) -> str:
    """Tries each run of three or more as one letter and as two; a word people stretch wins, then any word, then the shortest.

    >>> _unstretched("nooooo"), _unstretched("helllooo"), _unstretched("goooood")
    ('no', 'hello', 'good')
    """
    parts = re.split(r"(([a-z])\2{2,})", word)
    plain, runs = parts[0::3], parts[2::3]
    shortest = "".join(text + letter for text, letter in zip(plain, [*runs, ""], strict=True))
    if len(runs) > _MOST_RUNS:
        return shortest
    spellings = ["".join(text + run for text, run in zip(plain, [*choice, ""], strict=True)) for choice in _lengths(runs)]
    for wanted in (_STRETCHED_MOST.__contains__, _SOUNDS.__contains__, is_word):
        if found := next(filter(wanted, spellings), None):
            return found
    return shortest


def _lengths(runs: list[str]) -> list[tuple[str, ...]]:
    return list(product(*((letter, letter * 2) for letter in runs)))
