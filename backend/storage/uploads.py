"""The bytes of a window's pages, each kept under its own hash: whoever uploads at the same time, in whichever process, what the log names
is what is read. What others have replaced stays, unread, until the window goes.
"""

from __future__ import annotations

import asyncio
import hashlib

from backend.storage import keys
from backend.storage.objects import Objects


async def keep(objects: Objects, job_id: str, sha256: str, data: bytes) -> None:
    """Stores a page, before the log names it."""
    await objects.put(keys.page(job_id, sha256), data)


async def find(objects: Objects, job_id: str, index: int, sha256: str) -> bytes | None:
    """The bytes the log names; None where they are lost."""
    data = await objects.find(keys.page(job_id, sha256))
    return await _landed(objects, job_id, index, sha256) if data is None else data


async def remove(objects: Objects, job_id: str, index: int, sha256: str) -> None:
    """Removes a page from the window, and from where a presigned URL has brought it unless something else is there by now."""
    await objects.delete(keys.page(job_id, sha256))
    if await _landed(objects, job_id, index, sha256) is not None:
        await objects.delete(keys.upload(job_id, index))


async def _landed(objects: Objects, job_id: str, index: int, sha256: str) -> bytes | None:
    """What a presigned URL brought, or an older release kept there, if these are the bytes."""
    data = await objects.find(keys.upload(job_id, index))
    if data is None or await asyncio.to_thread(sha256_of, data) != sha256:
        return None
    return data


def sha256_of(data: bytes) -> str:
    """In hex. A page takes some milliseconds: call it in a thread."""
    return hashlib.sha256(data).hexdigest()
