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

    async def ensure(self, job_id: str) -> None:
        """Someone works on the job, or takes it up now. Safe to call at every upload."""
        ...

    async def cancel(self, job_id: str) -> None:
        """Work on the job in this process ends before this returns."""
        ...

    async def aclose(self) -> None: ...


class LocalRunner:
    """Runs narrators as tasks of this process and owns them."""

    def __init__(self, narrator: Narrator, log: JobLog) -> None:
        self._narrator = narrator
        self._log = log
        self._owner = secrets.token_hex(8)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wanted: set[str] = set()

    async def ensure(self, job_id: str) -> None:
        self._wanted.add(job_id)
        if job_id not in self._tasks:
            self._tasks[job_id] = asyncio.create_task(self._work(job_id), name=f"narrate {job_id}")

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
                if await self._log.acquire(job_id, self._owner, LEASE_S):
                    await self._narrate(job_id)
        except JobNotFound:
            logger.info("Job %s is gone before its work began.", job_id)
        except TanoshiError:
            logger.exception("Work on job %s ended early", job_id)
        finally:
            self._tasks.pop(job_id, None)
            with suppress(TanoshiError):
                await self._log.release(job_id, self._owner)

    async def _narrate(self, job_id: str) -> None:
        """Narrates while the lease lasts; without the lease someone else works on it, and this process stops."""
        narrating = asyncio.create_task(self._narrator.narrate(job_id))
        try:
            while not narrating.done():
                await asyncio.wait({narrating}, timeout=LEASE_S / 3)
                if not narrating.done() and not await self._log.acquire(job_id, self._owner, LEASE_S):
                    logger.warning("The lease on job %s is lost; another process has it.", job_id)
                    return
            narrating.result()
        finally:
            narrating.cancel()
            with suppress(asyncio.CancelledError, TanoshiError):
                await narrating
