"""English pronunciation for the engine, read from plain text files.

gsv-tts-lite would unpickle two caches and write one of them into the weights, which are read-only where we serve; this reads the same
lexicon from its sources (130,000 entries, half a second) and does neither. Nor does it drop apostrophes and hyphens, without which
"we'll" is "well" and "well-known" a word nobody knows, take a number at a sentence's end for an ordinal, or a time for the morning's.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

_HEADER_LINES = 56
"""Of cmudict.rep, before its first entry."""
_WRONG_ENTRIES = ("ae", "ai", "ar", "ios", "hud", "os")
"""The engine deletes these by name, and fails if one is not there."""

_TIME = re.compile(r"\b(\d?\d):([0-5]\d)\b")
_DECADE = re.compile(r"\b(\d\d)([0-9]0)s\b")
_DECADES = ("hundreds", "tens", "twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")

Lexicon = dict[str, list[list[str]]]
"""Lower-case word -> its pronunciations, each a list of ARPAbet phonemes."""


def read_lexicon(directory: Path) -> Lexicon:
    """The CMU dictionary as GPT-SoVITS uses it; later files add words, the last one overrides."""
    entries: Lexicon = {word: [[]] for word in _WRONG_ENTRIES}
    for number, line in enumerate(_lines(directory / "cmudict.rep")):
        word, _, spelled = line.partition("  ")
        if number >= _HEADER_LINES and spelled:
            entries[word.lower()] = [spelled.split(" ")]
    for line in _lines(directory / "cmudict-fast.rep"):
        word, *phonemes = line.split(" ")
        entries.setdefault(word.lower(), [phonemes])
    for line in _lines(directory / "engdict-hot.rep"):
        word, *phonemes = line.split(" ")
        entries[word.lower()] = [phonemes]
    return entries


def pronouncer(models_dir: Path, lexicon_dir: Path) -> Any:
    """The engine's English front end over this lexicon; call after `gsv.prepare_import`."""
    library: Any = import_module("gsv_tts.GPT_SoVITS.G2P.English.english")

    class Pronouncer(library.EnglishG2P):  # type: ignore[misc]
        def get_dict(self) -> Lexicon:
            return read_lexicon(lexicon_dir)

        def get_namedict(self) -> Lexicon:
            return {}

        def text_normalize(self, text: str) -> str:
            said = re.sub(r"(?<=[A-Za-z])-(?=[A-Za-z])", " ", library.normalize(plain_words(text)))
            said = re.sub(rf"(?<![A-Za-z])'|'(?![A-Za-z])|[^A-Za-z'\s{library.escaped_pause}]", "", said)
            return re.sub(r"\s+", " ", said)

    return Pronouncer(models_dir)


def plain_words(text: str) -> str:
    """The text without what the engine's own way of writing out numbers and marks takes for something else."""
    text = text.replace("’", "'").replace("&", " and ")
    text = re.sub(r"€\s?([\d.,]*\d)", r"\1 euros", text)
    text = re.sub(r"(?<=[A-Za-z])(-?\d+)s\b", r"\1's", text)  # several MP3s, no seconds
    text = re.sub(r"(?<=[A-Za-z])(?=\d)", " ", text)
    text = _TIME.sub(_hours, text)
    text = re.sub(r"\b(\d)000s\b", r"\1 thousands", text)
    text = _DECADE.sub(lambda found: f"{found[1]} {_DECADES[int(found[2][0])]}", text)
    return re.sub(r"(\d)\.(?=\s)", r"\1 .", text)


def _hours(found: re.Match[str]) -> str:
    hour, minute = int(found[1]), int(found[2])
    return f"{hour} " + ("o'clock" if minute == 0 else f"oh {minute}" if minute < 10 else str(minute))


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
