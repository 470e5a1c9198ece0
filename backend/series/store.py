"""Where the memory of a series lies: one document a series, replaced by compare-and-set. Twins: memory and the object store.

The object store keeps each version under its own number and makes the next one only if nobody has made it: creation is the one
operation that folders, S3 and memory all offer as an atomic one. Old versions are removed behind it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Final, Protocol

from backend.errors import NotFound, Unavailable
from backend.storage import keys
from backend.storage.objects import Objects

MOST_DOCUMENTS: Final = 1000
"""In the memory of one process; the one asked for longest ago goes first."""
_LOOKS: Final = 20


class SeriesStore(Protocol):
    """Documents by key ([A-Za-z0-9_/-]+). Methods raise Unavailable when the store does not answer."""

    async def load(self, key: str) -> tuple[int, bytes]:
        """Version and document; (0, b"") when there is none."""
        ...

    async def replace(self, key: str, version: int, data: bytes) -> bool:
        """Writes version + 1 if the document is still at `version`; False if somebody was faster."""
        ...

    def documents(self) -> AsyncIterator[str]:
        """The keys of all there are, and perhaps of some that were removed."""
        ...

    async def delete(self, key: str) -> None:
        """Removes the document; its version goes on, so that nobody who read it before can bring it back."""
        ...


class MemorySeriesStore:
    """The memory of one process; gone with it, and the documents nobody asks for before that. Implements SeriesStore."""

    def __init__(self, most_documents: int = MOST_DOCUMENTS) -> None:
        self._documents: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._most = most_documents

    async def load(self, key: str) -> tuple[int, bytes]:
        if key in self._documents:
            self._documents.move_to_end(key)
        return self._documents.get(key, (0, b""))

    async def replace(self, key: str, version: int, data: bytes) -> bool:
        if self._documents.get(key, (0, b""))[0] != version:
            return False
        self._documents[key] = (version + 1, data)
        while len(self._documents) > self._most:
            self._documents.popitem(last=False)
        return True

    async def documents(self) -> AsyncIterator[str]:
        for key in tuple(self._documents):
            yield key

    async def delete(self, key: str) -> None:
        version, data = await self.load(key)
        if data:
            self._documents[key] = (version + 1, b"")


class ObjectSeriesStore:
    """Documents as objects, shared by all processes that share the store. Implements SeriesStore."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def load(self, key: str) -> tuple[int, bytes]:
        for _ in range(_LOOKS):
            version = await self._version(key)
            if version == 0:
                return 0, b""
            try:
                return version, await self._objects.get(keys.series(key, version))
            except NotFound:
                continue  # a later version was made and this one removed between the two calls
        raise Unavailable("The memory of this series is being changed too often to be read.")

    async def replace(self, key: str, version: int, data: bytes) -> bool:
        mine = keys.series(key, version + 1)
        if not await self._objects.create(mine, data):
            return False
        # Whoever read long ago may create a number that was used and removed since; then a higher one exists, for the highest is
        # never removed, and the one that was read is gone, for lower ones are removed first. Where that one is still there, somebody
        # has only gone on from what was written here.
        found = sorted([number async for number in self._versions(key)])
        if found and found[-1] > version + 1 and version not in found:
            await self._objects.delete(mine)
            return False
        for number in found:
            if number <= version:
                await self._objects.delete(keys.series(key, number))
        return True

    async def documents(self) -> AsyncIterator[str]:
        known = None
        async for found in self._objects.keys(keys.SERIES_PREFIX):
            key = str(PurePosixPath(found).parent)
            if key != known:  # versions of one document stand together
                known = key
                yield key

    async def delete(self, key: str) -> None:
        while True:
            version, data = await self.load(key)
            if not data or await self.replace(key, version, b""):
                return

    async def _version(self, key: str) -> int:
        return max([number async for number in self._versions(key)], default=0)

    async def _versions(self, key: str) -> AsyncIterator[int]:
        async for found in self._objects.keys(key):
            stem = PurePosixPath(found).stem
            if stem.isdecimal():
                yield int(stem)
