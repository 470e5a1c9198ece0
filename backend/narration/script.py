"""The script of a page: what is said, in which order, by whom. Data only; `cast.py` and `write.py` make it.

A line keeps its box, so that a cue can light it up while it is heard.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.readers.base import Box, Kind
from backend.synthesizers.base import Utterance


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One text box that will be heard."""

    number: int
    """Index of the box in `Reading.boxes`; how corrections name a line."""
    text: str
    """As printed on the page; captions and transcripts show this."""
    utterance: Utterance
    """As spoken."""
    box: Box
    """Pixels of the page."""
    kind: Kind
    speaker: str | None = None
    """Label of the character as far as known ("Narrator", a name, "character-3"); None is unknown."""


@dataclass(frozen=True, slots=True)
class PageScript:
    """The lines of one page in reading order, and the page's size in pixels."""

    width: int
    height: int
    lines: tuple[ScriptLine, ...]
