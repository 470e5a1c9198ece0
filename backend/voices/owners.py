"""Whose voices and casts are whose. With API keys every key is an owner; without them the installation is one household.

An address is no owner: a phone changes it on the way home and would lose every voice it has made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

EVERYONE: Final = "everyone"


def identity(kind: str, value: str) -> str:
    """The opaque identity of a client that is known by a value of this kind ("key", "address")."""
    return hashlib.sha256(f"{kind}\0{value}".encode()).hexdigest()[:32]


def identity_of_key(key: bytes) -> str:
    """The identity of whoever calls with this API key."""
    return identity("key", key.hex())


def owner_by(named: str, keys: Iterable[str]) -> str:
    """The identity a person at the command line names: by one of the API keys, or as it stands in the names of objects."""
    return identity_of_key(named.encode()) if named in keys else named


@dataclass(frozen=True, slots=True)
class Owners:
    """Tells the owner behind a client's identity (`backend/api/clients.py`)."""

    by_key: bool
    """Whether clients are known by their API keys."""

    def of(self, client: str) -> str:
        """[A-Za-z0-9_-]+; part of object keys."""
        return client if self.by_key else EVERYONE
