"""How often work on a job was begun without anything coming of it: kept beside the log, so that whoever begins it next knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attempts:
    """The latest attempt, and those before it that got no further either."""

    worked: str
    """`JobState.worked` when it began: where the state says otherwise by now, something has come of it."""
    count: int
    at: float
    """Unix time in seconds at which it began."""
    call: str
    """What it is known by where it runs; empty: it could not be begun at all."""
