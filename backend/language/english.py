"""English as comics print it: capitals, stammers, stretched words, swear signs; made ready for an English front end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.language.capitals import recase
from backend.language.letters import arabic, named_greek, plain_latin
from backend.language.marks import normalize, settle_pauses
from backend.language.stretches import shorten
from backend.synthesizers.base import PAUSE

_LETTERS = "A-Za-zÀ-ÖØ-öø-ÿ"
_UNSPEAKABLE = re.compile(rf"[^{_LETTERS}0-9.,!?;:'{PAUSE} %$£€&+/#@=-]+")
_SPEAKABLE = re.compile(rf"[{_LETTERS}0-9]")
_WORD = re.compile(rf"[{_LETTERS}][{_LETTERS}']*")
_ALIKE = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "‐": "-", "‑": "-", "¡": "", "¿": ""})
_SWEAR = "@#$%&*^"
_UNREAD = re.compile(r"[ßËëÆæØøÐðÞþ]|(?<![^\W\d_])[À-ÖØ-öø-ÿ](?![^\W\d_])")
"""Letters that the front end reads wrong or not at all, and a lone letter with an accent; café and naïve it reads well as they are."""
_FRACTION = re.compile(r"(?<=\d)(?=[¼½¾⅐-⅞])")
_BEFORE_NFKC = str.maketrans({"№": "number "})

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), by)
    for pattern, by in (
        (r"(?<![\w.])(?:[:;]-?[()DPO3]|[TO]_[TO]|<3)(?!\w)", " "),  # faces and hearts typed in letters
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
        (r"¥\s*(\d[\d,.]*)|(?<=\d)\s*(?:¥|円)", r"\1 yen"),
        (r"(\d[\d,.]*)\s*([€£$])(?!\d)", r"\2\1"),
        (r"(?<=\d)\s*×\s*(?=\d)", " times "),
        (r"(?<=\d)\s*÷\s*(?=\d)", " divided by "),
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
    text = _FRACTION.sub(" and ", arabic(text).translate(_BEFORE_NFKC))
    text = arabic(named_greek(normalize(text).translate(_ALIKE), "en"))
    text = _UNREAD.sub(lambda letter: plain_latin(letter[0], keep_latin_1=False), plain_latin(text, keep_latin_1=True))
    for pattern, by in _RULES:
        text = pattern.sub(by, text)
    text = re.sub(r"(?<=\d)(?:ST|ND|RD|TH)\b", lambda ending: ending[0].lower(), text)
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
