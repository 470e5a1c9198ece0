"""What the Japanese front end makes of Latin letters: a word its dictionary knows, or a row of letter names.

Whether it knows a word depends on the word's case and on its neighbours (John alone is ジョン, in 俺はJohnだ it is spelled), so the
line is asked about as a whole, and the dictionary a second time about the word alone.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_NAMES: Final = {
    "a": "エイ|エー|ア", "b": "ビー", "c": "シー", "d": "ディー|デー", "e": "イー", "f": "エフ", "g": "ジー", "h": "エイチ|エッチ",
    "i": "アイ", "j": "ジェー|ジェイ", "k": "ケー|ケイ", "l": "エル", "m": "エム", "n": "エヌ", "o": "オー", "p": "ピー", "q": "キュー",
    "r": "アール", "s": "エス", "t": "ティー|テー", "u": "ユー", "v": "ブイ|ヴィー", "w": "ダブリュー|ダブルユー", "x": "エックス",
    "y": "ワイ", "z": "ゼット|ズィー",
}  # fmt: skip
_LETTER: Final = re.compile(r"[A-Za-z]")
_SPLIT: Final = re.compile(r"[A-Za-z']+")
_PATHS: Final = 3
"""Ways to cut a lone word that are looked at: the dictionary's entry often comes second, behind the unknown word's letters."""
_SAID: Final = 9
"""Field of a dictionary line with its pronunciation; a word that is not in the dictionary has fewer, and its letters are spelled."""


def spelled_letters(line: str) -> list[bool]:
    """For each Latin letter of a line without pauses, in order: whether it is said by its name."""
    import pyopenjtalk  # noqa: PLC0415  (a second to import; only Japanese lines with Latin words pay)

    letters: list[bool] = []
    for feature in pyopenjtalk.run_mecab(line):
        fields = feature.split(",")
        surface = unicodedata.normalize("NFKC", fields[0]).replace("’", "'")
        spelled = len(fields) <= _SAID or _by_names(surface, fields[_SAID])
        letters += [spelled] * len(_LETTER.findall(surface))
    return letters


def entry(word: str) -> str | None:
    """How the dictionary says exactly this spelling, as katakana; None where it has no entry. Letter names are an answer too."""
    import pyopenjtalk  # noqa: PLC0415

    for path in pyopenjtalk.run_mecab_nbest_features(word, _PATHS):
        if len(path["features"]) == 1:
            fields = path["features"][0].split(",")
            if len(fields) > _SAID and re.fullmatch(r"[ァ-ヺー]+", said := fields[_SAID].replace("’", "")):
                return said
    return None


def known(word: str) -> str | None:
    """Katakana of a word in the dictionary in whatever case (Hello for hello), unless all it offers are the letters' names.

    Capitals that the dictionary spells are an abbreviation, whatever word they look like in small letters: LED, WHO.
    """
    for spelling in dict.fromkeys((word, word.lower(), word.capitalize(), word.upper())):
        said = entry(spelling)
        if said is not None and not _by_names(word, said):
            return said
        if said is not None and word.isupper() and spelling == word:
            return None
    return None


def _by_names(surface: str, said: str) -> bool:
    if not _SPLIT.fullmatch(surface):
        return False
    names = "".join(f"(?:{_NAMES[letter]})" for letter in surface.lower() if letter != "'")
    return re.fullmatch(names, said.replace("’", "")) is not None
