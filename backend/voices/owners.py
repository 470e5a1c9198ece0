"""Whose voices and casts are whose. With API keys every key is an owner; without them the installation is one household.

An address is no owner: a phone changes it on the way home and would lose every voice it has made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

EVERYONE: Final = "everyone"


@dataclass(frozen=True, slots=True)
class Owners:
    """Tells the owner behind a client's identity (`backend/api/clients.py`)."""

    by_key: bool
    """Whether clients are known by their API keys."""

    def of(self, client: str) -> str:
        """[A-Za-z0-9_-]+; part of object keys."""
        return client if self.by_key else EVERYONE
