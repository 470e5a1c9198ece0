"""Is this an English word? Asked of the pronunciation dictionary that the English front end brings along.

About 180,000 entries, read on the first question (0.4 s), not at import, because Japanese chapters never ask.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import threading
from pathlib import Path

_DICTIONARIES = ("lexicon_us_gold.json.gz", "lexicon_us_silver.json.gz")


class _Dictionary:
    """Loads once, whoever asks first; further threads wait for that load."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: frozenset[str] | None = None

    def words(self) -> frozenset[str]:
        if self._words is None:
            with self._lock:
                if self._words is None:
                    self._words = self._read()
        return self._words

    @staticmethod
    def _read() -> frozenset[str]:
        spec = importlib.util.find_spec("hibari")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("English text needs the package hibari-tts (its pronunciation dictionary)", name="hibari")
        assets = Path(spec.origin).parent / "assets"
        found: set[str] = set()
        for name in _DICTIONARIES:
            with gzip.open(assets / name, "rt", encoding="utf-8") as entries:
                found.update(json.load(entries))
        return frozenset(found)


_dictionary = _Dictionary()


def is_word(word: str) -> bool:
    """Whether `word` is an entry in exactly this spelling ("it" and "IT" are two entries, "fbi" is none)."""
    return word in _dictionary.words()
