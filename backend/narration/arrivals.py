"""Notices uploads that went to the bucket and not through the API: one listing a job, what is new is checked and committed.

Of all processes one looks after a window, by a lease. It looks often while uploads are expected and seldom afterwards, until the last
upload URL has run out. Bytes nobody has checked stand in the bucket: what cannot be a page becomes that page's error.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from backend.errors import BadImage, JobNotFound, NotFound, QuotaExceeded, TanoshiError, UploadTooLarge
from backend.imaging import PageInfo
from backend.jobs import decisions
from backend.jobs.log import ARRIVALS, JobLog
from backend.jobs.state import JobState
from backend.storage import keys, uploads
from backend.storage.objects import ObjectInfo, Objects

logger = logging.getLogger(__name__)

LOOK_S: Final = 0.5
"""Between two listings while uploads are expected: an arrival is noticed within a second."""
SELDOM_S: Final = 10.0
"""Between two listings when all pages are there, or none came for a while: a page may still be replaced."""
LEASE_S: Final = 15.0
"""Longer than the longest pause between two looks: else two processes would take turns, and each read everything anew."""
LEASE_LOOK_S: Final = 2.0
"""Between two attempts to take over from a process that may have died."""
AT_ONCE: Final = 4
"""Arrivals of one window that are fetched, checked and kept at the same time; each may be as large as a page may be."""

Check = Callable[[bytes, str], Awaitable[tuple[PageInfo, str]]]
"""Bytes, and the client whose turn they take -> what the page is, and their SHA-256; raises BadImage."""
Arrived = Callable[[str, bool], Awaitable[None]]
"""(job id, the window was done before): a page was committed."""


@dataclass(eq=False)
class _Watched:
    until: float
    """Unix time at which the last upload URL runs out."""
    next_look: float = 0.0
    seen: dict[int, ObjectInfo] = field(default_factory=dict)
    first_look: bool = True
    adopted: bool = False
    """Not started here: when its URLs run out is known when its definition has been read."""
    looking: bool = False
    over: bool = False


class Arrivals:
    """Looks after the windows it is told of.

    Args:
        expires_s: life of an upload URL in seconds.
        quiet_s: seconds without an arrival after which it looks seldom.
    """

    def __init__(
        self,
        log: JobLog,
        objects: Objects,
        *,
        check: Check,
        arrived: Arrived,
        expires_s: float,
        quiet_s: float,
        max_page_bytes: int,
        max_job_bytes: int,
        lease_s: float = LEASE_S,
    ) -> None:
        self._log = log
        self._objects = objects
        self._check = check
        self._arrived = arrived
        self._expires_s = expires_s
        self._quiet_s = quiet_s
        self._max_page_bytes = max_page_bytes
        self._max_job_bytes = max_job_bytes
        self._lease_s = lease_s
        self._owner = secrets.token_hex(8)
        self._watched: dict[str, _Watched] = {}

    def watch(self, job_id: str) -> None:
        """Upload URLs of the window were signed just now, here or, for all this process knows, elsewhere."""
        until = time.time() + self._expires_s
        watched = self._watched.setdefault(job_id, _Watched(until))
        watched.until, watched.over, watched.adopted, watched.next_look = until, False, False, 0.0

    def adopt(self, job_ids: Sequence[str]) -> None:
        """All windows there are: those of other processes are looked after here, too, should those processes die."""
        for job_id in job_ids:
            self._watched.setdefault(job_id, _Watched(math.inf, adopted=True))
        for job_id in [job_id for job_id, watched in self._watched.items() if watched.over]:
            if job_id not in job_ids:
                del self._watched[job_id]

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                now = time.time()
                for job_id, watched in list(self._watched.items()):
                    if now > watched.until:
                        watched.over = True  # and kept, so that it is not adopted again
                        watched.seen.clear()
                    elif now >= watched.next_look and not watched.looking:
                        watched.looking = True
                        group.create_task(self._look_after(job_id, watched))
                await asyncio.sleep(LOOK_S / 2)

    async def _look_after(self, job_id: str, watched: _Watched) -> None:
        pause = LEASE_LOOK_S
        try:
            if await self._log.acquire(job_id, self._owner, self._lease_s, ARRIVALS):
                pause = await self._look(job_id, watched)
        except JobNotFound:
            self._watched.pop(job_id, None)
        except TanoshiError as error:
            logger.warning("Uploads of %s cannot be looked for (%s); trying again.", job_id, error)
        except Exception:  # one odd job must not end the care for all others
            logger.exception("Looking for uploads of %s failed", job_id)
        finally:
            watched.next_look = time.time() + pause
            watched.looking = False

    async def _look(self, job_id: str, watched: _Watched) -> float:
        """One listing and what follows from it; returns the seconds until the next."""
        state = await self._log.state(job_id)
        if watched.adopted:
            watched.adopted = False
            watched.until = state.definition.created_at + self._expires_s
            if time.time() > watched.until:
                return SELDOM_S
        found = [info async for info in self._objects.infos(keys.uploads_prefix(job_id))]
        fresh: list[tuple[int, ObjectInfo]] = []
        for info in found:
            index = keys.upload_index(info.key)
            if index is not None and index < len(state.pages) and watched.seen.get(index) != info:
                fresh.append((index, info))
        turns = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._take(job_id, state, index, info, watched, turns) for index, info in fresh))
        watched.first_look = False
        last = max([state.definition.created_at, *(info.modified for info in found)])
        complete = all(page.uploaded for page in state.pages)
        return SELDOM_S if complete or time.time() > last + self._quiet_s else LOOK_S

    async def _take(  # noqa: PLR0917 - one arrival and all it is judged by
        self, job_id: str, state: JobState, index: int, info: ObjectInfo, watched: _Watched, turns: asyncio.Semaphore
    ) -> None:
        after = None
        async with turns:
            try:
                after = await self._committed(job_id, state, index, info, watched.first_look)
            except JobNotFound:
                raise
            except NotFound:
                return  # removed meanwhile
            except (BadImage, QuotaExceeded) as error:
                await self._log.commit(job_id, decisions.rejected(index, error.code))
        if after is not None and after.has_work:
            await self._arrived(job_id, state.done)
        watched.seen[index] = info

    async def _committed(self, job_id: str, state: JobState, index: int, info: ObjectInfo, first_look: bool) -> JobState | None:
        """The window once the log names what has arrived; None where another process has seen to it."""
        if info.size > self._max_page_bytes:
            raise UploadTooLarge
        data = await self._objects.get(info.key)
        image, sha256 = await self._check(data, state.definition.client)
        # Bytes another process has taken already are no second wish to try a failed page: only what arrives from now on is.
        if first_look and state.pages[index].sha256 == sha256:
            return None
        decide = decisions.upload(
            index, sha256=sha256, media_type=image.media_type, size=info.size, max_job_bytes=self._max_job_bytes
        )
        try:
            if decide(await self._log.state(job_id)):  # what the log will not name is not kept: a URL takes bytes without end
                # The URL stays good: other bytes may come to the same place while these are read.
                await uploads.keep(self._objects, job_id, sha256, data)
            return await self._log.commit(job_id, decide)
        except JobNotFound:
            await uploads.remove(self._objects, job_id, index, sha256)
            raise
