"""The keeper of one process: ends windows whose uploads have stopped, removes windows whose time is over.

One task and one heap for all jobs; an abandoned window costs an entry in it, no thread and no timer.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from backend.errors import JobNotFound, TanoshiError
from backend.jobs import decisions
from backend.jobs.log import JobLog
from backend.jobs.state import JobState

logger = logging.getLogger(__name__)

RETRY_S = 5.0
"""When a store does not answer, the job is looked at again so much later."""


class Keeper:
    """Looks at each job when something of it falls due.

    Args:
        quiet_s: seconds without an upload after which missing pages end as not_uploaded.
        ttl_s: seconds after its last change at which a job is removed.
        remove: removes a job with all it owns; the job itself may be gone already.
    """

    def __init__(
        self,
        log: JobLog,
        *,
        quiet_s: float,
        ttl_s: float,
        remove: Callable[[str], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._quiet_s = quiet_s
        self._ttl_s = ttl_s
        self._remove = remove
        self._clock = clock
        self._due: list[tuple[float, str]] = []
        self._watched: set[str] = set()
        self._earlier = asyncio.Event()

    def watch(self, job_id: str) -> None:
        """Takes a job into care; calling it again is harmless."""
        if job_id not in self._watched:
            self._watched.add(job_id)
            self._schedule(job_id, self._clock() + min(self._quiet_s, self._ttl_s))

    def reopened(self, job_id: str) -> None:
        """A finished window got another page: its quiet period counts again."""
        self._watched.add(job_id)
        self._schedule(job_id, self._clock() + self._quiet_s)

    def _schedule(self, job_id: str, at: float) -> None:
        due = (at, job_id)
        heapq.heappush(self._due, due)
        if self._due[0] is due:  # else what it waits for comes first all the same
            self._earlier.set()

    async def run(self) -> None:
        """Works until it is cancelled."""
        while True:
            self._earlier.clear()
            wait = max(0.0, self._due[0][0] - self._clock()) if self._due else None
            try:
                async with asyncio.timeout(wait):
                    await self._earlier.wait()
                continue
            except TimeoutError:
                pass
            _, job_id = heapq.heappop(self._due)
            try:
                await self._look_at(job_id)
            except TanoshiError as error:
                logger.warning("Job %s could not be looked after (%s); trying again.", job_id, error)
                self._schedule(job_id, self._clock() + RETRY_S)
            except Exception:
                logger.exception("Looking after job %s failed", job_id)
                self._watched.discard(job_id)

    async def _look_at(self, job_id: str) -> None:
        try:
            state = await self._log.state(job_id)
        except JobNotFound:  # deleted, or its state has run out by itself in a shared store
            self._watched.discard(job_id)
            await self._remove(job_id)
            return
        now = self._clock()
        if now >= state.changed_at + self._ttl_s:
            self._watched.discard(job_id)
            await self._remove(job_id)
            return
        if now >= self._quiet_at(state):
            with suppress(JobNotFound):
                state = await self._log.commit(job_id, decisions.end_missing(now - self._quiet_s))
        expiry = state.changed_at + self._ttl_s
        quiet = self._quiet_at(state)
        # A window whose pages are all there, or have ended, has nothing more to wait for but its removal.
        self._schedule(job_id, expiry if quiet <= now else min(expiry, quiet))

    def _quiet_at(self, state: JobState) -> float:
        return (state.uploaded_at or state.definition.created_at) + self._quiet_s
