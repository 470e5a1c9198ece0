"""What a text box is for, told by what it stands in, its size, slant and words. Honest: speech unless something speaks against it.

A caption stands in a rectangle or beside all panels. Lettering is level and of one size all over a page; what is much larger or
slanted and says no sentence is drawn sound, unless it stands in a bubble: that is a shout.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median
from typing import Final

from backend.readers.base import Box, Kind
from backend.readers.embedded.bubbles import Bubble
from backend.readers.embedded.outline import Surroundings

PAGE_NUMBER: Final = re.compile(r"\W*\d{1,4}\W*")
MARGIN: Final = 0.06
"""Share of the page's height at top and bottom where page numbers stand."""

NUMBER: Final = re.compile(r"(?!.*[!?！？])[\W\d]*\d[\W\d]*")
"""Digits and signs only, without a mark of exclamation: outside a bubble a sign, a clock, or strokes of the drawing."""

LOOSE_LETTER: Final = re.compile(r"\W*[b-hj-zB-HJ-Z0\u00c0-\u024f\u0370-\u04ff]\W*")
"""One Latin, Greek or Cyrillic letter that is no word: a circle or a stroke of the drawing."""

SOUND_WORDS: Final = re.compile(
    r"[\u30a1-\u30ff・…―]{1,10}[!！?？]*|[\u3041-\u309fー〜～…―]{1,10}|[A-Za-zÀ-ž]+([ -][A-Za-zÀ-ž]+)?[!?]*"
)
"""At most ten kana (hiragana without a mark of exclamation), or one or two words: what a drawn sound says."""

KATAKANA: Final = re.compile(r"[\u30a1-\u30ff・…―]+")

SHOUTED: Final = re.compile(
    r"\b(?:ah|aha|bye|come|damn|don't|father|go|goodbye|great|hell|hello|help|hey|hi|how|hurry|i|look|master|me|mom|mother|move|my|no|now"
    r"|oh|ok|okay|one|out|please|quick|really|run|shut|sir|sorry|stop|thanks|the|there|up|us|wait|we|what|when|where|who|why|wow|yeah|yes|you)\b",
    re.IGNORECASE,
)
"""Words that are shouted by people; drawn sounds do not contain them."""

LETTERED: Final = frozenset((Surroundings.BUBBLE, Surroundings.CAPTION))
"""Where words certainly have the page's usual size."""

SOUND_SIZE: Final = 1.8
"""Lettering this many times larger than the page's usual is drawn."""

SOUND_SLANT: Final = 8.0
"""Degrees; lettering of speech is level."""

DOUBTFUL: Final = 0.7
"""Large or slanted lettering read with less confidence is texture."""


def kinds_of(
    bubbles: Sequence[Bubble], page_size: tuple[int, int], around: Sequence[Surroundings], panels: Sequence[Box] = ()
) -> list[Kind]:
    """One kind for every bubble of a page.

    Args:
        page_size: width and height in pixels.
        around: what each bubble stands in.
    """
    lettered = [bubble for bubble, place in zip(bubbles, around, strict=True) if place in LETTERED]
    usual = median(line.thickness for bubble in lettered or bubbles for line in bubble.lines) if bubbles else 1.0
    return [
        Kind.OTHER if _says_nothing(bubble, page_size, place) else _kind(bubble, usual, place, panels)
        for bubble, place in zip(bubbles, around, strict=True)
    ]


def _says_nothing(bubble: Bubble, page_size: tuple[int, int], around: Surroundings) -> bool:
    """Page numbers, other numbers that stand in no bubble, and drawing that looks like a letter."""
    if around not in LETTERED and NUMBER.fullmatch(bubble.text):
        return True
    margin = MARGIN * min(page_size[1], 2 * page_size[0])  # a long strip has the margin of a page
    at_edge = bubble.box[3] < margin or bubble.box[1] > page_size[1] - margin
    return LOOSE_LETTER.fullmatch(bubble.text) is not None or (at_edge and PAGE_NUMBER.fullmatch(bubble.text) is not None)


def _kind(bubble: Bubble, usual: float, around: Surroundings, panels: Sequence[Box]) -> Kind:
    text = bubble.text
    large = median(line.thickness for line in bubble.lines) >= SOUND_SIZE * usual
    slanted = all(abs(line.angle) >= SOUND_SLANT for line in bubble.lines)
    if around is Surroundings.CAPTION and not (large or slanted):
        return Kind.NARRATION
    if large or slanted:
        if bubble.confidence < DOUBTFUL:
            return Kind.OTHER
        # Light art around a drawn sound may look like a bubble; few bubbles hold large katakana and no mark.
        if (around is not Surroundings.BUBBLE or KATAKANA.fullmatch(text)) and _sounds(text):
            return Kind.SFX
    if around is not Surroundings.BUBBLE and panels and not any(_meet(bubble.box, panel) for panel in panels):
        return Kind.NARRATION
    return Kind.SPEECH


def _sounds(text: str) -> bool:
    """Whether these words may be a drawn sound."""
    return SOUND_WORDS.fullmatch(text) is not None and SHOUTED.search(text) is None


def _meet(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])
