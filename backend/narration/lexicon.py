"""The pronunciation lexicon of a series: names and coined words as they are to be said. Works on text, so every engine follows it.

A surface form is replaced by its reading before the line is cleaned for speech. English entries match whole words without regard to
case; Japanese entries match anywhere, the longest first, as the script has no word boundaries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.series.model import LexiconEntry


def with_readings(text: str, lang: str, lexicon: Sequence[LexiconEntry]) -> str:
    """`text` with the readings of `lang` in place; what was replaced is not looked at again."""
    entries = {_folded(entry.surface, lang): entry.reading for entry in lexicon if entry.lang == lang}
    if not entries:
        return text
    surfaces = "|".join(re.escape(surface) for surface in sorted(entries, key=len, reverse=True))
    pattern = surfaces if lang == "ja" else rf"(?<!\w)(?:{surfaces})(?!\w)"
    flags = re.NOFLAG if lang == "ja" else re.IGNORECASE
    return re.sub(pattern, lambda found: entries.get(_folded(found.group(), lang), found.group()), text, flags=flags)


def _folded(surface: str, lang: str) -> str:
    return surface if lang == "ja" else surface.lower()
