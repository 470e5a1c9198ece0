"""Where the memory of a series lies: one document a series, replaced by compare-and-set. Twins: memory and the object store.

The object store keeps each version under its own number and makes the next one only if nobody has made it: creation is the one
operation that folders, S3 and memory all offer as an atomic one. Old versions are removed behind it.
"""

from __future__ import annotations

from typing import Protocol


class SeriesStore(Protocol):
    """Documents by key ([A-Za-z0-9_/-]+). Methods raise Unavailable when the store does not answer."""

    async def load(self, key: str) -> tuple[int, bytes]:
        """Version and document; (0, b"") when there is none."""
        ...

    async def replace(self, key: str, version: int, data: bytes) -> bool:
        """Writes version + 1 if the document is still at `version`; False if somebody was faster."""
        ...

    async def delete(self, key: str) -> None: ...


class MemorySeriesStore:
    """The memory of one process; gone with it. Implements SeriesStore."""

    def __init__(self) -> None:
        self._documents: dict[str, tuple[int, bytes]] = {}

    async def load(self, key: str) -> tuple[int, bytes]:
        return self._documents.get(key, (0, b""))

    async def replace(self, key: str, version: int, data: bytes) -> bool:
        if self._documents.get(key, (0, b""))[0] != version:
            return False
        self._documents[key] = (version + 1, data)
        return True

    async def delete(self, key: str) -> None:
        self._documents.pop(key, None)
