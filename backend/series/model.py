"""What is remembered of a series: its cast. Pure data; `memory.py` keeps it, `backend/narration/cast.py` learns it.

A character that was merged into another leaves its id behind as an alias, so that what was decided by the old id still holds.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Member(BaseModel):
    """One character of the series."""

    model_config = ConfigDict(frozen=True)

    id: int
    """1, 2, 3, ... in the order of first appearance; never given twice."""
    name: str | None = None
    voice: str | None = None
    """Id of the voice this character has been heard in; None: not heard yet."""
    lines: int = 0
    """Lines heard so far, each page counted once."""

    @property
    def label(self) -> str:
        """What captions and transcripts call this character."""
        return self.name or f"character-{self.id}"


class SeriesCast(BaseModel):
    """The cast of a series as known so far."""

    model_config = ConfigDict(frozen=True)

    members: tuple[Member, ...] = ()
    next_id: int = 1
    mc: int | None = None
    """Id of the member with the MC's voice."""
    pages: dict[str, int] = Field(default_factory=dict)
    """Pages that were counted: content key -> lines."""
