"""What both languages share: harmless Unicode, and pauses as one mark."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from backend.synthesizers.base import PAUSE

_SPACE_CATEGORIES = ("Zs", "Zl", "Zp")
_DROPPED_CATEGORIES = ("Cf", "Cs", "Co", "Cn")
_PAUSES = re.compile(rf"\s*{PAUSE}[\s{PAUSE}]*")
_LONG_RUN = re.compile(r"(\W)\1{4,}")
"""Four of a sign mean the same as forty; without long runs no pattern of ours takes more than linear time."""
_SPACES = re.compile(r"\s+")
_SIGNS_BEFORE_NFKC = str.maketrans(dict.fromkeys("™®©") | dict.fromkeys("‥⋯⋮︙︰", PAUSE))
_KEPT = "\ue000"
"""Stands for PAUSE while NFKC, which would undo it into three dots, passes by; private use, so no text still has it."""


def normalize(text: str) -> str:
    """NFKC with single spaces for line breaks and controls, without format characters, lone surrogates and private characters."""
    text = "".join(map(_harmless, text)).translate(_SIGNS_BEFORE_NFKC)
    text = unicodedata.normalize("NFKC", text.replace(PAUSE, _KEPT)).replace(_KEPT, PAUSE).replace("⁄", "/")
    return _SPACES.sub(" ", _LONG_RUN.sub(r"\1\1\1\1", text))


def _harmless(char: str) -> str:
    category = unicodedata.category(char)
    if category in _SPACE_CATEGORIES or category == "Cc":
        return " "
    return "" if category in _DROPPED_CATEGORIES else char


def settle_pauses(text: str, speakable: Callable[[str], bool]) -> str:
    """Keeps the pieces between pauses that can be said; one PAUSE between two pieces, none at the ends.

    Stops beside a pause are part of it ("so…, then" -> "so…then"); a question mark behind one belongs to the words before.
    """
    text = _PAUSES.sub(PAUSE, text)
    text = re.sub(rf"{PAUSE}(?=[!?！？])", "", text)
    text = re.sub(rf"{PAUSE}[\s、。,.;:，]+", PAUSE, text)
    text = re.sub(rf"[\s、,;:，]+{PAUSE}", PAUSE, text)
    pieces = (_SPACES.sub(" ", piece).strip() for piece in text.split(PAUSE))
    return PAUSE.join(piece for piece in pieces if speakable(piece))
