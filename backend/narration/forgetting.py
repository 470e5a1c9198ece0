"""Forgets a page outside its windows: readings, lines, pictures of characters, and what the memory of its series notes of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from backend.narration.cache import cached_readings, forget_page
from backend.narration.cast import page_key
from backend.series.faces import Faces
from backend.series.memory import SeriesMemory
from backend.storage.objects import Objects


@dataclass(frozen=True)
class PageMemory:
    """Everything that outlives a window and may know a page."""

    objects: Objects
    series: SeriesMemory
    faces: Faces | None

    async def forget(self, sha256: str, places: Collection[tuple[str, int]] = (), *, for_good: bool = True) -> int:
        """Removes what was made of the page with these bytes; returns how many readings and lines that were. Safe to repeat.

        Args:
            places: (job id, index) where the page stands; they find what is noted of it if its reading is known no more.
            for_good: False while somebody still works on the page, who will call this again.
        """
        notes = {page_key(reading) for reading in await cached_readings(self.objects, sha256)}
        pictures = await self.faces.forget_page(sha256) if self.faces is not None else []
        await self.series.forget_page(notes, places, pictures)
        return await forget_page(self.objects, sha256, for_good=for_good)
