"""The pronunciation lexicon of a series: names and coined words as they are to be said.

A surface form is replaced by its reading before the line is cleaned for speech, so every engine follows it. English entries match whole
words without regard to case; Japanese entries match anywhere, the longest first, as the script has no word boundaries. An English word
with phonemes stays as printed and its phonemes travel beside the text, with a reading for engines that take none; only where cleaning
would not leave it whole, the reading is taken at once. Japanese phonemes need no such way: the kana that write them are the reading.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.language import has_word, replace_words, respelled, speech_text
from backend.series.model import LexiconEntry
from backend.synthesizers.base import Pronunciation


def spoken(
    printed: str, lang: str, lexicon: Sequence[LexiconEntry], names: Sequence[str] = ()
) -> tuple[str | None, tuple[Pronunciation, ...]]:
    """The words of a line as they are to be spoken, and how some of them are said; None when there is nothing to speak."""
    text = speech_text(with_readings(printed, lang, lexicon), lang, names)
    exact = {entry.surface.lower(): entry for entry in lexicon if lang == entry.lang == "en" and entry.phonemes is not None}
    broken = [word for word in exact if has_word(printed, word) and not has_word(text or "", word)]
    if broken:
        plain = [_in_letters(entry) if entry.lang == "en" and entry.surface.lower() in broken else entry for entry in lexicon]
        text = speech_text(with_readings(printed, lang, plain), lang, names)
    said = [
        Pronunciation(word=entry.surface, phonemes=entry.phonemes, reading=_in_letters(entry).reading)
        for word, entry in exact.items()
        if entry.phonemes is not None and word not in broken and has_word(text or "", word)
    ]
    return text, tuple(said)


def with_readings(text: str, lang: str, lexicon: Sequence[LexiconEntry]) -> str:
    """`text` with the readings of `lang` in place; what was replaced is not looked at again, and words with phonemes are left alone."""
    entries = {_folded(entry.surface, lang): entry for entry in lexicon if entry.lang == lang}
    if not entries:
        return text

    def read(surface: str, printed: str) -> str:
        entry = entries[_folded(surface, lang)]
        if entry.phonemes is not None:
            return entry.kana or printed
        return entry.reading or printed

    if lang == "en":
        return replace_words(text, list(entries), read)
    surfaces = "|".join(re.escape(surface) for surface in sorted(entries, key=len, reverse=True))
    return re.sub(surfaces, lambda found: read(found[0], found[0]), text)


def _in_letters(entry: LexiconEntry) -> LexiconEntry:
    """An English entry without phonemes; they become a reading where it has none."""
    reading = entry.reading or respelled(entry.phonemes or "")
    return entry.model_copy(update={"phonemes": None, "reading": reading})


def _folded(surface: str, lang: str) -> str:
    return surface if lang == "ja" else surface.lower()
