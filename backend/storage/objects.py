"""Objects by key: uploads, audio, caches, voices. A folder on a laptop, S3 in production, one class over obstore for both.

Key layout (part of what does not change without a word in WARP.md):

    narration/{job_id}/uploads/{sha}          pages, deleted with the job; presigned URLs bring them to narration/{job_id}/pages/000
    narration/{job_id}/audio/page-0/...       playlists, segments, cues, captions
    cache/readings/{reader}/{sha}.json        cache/utterances/{synthesizer}/{sha}.flac
    cache/utterances/voices/{owner}/{slug}/{synthesizer}/{sha}.flac      lines of registered voices, deleted with them
    voices/{owner}/{slug}/...
"""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, MemoryStore

from backend.errors import ConfigurationError, NotFound, Unavailable
from backend.storage.keys import cache_control

if TYPE_CHECKING:  # an installation without a bucket never loads boto3
    from backend.storage.bucket import Bucket

logger = logging.getLogger(__name__)

MEDIA_TYPES: Final = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".vtt": "text/vtt; charset=utf-8",
    ".json": "application/json",
    ".flac": "audio/flac",
}
DELETED_AT_ONCE: Final = 500
"""Objects one call removes; S3 takes at most 1,000."""
GRACE_S: Final = 0.05
"""Ten times what obstore's threads were seen to need after the last call."""


def media_type_of(key: str) -> str:
    """The media type by the key's suffix: a folder keeps no attributes."""
    suffix = PurePosixPath(key).suffix
    return MEDIA_TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store knows of an object without reading it."""

    key: str
    size: int
    """Bytes."""
    etag: str
    """Changes with the content; quoted, as HTTP wants it. Its form differs from store to store."""
    modified: float
    """Unix time of the last write, in seconds; some stores know it to the second only."""


class Objects:
    """An object store. Every method raises Unavailable when the store does not answer or refuses."""

    def __init__(self, store: Any, description: str, *, folder: Path | None = None, keeps_attributes: bool = False) -> None:
        self._store = store
        self.description = description
        """For /healthz and `tanoshi doctor`."""
        self._folder = folder
        self._keeps_attributes = keeps_attributes

    @classmethod
    def in_folder(cls, folder: Path) -> Objects:
        """Objects as files below `folder`, which is created.

        Raises:
            ConfigurationError: the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"DATA_DIR cannot be used: {error.strerror}.") from error
        return cls(LocalStore(str(folder), automatic_cleanup=True), "folder", folder=folder)

    @classmethod
    def in_memory(cls) -> Objects:
        return cls(MemoryStore(), "memory")

    @classmethod
    def in_bucket(cls, bucket: Bucket) -> Objects:
        """Objects in an S3 bucket; each carries its media type and how long it may be kept, for a CDN before the bucket.

        Raises:
            ConfigurationError: there are no credentials.
        """
        return cls(bucket.store(), "s3", keeps_attributes=True)

    async def put(self, key: str, data: bytes) -> None:
        """Writes an object whole or not at all."""
        with self._explained(writing=len(data)):
            await obstore.put_async(self._store, key, data, attributes=self._attributes(key))

    async def create(self, key: str, data: bytes) -> bool:
        """Writes an object unless the key is taken, which it then says with False; atomic in every store."""
        try:
            with self._explained(writing=len(data)):
                await obstore.put_async(self._store, key, data, attributes=self._attributes(key), mode="create")
        except (AlreadyExistsError, FileExistsError):
            return False
        return True

    def _attributes(self, key: str) -> dict[str, str] | None:
        if not self._keeps_attributes:
            return None
        return {"Content-Type": media_type_of(key), "Cache-Control": cache_control(key)}

    async def get(self, key: str) -> bytes:
        """The object's bytes. Raises NotFound."""
        with self._explained():
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())

    async def find(self, key: str) -> bytes | None:
        """The object's bytes, or None."""
        try:
            return await self.get(key)
        except NotFound:
            return None

    async def head(self, key: str) -> ObjectInfo | None:
        """What the store knows of an object, or None if there is none."""
        try:
            with self._explained():
                return _info(await obstore.head_async(self._store, key))
        except NotFound:
            return None

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (not included) of an object; 0 <= start < end <= its size. Raises NotFound."""
        with self._explained():
            return bytes(await obstore.get_range_async(self._store, key, start=start, end=end))

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """Keys below `prefix` (whole path segments)."""
        async for info in self.infos(prefix):
            yield info.key

    async def infos(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """What stands below `prefix` (whole path segments), with one listing."""
        with self._explained():
            async for batch in obstore.list(self._store, prefix):
                for item in batch:
                    yield _info(item)

    async def delete(self, key: str) -> None:
        """Removes an object; one that is not there is fine."""
        try:
            with self._explained():
                await obstore.delete_async(self._store, key)
        except NotFound:
            return

    async def delete_prefix(self, prefix: str) -> int:
        """Removes all objects below `prefix`; returns how many."""
        found = [key async for key in self.keys(prefix)]
        for first in range(0, len(found), DELETED_AT_ONCE):
            await self._delete_many(found[first : first + DELETED_AT_ONCE])
        return len(found)

    async def _delete_many(self, found: Sequence[str]) -> None:
        try:
            with self._explained():
                await obstore.delete_async(self._store, found)
        except NotFound:  # somebody else is removing them, too
            await asyncio.gather(*(self.delete(key) for key in found))

    async def check(self) -> None:
        """Writes, lists, reads and removes a small object: what `tanoshi doctor` and /healthz want to know.

        Raises:
            Unavailable: with the reason.
        """
        key = "health/probe"
        await self.put(key, b"tanoshi")
        try:
            if await self.get(key) != b"tanoshi" or [found async for found in self.keys("health")] != [key]:
                raise Unavailable("The object store does not give back what was written.")
        finally:
            await self.delete(key)

    async def aclose(self) -> None:
        """Waits until obstore's threads have let go of the last results; a process that ends while they hold one is aborted."""
        await asyncio.sleep(GRACE_S)

    @contextmanager
    def _explained(self, writing: int | None = None) -> Iterator[None]:
        """Turns the store's errors into ours; `writing`: size of what is being written, in bytes."""
        try:
            yield
        except (AlreadyExistsError, FileExistsError):
            raise
        except (NotFoundError, FileNotFoundError) as error:
            if writing is None:
                raise NotFound("There is no such object.") from error
            raise Unavailable("The object store has no such bucket or folder.") from error
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            logger.error("The object store (%s) refuses: %s", self.description, _first_line(error))
            raise Unavailable("The object store refuses our credentials.") from error
        except (BaseError, OSError) as error:
            logger.error("The object store (%s) failed: %s", self.description, _first_line(error))
            if writing is not None and self._is_full(writing):
                raise Unavailable("The disk that holds DATA_DIR is full.") from error
            verb = "does not answer" if writing is None else "does not take writes"
            raise Unavailable(f"The object store {verb}.") from error

    def _is_full(self, size: int) -> bool:
        return self._folder is not None and shutil.disk_usage(self._folder).free <= size


def _info(meta: Any) -> ObjectInfo:
    return ObjectInfo(meta["path"], meta["size"], '"' + (meta["e_tag"] or "").strip('"') + '"', meta["last_modified"].timestamp())


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
