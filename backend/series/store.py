"""Where the memory of a series lies: one document a series, replaced by compare-and-set. Twins: memory and the object store.

The object store keeps each version under its own number and makes the next one only if nobody has made it: creation is the one
operation that folders, S3 and memory all offer as an atomic one. Old versions are removed behind it.

Creation alone does not say whose change was made: a number that was used and removed can be created again by somebody late, a writer
may be overtaken before it has looked around, and a store's reply may be lost and the request be repeated. So each write has a random
id, and each version begins with a line of the ids of the writes it is made of, the latest ones: whoever is in doubt reads the present
version and finds itself there, or not. A change is made exactly once; where that cannot be told any more, the answer is Unavailable.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Final, Protocol

from backend.errors import NotFound, Unavailable
from backend.storage import keys
from backend.storage.objects import Objects

logger = logging.getLogger(__name__)

MOST_DOCUMENTS: Final = 1000
"""In the memory of one process; the one asked for longest ago goes first."""
MOST_WRITES: Final = 64
"""Ids of writes a version carries, 1 kB: so many others may pass a writer before it cannot find out about its own change."""
_LOOKS: Final = 20
_IN_DOUBT: Final = "Whether the change was made is not known: look before you repeat it."
_WRITES: Final = b"writes:"
"""Begins the line before the document; documents of older releases have no such line."""


class SeriesStore(Protocol):
    """Documents by key ([A-Za-z0-9_/-]+). Methods raise Unavailable when the store does not answer."""

    async def load(self, key: str) -> tuple[int, bytes]:
        """Version and document; (0, b"") when there is none."""
        ...

    async def replace(self, key: str, version: int, data: bytes) -> bool:
        """Writes version + 1 if the document is still at `version`; False if somebody was faster, and then nothing is written.

        The version before is removed if the store does so at once, and is nobody's concern otherwise: see `remove_replaced`.

        Raises:
            Unavailable: the store does not answer. Where it is not known whether the version was written, the detail says so.
        """
        ...

    async def remove_replaced(self, key: str) -> None:
        """Removes what `replace` may have left of earlier versions: nothing of them is there when this returns."""
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

    async def remove_replaced(self, key: str) -> None:
        """There is one version of each."""

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
        self._known: OrderedDict[str, tuple[int, tuple[str, ...]]] = OrderedDict()
        """Version and ids of writes of each document as this process saw it last."""

    async def load(self, key: str) -> tuple[int, bytes]:
        version, writes, data = await self._present(key)
        self._know(key, version, writes)
        return version, data

    async def replace(self, key: str, version: int, data: bytes) -> bool:
        before = await self._writes_of(key, version)
        if before is None:
            return False
        mine = secrets.token_hex(8)
        writes = (*before, mine)[-MOST_WRITES:]
        place = keys.series(key, version + 1)
        try:
            try:
                created = await self._objects.create(place, _put_together(writes, data))
            except Unavailable:  # perhaps only the reply is lost, and while the number is free, the request may still arrive
                made = await self._made(key, version + 1, mine)
                if made is None:
                    raise
            else:  # a key that is taken may have been taken by this very call: a request whose reply was lost is repeated
                made = created or await self._made(key, version + 1, mine)
            if not made:
                return False
            found = await self._versions(key)
            # Nobody removes the version that was read but who made the next one: together with the highest number it is proof.
            proven = max(found, default=0) == version + 1 and version in found  # a first version has none before it: look again
            holds = proven or await self._made(key, version + 1, mine)
        except Unavailable as error:
            raise Unavailable(f"{error.detail} {_IN_DOUBT}") from error
        if proven:
            self._know(key, version + 1, writes)
        await self._tidy(key, [number for number in found if number <= version] if holds else [version + 1])
        return bool(holds)

    async def remove_replaced(self, key: str) -> None:
        found = await self._versions(key)
        await self._remove(key, [number for number in found if number < max(found)])

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
            # Without data an earlier try may have got no further than that.
            if not data or await self.replace(key, version, b""):
                await self.remove_replaced(key)
                return

    async def _present(self, key: str) -> tuple[int, tuple[str, ...], bytes]:
        """Version, ids of writes, and document."""
        for _ in range(_LOOKS):
            version = max(await self._versions(key), default=0)
            if version == 0:
                return 0, (), b""
            try:
                return version, *_taken_apart(await self._objects.get(keys.series(key, version)))
            except NotFound:
                continue  # a later version was made and this one removed between the two calls
        raise Unavailable("The memory of this series is being changed too often to be read.")

    async def _made(self, key: str, version: int, write: str) -> bool | None:
        """Whether `write` has made `version`, as the present one tells; None while nobody has made it."""
        present, writes, _ = await self._present(key)
        if write in writes:
            return True
        if present - version >= MOST_WRITES:
            raise Unavailable("The memory of this series was changed too often to tell whether this change was made.")
        return False if present >= version else None

    async def _writes_of(self, key: str, version: int) -> tuple[str, ...] | None:
        """The ids of the writes of a version; None when it is no longer the present one."""
        known, writes = self._known.get(key, (0, ()))
        if known >= version:
            return writes if known == version else None
        try:
            return _taken_apart(await self._objects.get(keys.series(key, version)))[0]
        except NotFound:
            return None

    def _know(self, key: str, version: int, writes: tuple[str, ...]) -> None:
        self._known[key] = version, writes
        self._known.move_to_end(key)
        while len(self._known) > MOST_DOCUMENTS:
            self._known.popitem(last=False)

    async def _tidy(self, key: str, numbers: list[int]) -> None:
        """Removes versions nobody reads; the next writer does it where the store does not answer, for what was asked for is done."""
        try:
            await self._remove(key, numbers)
        except Unavailable as error:
            logger.warning("Earlier versions of %s are left to its next change (%s).", key, error)

    async def _remove(self, key: str, numbers: list[int]) -> None:
        """Removes versions that a later one has replaced."""
        for number in numbers:
            await self._objects.delete(keys.series(key, number))

    async def _versions(self, key: str) -> list[int]:
        stems = [PurePosixPath(found).stem async for found in self._objects.keys(key)]
        return [int(stem) for stem in stems if stem.isdecimal()]


def _put_together(writes: tuple[str, ...], data: bytes) -> bytes:
    return _WRITES + ",".join(writes).encode("ascii") + b"\n" + data


def _taken_apart(stored: bytes) -> tuple[tuple[str, ...], bytes]:
    """Ids of writes, and the document."""
    if not stored.startswith(_WRITES):
        return (), stored
    line, _, data = stored.partition(b"\n")
    return tuple(line.removeprefix(_WRITES).decode("ascii").split(",")), data
