"""English as comics print it: capitals, stammers, stretched words, swear signs; made ready for an English front end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.language.capitals import recase
from backend.language.marks import normalize, settle_pauses
from backend.language.stretches import shorten
from backend.synthesizers.base import PAUSE

_LETTERS = "A-Za-zÀ-ÖØ-öø-ÿ"
_UNSPEAKABLE = re.compile(rf"[^{_LETTERS}0-9.,!?;:'{PAUSE} %$£€&+/#@=-]+")
_SPEAKABLE = re.compile(rf"[{_LETTERS}0-9]")
_WORD = re.compile(rf"[{_LETTERS}][{_LETTERS}']*")
_ALIKE = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "‐": "-", "‑": "-", "¡": "", "¿": ""})
_SWEAR = "@#$%&*^"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), by)
    for pattern, by in (
        (r"\.(?: ?\.)+|[•·・]{2,}|…", PAUSE),
        (r"(?<=\d)\s*[–—-]\s*(?=\d)", " to "),
        (r"\s+[–—―-]+\s+|-{2,}|[–—―]+", PAUSE),
        (rf"(?<=[{_LETTERS}])-(?=[\s!?.,]|$)", PAUSE),  # cut off: "WAIT-"
        (r"(?<!\w)\*+([\w\s']{1,40})\*+(?!\w)", r" \1 "),  # *sigh*
        (r"\bz{3,}\b", PAUSE),  # somebody sleeps
        (rf"(?<![{_LETTERS}0-9&*])[{_LETTERS}]{{1,8}}[*#@$%]+[{_LETTERS}][{_LETTERS}*#@$%]*", PAUSE),  # f**k, d@mn
        (rf"(?<![{_LETTERS}0-9&*])[{_LETTERS}]{{1,8}}[*#@$%]{{2,}}", PAUSE),  # sh##
        (r"(?<![^\s])#(?=\d)", "number "),
        (r"\bw/(?=\s|\w)", "with "),
        (r"°\s*([CF])\b", r" degrees \1"),
        (r"°", " degrees "),
        (r"[~∼〜♪♫♡♥❤★☆\"“”„«»\[\]<>{}*^_|\\]+", " "),
        (rf"(?<=[{_LETTERS}0-9])\s*\(\s*(?=[{_LETTERS}0-9])", ", "),
        (rf"(?<=[{_LETTERS}0-9])\s*\)\s*(?=[{_LETTERS}0-9])", ", "),
        (r"[()]+", " "),
    )
)
_SIGN_RUN = re.compile(rf"(?<![{_SWEAR}!?])[{_SWEAR}!?]{{2,}}")
_CALLS = re.compile(r"[!?](?:\s*[!?])*")
_STAMMER = re.compile(
    rf"(?<![{_LETTERS}'-])([{_LETTERS}]{{1,3}})(?:\s*[-{PAUSE}]\s*\1)*\s*([-{PAUSE}])\s*(?=(\1[{_LETTERS}']*))", re.IGNORECASE
)
_NO_STAMMERS = ("re-re", "no-nonsense", "co-co", "so-so", "go-go")


def clean(text: str, names: Sequence[str] = ()) -> str:
    """The speakable English of a text box; "" when there is none. `names` in their normal spelling."""
    text = normalize(text).translate(_ALIKE)
    for pattern, by in _RULES:
        text = pattern.sub(by, text)
    text = _SIGN_RUN.sub(_without_swearing, text)
    text = _CALLS.sub(lambda run: "? " if "?" in run[0] else "! ", text)
    text = _UNSPEAKABLE.sub(" ", text)
    text = _STAMMER.sub(_stammer, text)
    text = _WORD.sub(lambda word: shorten(word[0]), text)
    text = recase(text, names)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" +([.,!?;:])", r"\1", text)
    text = re.sub(r"([!?])[.,;:]+|[.,;:]+([!?])", r"\1\2", text)
    text = re.sub(r"([.,;:])[.,;:]+", r"\1", text)
    return settle_pauses(_without_stray_signs(text), is_speakable).lstrip(".,!?;:'/%&+=-@ ").rstrip(",;: '-/=+&@#$£€")


def is_speakable(piece: str) -> bool:
    """Whether a piece between two pauses has a letter or a digit."""
    return _SPEAKABLE.search(piece) is not None


def _without_swearing(run: re.Match[str]) -> str:
    """@#$%&! is a call; a sign beside a call ("50%!") is none."""
    return "! " if sum(sign in _SWEAR for sign in run[0]) > 1 else run[0]


def _stammer(match: re.Match[str]) -> str:
    """WH-WHAT and W… what lose their first try; bye-bye and no-nonsense are words, and "I… I" is a pause somebody meant."""
    start, mark, word = match[1], match[2], match[3]
    if f"{start}-{word}".lower().startswith(_NO_STAMMERS):
        return match[0]
    whole = start.lower() == word.lower()
    if mark == PAUSE and (whole or len(start) > 2):
        return match[0]
    if whole and start.upper() != "I":
        return match[0]
    return ""


def _without_stray_signs(text: str) -> str:
    """Signs that are read aloud only beside what they belong to: $5, 50%, AT&T, R&B; alone they are dirt."""
    text = re.sub(r"[$£€#](?!\d)", " ", text)
    text = re.sub(r"(?<!\d)%", " ", text)
    text = re.sub(r"(?<![^\W_])[/=+@&-]+(?=[^\W_])|(?<=[^\W_])[/=+@-]+(?![^\W_])", " ", text)
    text = re.sub(r"(?<![^\W_ ])[/=+@-]+(?![^\W_])", " ", text)
    return re.sub(rf"(?<![{_LETTERS}0-9])'+(?![{_LETTERS}0-9])|'{{2,}}", " ", re.sub(r"\s+", " ", text))
