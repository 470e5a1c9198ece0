"""Pictures of characters, cut out of the pages they were seen on, for whoever edits the cast. They outlive the window's uploads.

A picture that cannot be made costs the picture, never the page: the upload may be gone by the time its turn comes.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import PurePosixPath
from typing import Final

from PIL import Image

from backend.errors import NotFound, TanoshiError
from backend.imaging import decode_page
from backend.readers.base import Box
from backend.series.model import Portrait
from backend.storage import keys, uploads
from backend.storage.objects import Objects

logger = logging.getLogger(__name__)

LARGEST_PX: Final = 256


class Faces:
    """The pictures of all series. `workers` decodes pages."""

    def __init__(self, objects: Objects, workers: Executor) -> None:
        self._objects = objects
        self._workers = workers

    async def keep(self, portraits: Iterable[Portrait], page_sha256: str) -> None:
        """Cuts the pictures that are not there yet out of the page with these bytes, and stores them."""
        for portrait in portraits:
            key = keys.face(portrait.name)
            try:
                if await self._objects.find(key) is None:
                    page = await uploads.find(self._objects, portrait.job_id, portrait.index, page_sha256)
                    if page is None:
                        raise NotFound("The page is gone.")
                    picture = await asyncio.get_running_loop().run_in_executor(self._workers, cut_out, page, portrait.box)
                    await self._objects.put(keys.face_of_page(page_sha256, portrait.name), b"")
                    await self._objects.put(key, picture)
            except TanoshiError as error:
                logger.info("No picture of a character on page %d of %s: %s", portrait.index, portrait.job_id, error)

    async def get(self, portrait: Portrait) -> bytes:
        """WebP. Raises NotFound."""
        return await self._objects.get(keys.face(portrait.name))

    async def forget(self, portraits: Iterable[Portrait]) -> None:
        """Removes the pictures."""
        for portrait in portraits:
            await self._objects.delete(keys.face(portrait.name))

    async def forget_page(self, sha256: str) -> list[str]:
        """Removes the pictures that were cut out of the page with these bytes; returns their names."""
        names = [PurePosixPath(key).name async for key in self._objects.keys(keys.faces_of_page(sha256))]
        for name in names:
            await self._objects.delete(keys.face(name))
        await self._objects.delete_prefix(keys.faces_of_page(sha256))
        return names


def cut_out(page: bytes, box: Box) -> bytes:
    """The part of a page as WebP, at most 256 pixels wide and high.

    Raises:
        BadImage: the page does not decode.
    """
    image = decode_page(page)
    x0, y0 = (max(0, min(int(value), limit - 1)) for value, limit in zip(box[:2], image.size, strict=True))
    x1, y1 = (max(low + 1, min(round(value), limit)) for value, low, limit in zip(box[2:], (x0, y0), image.size, strict=True))
    picture = image.crop((x0, y0, x1, y1))
    picture.thumbnail((LARGEST_PX, LARGEST_PX), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=80)
    return out.getvalue()
