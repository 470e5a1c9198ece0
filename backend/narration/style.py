"""How a line is said, guessed from how it is printed: its marks, its letters' size, the shape of its bubble. Pure functions.

Only a hint: a voice without a clip for the style speaks neutrally. When in doubt, neutral; a shouted whisper is worse than a flat one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import Final

from backend.readers.base import Kind, TextBox
from backend.synthesizers.base import Style

LARGE: Final = 1.45
"""Times the page's usual letter height from which a line is loud, together with a mark or alone from twice that step."""
SMALL: Final = 0.72
_SHOUT_MARKS: Final = re.compile(r"[!！]{2,}|[!！][?？]|[?？][!！]")
_ENDS_LOUD: Final = re.compile(r"[!！][」』”\"'）)\s]*$")
_CAPITALS: Final = re.compile(r"\b[A-Z]{4,}\b")
_STRETCHED: Final = re.compile(r"(?:ー|〜|～){2,}|[ぁァぃィぅゥぇェぉォ]{2,}|([A-Za-z])\1{3,}")
_WHISPER: Final = re.compile(r"^[（(].*[）)]$|\b(?:whisper|psst|shh+)\b|(?:ひそ|こそ){2}", re.IGNORECASE | re.DOTALL)
_SAD: Final = re.compile(
    r"(?:ごめん|すまない|さよなら|さようなら|泣|涙|つらい|辛い|寂し|悲し)|\b(?:sorry|goodbye|farewell|tears|lonely)\b",
    re.IGNORECASE,
)
_TRAILS_OFF: Final = re.compile(r"(?:…|\.\.\.|‥)\s*[。.]?$")
_LETTERED: Final = frozenset((Kind.SPEECH, Kind.THOUGHT, Kind.NARRATION))
"""What has the page's usual letters: drawn sounds, signs and page numbers have their own."""
_FEWEST_BOXES: Final = 3
"""Of one language, before anything about them is usual."""
_FEWEST_LETTERS: Final = 4
"""Fewer do not fill their box, so its area says little of their size."""


@dataclass(frozen=True, slots=True)
class Print:
    """How a line stands on the page; None where the reader cannot tell."""

    letter_ratio: float | None = None
    """Height of its letters over the page's median."""
    spiky: bool | None = None
    """Whether the bubble's outline bursts outwards."""
    thought: bool = False
    """Nobody says it aloud."""


def prints_of(boxes: Sequence[TextBox]) -> list[Print]:
    """How every box of a page stands there: its letters against the usual ones of its language, its outline, and its kind.

    Boxes are drawn close around their words, so the area that a letter takes up tells its size.
    """
    sizes = [_letter_size(box) for box in boxes]
    usual: dict[str, float] = {}
    for lang in {box.lang for box in boxes}:
        known = [size for box, size in zip(boxes, sizes, strict=True) if size and box.lang == lang and box.kind in _LETTERED]
        if len(known) >= _FEWEST_BOXES:
            usual[lang] = median(known)
    return [
        Print(
            letter_ratio=size / usual[box.lang] if size is not None and box.lang in usual else None,
            spiky=box.spiky,
            thought=box.kind is Kind.THOUGHT,
        )
        for box, size in zip(boxes, sizes, strict=True)
    ]


def _letter_size(box: TextBox) -> float | None:
    """Side of the square that each letter takes up, in pixels, the space between lines included."""
    letters = sum(not char.isspace() for char in box.text)
    x0, y0, x1, y1 = box.box
    return sqrt(max(0.0, (x1 - x0) * (y1 - y0)) / letters) if letters >= _FEWEST_LETTERS else None


def choose_style(text: str, look: Print | None = None) -> Style:
    """The style for a line as printed (before it is cleaned: capitals and stretched letters count)."""
    look = look or Print()
    if _WHISPER.search(text.strip()):
        return Style.WHISPER
    if _is_shouted(text, look):
        return Style.SHOUT
    if look.thought:
        return Style.WHISPER
    small = look.letter_ratio is not None and look.letter_ratio <= SMALL
    if _TRAILS_OFF.search(text):
        if _SAD.search(text):
            return Style.SAD
        if small:
            return Style.WHISPER
    return Style.NEUTRAL


def _is_shouted(text: str, look: Print) -> bool:
    """Two signs, or one that leaves no doubt."""
    ratio = look.letter_ratio or 1.0
    if look.spiky or _SHOUT_MARKS.search(text) or ratio >= LARGE**2:
        return True
    # Comics are often lettered in capitals throughout, so capitals alone say nothing.
    signs = (
        ratio >= LARGE,
        _ENDS_LOUD.search(text),
        _STRETCHED.search(text),
        _CAPITALS.search(text) and re.search("[a-z]", text),
    )
    return sum(map(bool, signs)) >= 2
