"""One utterance's text as the pieces the engine is given, and how long each should take to say.

The engine fails on what it was never trained for: nothing speakable, no end mark, very long or very short lines. So a piece always
ends with a mark, is at most about eight seconds long, and short parts stay together rather than being cut at every pause.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from backend.language.letters import plain_latin
from backend.synthesizers.base import PAUSE
from backend.synthesizers.latin import read_latin

BREATH_S: Final = 0.3
"""What one PAUSE mark sounds like."""
SHORTEST_UNITS: Final = {"ja": 5, "en": 12}
"""Morae or letters under which a part is not spoken alone when it has a neighbour."""
LONGEST_UNITS: Final = {"ja": 56, "en": 130}
_ENDS: Final = {"ja": "。！？", "en": ".!?"}
_SENTENCE: Final = re.compile(r"(?<=[。！？!?])(?![。！？!?])|(?<=[.])(?=\s)")
_CLAUSE: Final = re.compile(r"(?<=[、，,;；:：])")
_WORD: Final = re.compile(r"(?<=\s)")
_SMALL_KANA: Final = frozenset("ァィゥェォャュョヮ")
_DIGIT_LETTERS: Final = 4
"""Letters in the name of a digit, about."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one inference speaks."""

    text: str
    """Never without something speakable, never without an end mark."""
    lang: str
    units: float
    """Morae (ja) or letters (en) that are said."""
    breath_s: float = 0.0
    """Rest before this piece."""


def is_speakable(text: str, lang: str) -> bool:
    """Whether the engine would find a phoneme: a letter or digit its front end keeps, not only marks, small っ or the long mark."""
    plain = _plain(text)
    if lang == "en":
        return re.search(r"[A-Za-z0-9]", plain) is not None
    return re.search(r"[0-9ぁ-ゖァ-ヺ一-鿿]", re.sub(r"[っッー]", "", _in_kana(plain))) is not None


def cut(text: str, lang: str) -> list[Piece]:
    """The pieces of an utterance, in order; empty when nothing in it can be spoken."""
    pieces: list[Piece] = []
    for part in _joined(readable(text, lang).split(PAUSE), lang):
        breath_s = BREATH_S if pieces else 0.0
        for sentence in _fitting(part, lang):
            pieces.append(Piece(_ended(sentence, lang), lang, units(sentence, lang), breath_s))
            breath_s = 0.0
    return pieces


def readable(text: str, lang: str) -> str:
    """The text in letters that the engine's front end of that language knows; it drops others without a word."""
    if lang == "en":
        return _plain(text)
    return PAUSE.join(map(_in_kana, _plain(read_latin(text)).split(PAUSE)))


def units(text: str, lang: str) -> float:
    """How much there is to say: morae of the reading (ja), letters (en; a digit counts as its name)."""
    if lang == "en":
        return sum(_DIGIT_LETTERS if char.isdigit() else char.isalpha() for char in text)
    return float(sum(char not in _SMALL_KANA and "ァ" <= char <= "ー" and char != "・" for char in reading(text)))


def reading(text: str) -> str:
    """Katakana of a Japanese text, by the dictionary that the engine itself reads with."""
    import pyopenjtalk  # noqa: PLC0415  (a second to import; only Japanese chapters pay)

    # The engine looks up rare kanji in a second dictionary as well; for counting and comparing that is not worth its time.
    return str(pyopenjtalk.g2p(text, kana=True, use_sudachi_kanji_yomi=False))


def _plain(text: str) -> str:
    """Full-width letters and digits as ASCII, accents gone, Japanese marks left alone, one space for many."""
    folded = plain_latin(_half_width(text), keep_latin_1=False)
    return " ".join(folded.replace("...", PAUSE).split())


def _half_width(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", char) if "０" <= char <= "ｚ" and char.isalnum() else char for char in text)


def _in_kana(part: str) -> str:
    """A stretch without pauses with katakana in place of Latin words, of 〆 and of rare kanji.

    The engine's Japanese front end asks the same dictionary, but in small letters, in which TV, NASA and Hello are spelled, and cuts at
    kanji beyond the common ones.
    """
    if not any(map(_is_strange, part)):
        return part
    import pyopenjtalk  # noqa: PLC0415  (as below)

    words: list[str] = []
    for node in pyopenjtalk.run_frontend(part, use_sudachi_kanji_yomi=False):
        printed, said = _half_width(node["string"]), node["pron"].replace("’", "")
        words.append(said if any(map(_is_strange, printed)) and re.fullmatch(r"[ァ-ヺー]+", said) else printed)
    return "".join(words)


def _is_strange(char: str) -> bool:
    return char.isalnum() and re.fullmatch(r"[0-9々ぁ-ヺー-ヿ一-鿿]", char) is None


def _joined(parts: list[str], lang: str) -> list[str]:
    """Parts between pauses; one too short to be spoken alone is joined to its neighbour by a comma's rest."""
    spoken = [part.strip() for part in parts if is_speakable(part, lang)]
    joint = "、" if lang == "ja" else ", "
    joined: list[str] = []
    for part in spoken:
        short = SHORTEST_UNITS[lang]
        if joined and min(units(part, lang), units(joined[-1], lang)) < short and not joined[-1].endswith(tuple(_ENDS[lang])):
            joined[-1] += joint + part
        else:
            joined.append(part)
    return joined


def _fitting(part: str, lang: str) -> list[str]:
    """`part` in stretches of at most LONGEST_UNITS, cut at sentence ends, else clauses, else words, else anywhere."""
    if units(part, lang) <= LONGEST_UNITS[lang]:
        return [part]
    for boundary in (_SENTENCE, _CLAUSE, _WORD):
        found = [piece for piece in boundary.split(part) if piece.strip()]
        if len(found) > 1:
            return _packed(found, lang)
    middle = len(part) // 2
    return _fitting(part[:middle], lang) + _fitting(part[middle:], lang)


def _packed(parts: list[str], lang: str) -> list[str]:
    packed: list[str] = []
    for part in parts:
        if packed and units(packed[-1] + part, lang) <= LONGEST_UNITS[lang]:
            packed[-1] += part
        else:
            packed.append(part)
    fitting = [piece.strip() for part in packed for piece in (_fitting(part, lang) if len(packed) > 1 else [part])]
    return [piece for piece in fitting if is_speakable(piece, lang)]


def _ended(text: str, lang: str) -> str:
    """With an end mark of its language; marks that ask for a continuation go."""
    text = text.strip().lstrip("、。，,.・!！?？ ")
    ends = _ENDS[lang]
    if lang == "ja":
        text = text.replace("!", "！").replace("?", "？")
    else:
        text = text.replace("！", "!").replace("？", "?").replace("。", ".").replace("、", ", ")
    text = text.rstrip("、，,・;:；： ")
    return text if text.endswith(tuple(ends)) else text + ends[0]
