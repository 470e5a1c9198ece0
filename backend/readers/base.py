"""The page reader protocol and what a reading is. Engines import this; this imports no engine.

Coordinates are pixels of the page as decoded by `backend.imaging.decode_page` (x to the right, y down, corners x0, y0, x1, y1),
clipped to the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from backend.engine import Engine
from backend.errors import ReadingFailed

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the page; x0 < x1, y0 < y1."""


class Kind(StrEnum):
    """What a text box is for. SFX and OTHER (page numbers, signs, credits) are not spoken by default."""

    SPEECH = "speech"
    THOUGHT = "thought"
    NARRATION = "narration"
    SFX = "sfx"
    OTHER = "other"


class Direction(StrEnum):
    """The order panels and boxes are read in. VERTICAL is a long strip: from top to bottom, left before right in a row."""

    RTL = "rtl"
    LTR = "ltr"
    VERTICAL = "vertical"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextBox(_Frozen):
    """One bubble, caption or sound effect, with its words."""

    box: Box
    text: str
    """As printed, lines joined (no spaces in Japanese, hyphens at line ends mended). Not yet cleaned for speech."""
    kind: Kind
    lang: str
    """BCP 47 primary tag of the words: "ja", "en", ..."""
    confidence: float = Field(ge=0, le=1)
    """Of the words (the least certain line)."""
    speaker: int | None = None
    """Index into `Reading.characters`; None is unknown. An uncertain speaker is None, never a guess."""
    speaker_confidence: float = Field(default=0.0, ge=0, le=1)
    panel: int | None = None
    """Index into `Reading.panels`."""
    tail: int | None = None
    """Index into `Reading.tails`."""
    vertical: bool = False
    """The words run from top to bottom."""
    spiky: bool | None = None
    """Whether the bubble's outline bursts outwards; None: it has no outline, or the reader cannot tell."""


class Character(_Frozen):
    """One figure seen on the page."""

    box: Box
    confidence: float = Field(ge=0, le=1)
    cluster: int
    """Equal for figures of one page that are the same person; means nothing on another page."""
    embedding: tuple[float, ...] | None = None
    """Appearance as a vector, comparable across pages by cosine or Euclidean distance of unit vectors."""
    name: str | None = None
    name_confidence: float = Field(default=0.0, ge=0, le=1)


class Scores(_Frozen):
    """How sure a reader was of each thing it found and of each link between two, below its thresholds too; probabilities.

    Rows and columns are in the order of the tuples of the same name in `Reading`.
    """

    panels: tuple[float, ...] = ()
    boxes: tuple[float, ...] = ()
    """That there is a text; how sure the words are is `TextBox.confidence`."""
    story: tuple[float, ...] = ()
    """That a text belongs to the story."""
    tails: tuple[float, ...] = ()
    speakers: tuple[tuple[float, ...], ...] = ()
    """Text by character."""
    box_tails: tuple[tuple[float, ...], ...] = ()
    """Text by tail."""
    same: tuple[tuple[float, ...], ...] = ()
    """Character by character: that two figures are one person."""


class Reading(_Frozen):
    """Everything a reader found on one page, in reading order."""

    width: int
    height: int
    panels: tuple[Box, ...] = ()
    boxes: tuple[TextBox, ...] = ()
    """All boxes in reading order, those that are not to be spoken too (see `Kind`)."""
    characters: tuple[Character, ...] = ()
    tails: tuple[Box, ...] = ()
    """Tails of bubbles, the surest first; `TextBox.tail` points here."""
    scores: Scores | None = None
    """None: the reader has no numbers for single decisions."""


class ReadOptions(_Frozen):
    """What the book says about its pages. Part of a reading's cache key."""

    direction: Direction = Direction.RTL
    lang: str | None = None
    """The language of the book if the client said so; None: found per box."""


class PageReader(Engine, Protocol):
    """Turns page images into readings."""

    @property
    def batch_size(self) -> int:
        """Pages it reads best in one call: 1 where a batch gains nothing, since every page of a batch waits for the last."""
        ...

    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed]:
        """Reads encoded images (PNG, JPEG, WebP), all in one batch if the engine can.

        Returns one result a page, in order: a page that cannot be read is its own ReadingFailed and costs no other page.

        Raises:
            Unavailable: the engine as a whole is out of reach (a network, a lost GPU); the caller may try again.
        """
        ...
