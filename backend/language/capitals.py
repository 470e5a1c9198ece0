"""Capitals: comics print everything in them, and a synthesizer spells IT and US letter by letter."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.language.words import is_word

_LETTERS = "A-Za-zÀ-ÖØ-öø-ÿ"
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<![A-Za-z]\.[A-Za-z]\.)(\s+)")
_TOKEN = re.compile(rf"(?:[A-Za-z]\.){{2,}}|[{_LETTERS}]+&[{_LETTERS}]+|[{_LETTERS}](?:[{_LETTERS}']*[{_LETTERS}])?")
_DOTTED = re.compile(r"(?:[A-Za-z]\.){2,}")
_ACRONYMS = frozenset(
    (  # noqa: SIM905
        "ABC AC AI ATM BBQ BC CCTV CD CEO CG CIA CPR CPU DIY DJ DNA DNS DVD EMP EXP FAQ FBI FYI GPS HP HQ ID IQ IOU KO LED LP "
        "LVL MC MP MVP NPC OVA PA PC PE PM PR PS PTA RIP RPG RV SMS SOS SUV TV UFO UK UN UI URL USA USB UV VHS VIP VR WC "
        "XL XP"
    ).split(" ")
)
_ACRONYMS_IN_RUNNING_TEXT = frozenset({"US", "EU", "AM", "AD"})
"""Words as well; only where the rest of the sentence is not in capitals are they the acronym."""
_MANY_CAPITALS = 0.6


def recase(text: str, names: Sequence[str] = ()) -> str:
    """Writes shouted words in small letters; acronyms, single letters and mixed words stay; names get their own spelling."""
    spelled = {part.lower(): part for name in names for part in re.findall(rf"[{_LETTERS}']{{2,}}", name)}
    return "".join(_sentence(part, spelled) for part in _SENTENCE_END.split(text))


def _sentence(text: str, names: dict[str, str]) -> str:
    letters = [char for char in text if char.isalpha()]
    shouted = len(letters) > 1 and sum(char.isupper() for char in letters) > _MANY_CAPITALS * len(letters)
    changed = _TOKEN.sub(lambda token: _token(token, shouted, names), text)
    if changed == text:
        return text
    return re.sub(rf"^([^{_LETTERS}0-9]*)([a-zß-öø-ÿ])", lambda first: first[1] + _upper(first[2]), changed)


def _token(match: re.Match[str], shouted: bool, names: dict[str, str]) -> str:
    word = match[0]
    if len(word) == 1:
        article = shouted and word == "A" and re.match(rf" [{_LETTERS}]", match.string[match.end() :])
        return "a" if article else word
    if _DOTTED.fullmatch(word) or "&" in word or not _capitals(word):
        return word
    return _quiet(word.lower(), shouted, names)


def _quiet(lower: str, shouted: bool, names: dict[str, str]) -> str:
    """A shouted word as it is written when nobody shouts."""
    bare, apostrophe, ending = lower.partition("'")
    ending = apostrophe + ending
    if bare in names:
        return names[bare] + ending
    if bare == "i":
        return "I" + ending
    if _is_acronym(bare.upper(), shouted):
        return bare.upper() + ending
    return lower if shouted or ending or is_word(lower) else lower.capitalize()


def _capitals(word: str) -> bool:
    """Shouted, allowing for a letter or two that were recognised in the wrong case in a longer word (WHaT, HElLO)."""
    letters = [char for char in word if char.isalpha()]
    if len(letters) < 4:
        return word.upper() == word
    small = sum(char.islower() for char in letters)
    return small == 0 or (small * 3 <= len(letters) and not re.match(r"Mac|Mc|O'|D'", word) and not word.endswith("s"))


def _is_acronym(word: str, shouted: bool) -> bool:
    if word in _ACRONYMS or (not shouted and word in _ACRONYMS_IN_RUNNING_TEXT):
        return True
    if is_word(word.lower()):
        return False
    return is_word(word) or (len(word) <= 4 and not re.search(r"[AEIOUYÀ-Þ]", word))


def _upper(letter: str) -> str:
    """ß has no single capital."""
    return letter if letter == "ß" else letter.upper()
