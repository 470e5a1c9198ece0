"""Objects by key: uploads, audio, caches, voices. A folder on a laptop, S3 in production, one class over obstore for both.

Key layout (part of what does not change without a word in WARP.md):

    narration/{job_id}/pages/000              uploads, deleted with the job
    narration/{job_id}/audio/page-0/...       playlists, segments, cues, captions
    cache/readings/{reader}/{sha}.json        cache/utterances/{synthesizer}/{sha}.flac
    voices/{voice_id}/...
"""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore

from backend.errors import ConfigurationError, NotFound, Unavailable

MEDIA_TYPES: Final = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".vtt": "text/vtt; charset=utf-8",
    ".json": "application/json",
    ".flac": "audio/flac",
}


def media_type_of(key: str) -> str:
    """The media type by the key's suffix: a folder keeps no attributes."""
    suffix = PurePosixPath(key).suffix
    return MEDIA_TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")


class Objects:
    """An object store. Every method raises Unavailable when the store does not answer."""

    def __init__(self, store: Any, description: str) -> None:
        self._store = store
        self.description = description
        """For /healthz and `tanoshi doctor`."""

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
        return cls(LocalStore(str(folder)), "folder")

    @classmethod
    def in_memory(cls) -> Objects:
        return cls(MemoryStore(), "memory")

    async def put(self, key: str, data: bytes) -> None:
        """Writes an object whole or not at all."""
        try:
            await obstore.put_async(self._store, key, data)
        except (BaseError, OSError) as error:
            raise Unavailable("The object store does not take writes.") from error

    async def create(self, key: str, data: bytes) -> bool:
        """Writes an object unless the key is taken, which it then says with False; atomic in every store."""
        try:
            await obstore.put_async(self._store, key, data, mode="create")
        except (AlreadyExistsError, FileExistsError):
            return False
        except (BaseError, OSError) as error:
            raise Unavailable("The object store does not take writes.") from error
        return True

    async def get(self, key: str) -> bytes:
        """The object's bytes. Raises NotFound."""
        try:
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound("There is no such object.") from error
        except (BaseError, OSError) as error:
            raise Unavailable("The object store does not answer.") from error

    async def find(self, key: str) -> bytes | None:
        """The object's bytes, or None."""
        try:
            return await self.get(key)
        except NotFound:
            return None

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """Keys below `prefix` (whole path segments)."""
        try:
            async for batch in obstore.list(self._store, prefix):
                for item in batch:
                    yield item["path"]
        except (BaseError, OSError) as error:
            raise Unavailable("The object store does not answer.") from error

    async def delete(self, key: str) -> None:
        """Removes an object; one that is not there is fine."""
        try:
            await obstore.delete_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise Unavailable("The object store does not answer.") from error

    async def delete_prefix(self, prefix: str) -> int:
        """Removes all objects below `prefix`; returns how many."""
        found = [key async for key in self.keys(prefix)]
        for key in found:
            await self.delete(key)
        return len(found)
