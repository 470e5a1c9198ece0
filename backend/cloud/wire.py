"""What crosses the network between the program and its GPU classes, besides the types of the two engine protocols and `PageOrder`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SPOKEN_RATE: Final = 32_000
"""Hz of every Speech that crosses the network, whichever engine spoke it."""


@dataclass(frozen=True, slots=True)
class EngineCard:
    """What a container says of its engine."""

    name: str
    fingerprint: str
    error: str | None
    """Why the engine cannot be used; None when it can."""
