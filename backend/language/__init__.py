"""From printed words to words that can be spoken: which language a line is in, and how it sounds.

Manga writes what it hears: shouted capitals, stretched vowels, stutters, silent dots, hearts, swear signs. A synthesizer
reads such text letter by letter or fails on it, so every line passes here once, before any engine sees it.

    detect_language(text, hint)      "ja" or "en"
    speech_text(text, lang, names)   the words as they are to be spoken, every pause as the one mark "…"; None: nothing to say
    is_speakable(text, lang)         whether there is anything to say

The result holds only what synthesizers can say, so cleaning it again changes nothing. Nothing here raises on any text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from backend.language import english, japanese
from backend.language.detect import detect_language, detect_languages
from backend.language.kana import japanese_kana
from backend.language.names import clean_name
from backend.language.pronunciation import english_phonemes, has_word, replace_words, respelled

__all__ = [
    "VERSION",
    "clean_name",
    "detect_language",
    "detect_languages",
    "english_phonemes",
    "has_word",
    "is_speakable",
    "japanese_kana",
    "replace_words",
    "respelled",
    "speech_text",
]

VERSION = "3"
"""Changes whenever a printed line may be spoken differently, by what `backend.synthesizers.latin` does too; part of the
synthesizers' fingerprints."""

_MOST_PASSES = 8


def speech_text(text: str, lang: str, names: Iterable[str] = ()) -> str | None:
    """The words of one text box as they are to be spoken, or None when there is nothing to speak.

    Args:
        text: as printed, lines joined.
        lang: "ja"; everything else is read by the English rules. Latin words in Japanese stay: the engines read them.
        names: names of the cast in their normal spelling ("Kenji"), so that KENJI is not mistaken for letters.

    Pauses (dots, dashes) become PAUSE, never two in a row, never at either end: what lies between two lines is the
    pipeline's to decide.
    """
    known = tuple(names)

    def clean(printed: str) -> str:
        return japanese.clean(printed) if lang.lower().startswith("ja") else english.clean(printed, known)

    return _settled(clean, text) or None


def is_speakable(text: str, lang: str | None = None) -> bool:
    """Whether anything in `text` can be said aloud (lang None: found from the text)."""
    return speech_text(text, lang or detect_language(text)) is not None


def _settled(clean: Callable[[str], str], text: str) -> str:
    """Cleans until nothing changes: removing one sign can bring two others together (a heart between two dots)."""
    for _ in range(_MOST_PASSES):
        cleaned = clean(text)
        if cleaned == text:
            break
        text = cleaned
    return text
