"""Which series an owner has, and on which day each was last heard: one small document an owner, so that their number has a limit.

The document is looked at once a day and series in each process; a series that this process has entered today is not entered again.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from backend.errors import QuotaExceeded, Unavailable
from backend.series.store import SeriesStore

MOST_SERIES: Final = 2000
"""Series an owner may have."""
MOST_KNOWN: Final = 10_000
"""Series this process knows to be entered."""
DAY_S: Final = 86_400
_MOST_ATTEMPTS: Final = 50


class SeriesIndex:
    """The indexes of all owners, kept in the store of the casts. `clock` gives Unix time in seconds."""

    def __init__(self, store: SeriesStore, most_series: int = MOST_SERIES, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._most = most_series
        self._clock = clock
        self._entered: OrderedDict[str, int] = OrderedDict()

    async def enter(self, owner: str, key: str, *, make_room: bool) -> list[str]:
        """Notes that a series is there and was heard today; returns the keys of series that had to make room and are to be deleted.

        Raises:
            QuotaExceeded: it is one too many, and none is to make room.
            Unavailable: the store does not answer, or too many others change the index at once.
        """
        today = int(self._clock() // DAY_S)
        if self._entered.get(key) == today:
            return []
        for _ in range(_MOST_ATTEMPTS):
            version, data = await self._store.load(_place(owner))
            heard = _decoded(data)
            leaving: list[str] = []
            if key not in heard and len(heard) >= self._most:
                if not make_room:
                    raise QuotaExceeded(f"At most {self._most} series are remembered; forget one first.", retry_after_s=60)
                leaving = sorted(heard, key=lambda known: heard[known])[: len(heard) - self._most + 1]
            if heard.get(key) == today:
                break
            after = {known: day for known, day in heard.items() if known not in leaving} | {key: today}
            if await self._store.replace(_place(owner), version, json.dumps(after).encode()):
                self._forget_entered(leaving)
                break
        else:
            raise Unavailable("Too many series are begun at once.")
        self._entered[key] = today
        while len(self._entered) > MOST_KNOWN:
            self._entered.popitem(last=False)
        return leaving

    async def leave(self, owner: str, key: str) -> None:
        """Notes that a series is gone."""
        self._forget_entered([key])
        for _ in range(_MOST_ATTEMPTS):
            version, data = await self._store.load(_place(owner))
            heard = _decoded(data)
            if key not in heard:
                return
            after = {known: day for known, day in heard.items() if known != key}
            if await self._store.replace(_place(owner), version, json.dumps(after).encode()):
                return
        raise Unavailable("Too many series are begun at once.")

    def _forget_entered(self, keys: list[str]) -> None:
        for key in keys:
            self._entered.pop(key, None)


def _place(owner: str) -> str:
    return f"series-of/{owner}"


def _decoded(data: bytes) -> Mapping[str, int]:
    found: dict[str, int] = json.loads(data) if data else {}
    return found
