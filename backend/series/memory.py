"""The memory of all series: read a cast, or change it safely while other windows change it too.

A change is a pure function of the cast; when another window was faster it is called again on what that window left.
How many series an owner has is known from one small index document per owner (`index.py`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection
from contextlib import nullcontext
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from backend.errors import Unavailable
from backend.series.documents import decoded, encoded
from backend.series.forgetting import without_page
from backend.series.index import MOST_SERIES, SeriesIndex
from backend.series.model import SeriesCast
from backend.series.places import Place
from backend.series.store import MemorySeriesStore, SeriesStore
from backend.voices.owners import Owners

T = TypeVar("T")

MOST_ATTEMPTS: Final = 50
"""Processes that change one series at the same instant wait for each other at most this often."""
_TOO_MANY: Final = "The cast of this series is being changed by too many windows at once."


class SeriesMemory:
    """Casts by owner and series.

    What one owner teaches is not heard by another: names and voices are a reader's own, and a stranger must not change them.

    Args:
        owners: which clients are one owner; default: each its own.
        most_series: how many an owner may have.
    """

    def __init__(self, store: SeriesStore | None = None, owners: Owners | None = None, *, most_series: int = MOST_SERIES) -> None:
        self._store = store or MemorySeriesStore()
        self._owners = owners or Owners(by_key=True)
        self._index = SeriesIndex(self._store, most_series)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def cast(self, client: str, series_id: str) -> SeriesCast:
        """The cast as known now; empty for a series nobody has read."""
        _, data = await self._store.load(self._key(client, series_id))
        return await decoded(data)

    async def update(
        self, client: str, series_id: str, change: Callable[[SeriesCast], tuple[SeriesCast, T]], *, make_room: bool = False
    ) -> T:
        """Replaces the cast by what `change` makes of it and returns the other thing `change` says.

        Nothing is written when the cast stays as it is. What `change` raises is raised here.

        Args:
            make_room: where a new series would be one too many, forget the one that was not heard for longest. A page that is read
                aloud does so; an edit is refused instead.

        Raises:
            QuotaExceeded: the owner has as many series as one may have.
            Unavailable: the store does not answer, or too many others change the same series at once.
        """
        key = self._key(client, series_id)
        turn = self._turns.setdefault(key, asyncio.Lock())
        for attempt in range(MOST_ATTEMPTS):
            # Whoever was overtaken takes turns with the others of this process: else all of them would begin anew with every one that
            # gets on, and the last give up.
            async with turn if attempt else nullcontext():
                version, data = await self._store.load(key)
                before = await decoded(data)
                after, result = change(before)
                if after == before:
                    return result
                for crowded_out in await self._index.enter(self._owners.of(client), key, make_room=make_room):
                    await self._store.delete(crowded_out)
                if await self._store.replace(key, version, await encoded(after)):
                    return result
        raise Unavailable(_TOO_MANY)

    async def forget(self, client: str, series_id: str) -> None:
        """Removes everything known of a series."""
        key = self._key(client, series_id)
        await self._store.delete(key)
        await self._index.leave(self._owners.of(client), key)

    async def forget_page(self, notes: Collection[str], places: Collection[Place], pictures: Collection[str]) -> None:
        """Removes what any series of anybody notes of a page; see `without_page` for the arguments. Looks at every series there is.

        Raises:
            Unavailable: the store does not answer, or others change a series too often; some of it may be left.
        """
        marks = [mark.encode() for mark in (*notes, *(job_id for job_id, _ in places))]
        async for key in self._store.documents():
            for _ in range(MOST_ATTEMPTS):
                version, data = await self._store.load(key)
                if not any(mark in data for mark in marks):
                    break
                before = await decoded(data)
                after = without_page(before, notes=notes, places=places, pictures=pictures)
                if after == before or await self._store.replace(key, version, await encoded(after)):
                    break
            else:
                raise Unavailable(_TOO_MANY)
            await self._store.remove_replaced(key)

    def _key(self, client: str, series_id: str) -> str:
        """Hashed: series ids are a client's free text, and object keys must not be."""
        owned = f"{self._owners.of(client)}\n{series_id}"
        return f"series/{hashlib.sha256(owned.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
