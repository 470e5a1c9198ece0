"""The memory that bodies take while they arrive: of one caller's it is bounded, by letting them wait for one another.

A page is taken whole before it is looked at, and a stranger could begin a thousand pages and finish none. Nobody is refused for it at
once: the oldest body of a caller always goes on, its younger ones are read no further until there is room. How long a body may be that
oldest one, and how long another may wait, is `guard.py`'s to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MOST_BYTES: Final = 200_000_000
"""Of one caller: ten pages of the greatest size, or sixty ordinary ones. Clients send fewer at once and never wait."""


class Intake:
    """All bodies that are being taken, by caller; `most_bytes` is what those of one may hold together, one more page apart."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._callers: dict[str, _Caller] = {}

    @contextmanager
    def share(self, caller: str) -> Iterator[Share]:
        """What one request holds, until it has been answered."""
        of = self._callers.setdefault(caller, _Caller())
        share = Share(of, self._most_bytes)
        of.shares[share] = None
        try:
            yield share
        finally:
            share.close()
            if not of.shares:
                del self._callers[caller]

    def __len__(self) -> int:
        """Callers with a body on its way."""
        return len(self._callers)


class _Caller:
    def __init__(self) -> None:
        self.size = 0
        self.shares: dict[Share, None] = {}  # in the order they came
        self.freed = asyncio.Event()


class Share:
    """A request's part of what its caller may hold."""

    def __init__(self, of: _Caller, most_bytes: int) -> None:
        self._of = of
        self._most_bytes = most_bytes
        self._size = 0

    async def add(self, size: int) -> float:
        """Counts bytes that have come; returns the seconds it was then waited until more may be read."""
        self._of.size += size
        self._size += size
        if not self._must_wait():
            return 0.0
        now = asyncio.get_running_loop().time
        began = now()
        while self._must_wait():
            await self._of.freed.wait()
        return now() - began

    def _must_wait(self) -> bool:
        # Only who holds bytes is anybody's elder: an event stream may have been asked for with Content-Length: 0, and lasts.
        return self._of.size > self._most_bytes and next(share for share in self._of.shares if share._size) is not self

    def release(self) -> None:
        """What it held is held no longer."""
        self._of.size -= self._size
        self._size = 0
        self._of.freed.set()
        self._of.freed = asyncio.Event()

    def close(self) -> None:
        del self._of.shares[self]
        self.release()
