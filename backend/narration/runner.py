"""Who works on which window: one task a window in this process, guarded by the job's lease.

On Modal another runner spawns the same coroutine elsewhere; the API knows only `ensure` and `cancel`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from typing import Final, Protocol

from backend.errors import JobNotFound, TanoshiError
from backend.jobs.log import JobLog
from backend.narration.window import Narrator

logger = logging.getLogger(__name__)

LEASE_S: Final = 15.0
"""A pipeline that has not renewed its lease for so long is taken for dead; it renews at a third of this."""


class Runner(Protocol):
    """What the API asks for when a job has work."""

    async def prepare(self, job_id: str) -> None:
        """A window has begun: engines that sleep may wake while its pages are on their way. Returns at once."""
        ...

    async def ensure(self, job_id: str) -> None:
        """Someone works on the job, or takes it up now. Safe to call at every upload."""
        ...

    async def look(self) -> None:
        """Called again and again: what is known of work elsewhere is brought up to date."""
        ...

    async def cancel(self, job_id: str) -> None:
        """Work on the job in this process ends before this returns."""
        ...

    async def aclose(self) -> None: ...


class LocalRunner:
    """Runs narrators as tasks of this process and owns them."""

    def __init__(self, narrator: Narrator, log: JobLog, *, lease_s: float = LEASE_S) -> None:
        self._lease_s = lease_s
        self._narrator = narrator
        self._log = log
        self._owner = secrets.token_hex(8)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wanted: set[str] = set()

    async def prepare(self, job_id: str) -> None:
        """Nothing sleeps here: the engines of this process load when it starts."""

    async def ensure(self, job_id: str) -> None:
        self._wanted.add(job_id)
        if job_id not in self._tasks:
            self._tasks[job_id] = asyncio.create_task(self._work(job_id), name=f"narrate {job_id}")

    async def look(self) -> None:
        """Nothing is elsewhere: the engines of this process say themselves how they are."""

    async def cancel(self, job_id: str) -> None:
        task = self._tasks.get(job_id)
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def aclose(self) -> None:
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, job_id: str) -> None:
        try:
            # An upload that comes while the last page is being finished sets the wish again: no wish is lost between two looks.
            while job_id in self._wanted:
                self._wanted.discard(job_id)
                if await self._log.acquire(job_id, self._owner, self._lease_s):
                    await self._narrate(job_id)
        except* JobNotFound:
            logger.info("Job %s is gone; its work ends.", job_id)
        except* TanoshiError as group:
            logger.warning("Work on job %s ended early (%s); recovery takes it up again.", job_id, _reasons(group))
        except* Exception:
            logger.exception("Work on job %s failed", job_id)
        finally:
            self._tasks.pop(job_id, None)

    async def _narrate(self, job_id: str) -> None:
        try:
            await narrate_under_lease(self._narrator, self._log, job_id, self._owner, lease_s=self._lease_s)
        finally:
            with suppress(TanoshiError):  # a lease that cannot be given back runs out
                await self._log.release(job_id, self._owner)
        # Another process may have committed an upload between our last look at the log and the release, and have found the job taken.
        if (await self._log.state(job_id)).has_work:
            self._wanted.add(job_id)


async def narrate_under_lease(narrator: Narrator, log: JobLog, job_id: str, owner: str, *, lease_s: float = LEASE_S) -> None:
    """Narrates while `owner`, who holds the lease, can renew it; without it someone else works on the job, and this returns."""
    narrating = asyncio.create_task(narrator.narrate(job_id))
    try:
        while not narrating.done():
            await asyncio.wait({narrating}, timeout=lease_s / 3)
            if not narrating.done() and not await log.acquire(job_id, owner, lease_s):
                logger.warning("The lease on job %s is lost; another process has it.", job_id)
                return
        narrating.result()
    finally:
        narrating.cancel()
        await asyncio.gather(narrating, return_exceptions=True)


def _reasons(group: BaseExceptionGroup[BaseException]) -> str:
    """What went wrong in a group of errors, each once."""
    found = {_reasons(error) if isinstance(error, BaseExceptionGroup) else str(error) for error in group.exceptions}
    return "; ".join(sorted(found))
