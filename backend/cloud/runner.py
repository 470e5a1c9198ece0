"""The API's Runner on Modal: a pipeline is spawned when a job has work and nobody holds its lease.

The lease is taken here, under a name that the spawned pipeline is told and goes on with. So a window's twenty uploads spawn one pipeline,
wherever they arrive; a pipeline that Modal starts again after a preemption is the same owner and goes on at once; and one that never
starts gives the job up with its lease, to whoever asks next.

A pipeline that fails as soon as it begins (an import, a variable the secret lacks) would be begun again for as long as the window lives,
and each time a container is paid for. So attempts that come to nothing are counted beside the job's log, follow each other more and more
slowly, and after a few the window's pages end. Whatever a pipeline gets done for a page begins the count anew.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from modal import exception

from backend.cloud.adapters import RemoteReader, RemoteSynthesizer
from backend.cloud.calls import RemoteMethod, outcome
from backend.errors import JobNotFound, TanoshiError
from backend.jobs import decisions
from backend.jobs.attempts import Attempts
from backend.jobs.log import JobLog
from backend.narration.runner import LocalRunner
from backend.narration.window import Narrator

logger = logging.getLogger(__name__)

HANDOVER_LEASE_S: Final = 60.0
"""A pipeline's container may have to start first."""
PAUSES_S: Final = (10.0, 30.0, 90.0)
"""From the beginning of one attempt that comes to nothing to the next. When one more than these has, the window is given up."""
_OUT_OF_REACH: Final = (
    ConnectionError, TimeoutError, exception.ConnectionError, exception.TimeoutError, exception.InternalError, exception.ServiceError,
)  # fmt: skip
"""Modal itself does not answer, or not now: nothing was begun or paid for, and it passes."""
_MOST_LOOKED_AT: Final = 10
"""Windows under way that are read to learn how the engines are; where there are more, these say it as well."""
_MOST_KNOWN: Final = 1000
"""Calls this process remembers for cancelling; others end when they see that their job is gone."""


class CloudRunner:
    """Implements Runner.

    Args:
        narrate: the deployed pipeline, called with a job's id and the name its lease is held under.
        engines: woken when a window begins.
        became: what became of a call, by its id, in words.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        log: JobLog,
        narrate: RemoteMethod,
        engines: Sequence[RemoteReader | RemoteSynthesizer],
        *,
        became: Callable[[str], Awaitable[str]] = outcome,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._narrate = narrate
        self._engines = engines
        self._became = became
        self._clock = clock
        self._calls: OrderedDict[str, Any] = OrderedDict()

    async def prepare(self, job_id: str) -> None:
        """Both GPU classes begin to load while the pages are on their way."""
        for engine in self._engines:
            engine.wake()

    async def ensure(self, job_id: str) -> None:
        owner = f"modal-{secrets.token_hex(8)}"
        spawned = False
        with suppress(JobNotFound):
            if not await self._log.acquire(job_id, owner, HANDOVER_LEASE_S):
                return
            try:
                spawned = await self._begin(job_id, owner)
            finally:
                if not spawned:
                    with suppress(TanoshiError):
                        await self._log.release(job_id, owner)

    async def _begin(self, job_id: str, owner: str) -> bool:
        """Spawns a pipeline where there is work, and it is time for one; says whether. The caller holds the lease as `owner`."""
        state = await self._log.state(job_id)
        if not state.has_work:
            return False
        before = await self._log.attempts(job_id)
        in_vain = before if before is not None and before.worked == state.worked else None
        if in_vain is not None and not await self._may_follow(job_id, in_vain):
            return False
        began = self._clock()
        call_id = await self._spawn(job_id, owner)
        if call_id is None:
            return False
        count = 1 if in_vain is None else in_vain.count + 1
        await self._log.note_attempts(job_id, Attempts(state.worked, count, began, call_id))
        return bool(call_id)

    async def _may_follow(self, job_id: str, in_vain: Attempts) -> bool:
        """Whether it is time for another attempt; after the last one, the window is given up."""
        most = len(PAUSES_S) + 1
        if in_vain.count < most and self._clock() - in_vain.at < PAUSES_S[in_vain.count - 1]:
            return False
        why = await self._became(in_vain.call)
        if in_vain.count < most:
            logger.warning("Pipeline %d of %d for job %s got nothing done: %s.", in_vain.count, most, job_id, why)
            return True
        logger.error("Job %s is given up, because %d pipelines in a row got nothing done; the last one: %s.", job_id, most, why)
        await self._log.commit(job_id, decisions.given_up(in_vain.worked))
        await self.cancel(job_id)  # it may still wait for a container, which would find nothing to do
        return False

    async def _spawn(self, job_id: str, owner: str) -> str | None:
        """The call's id; empty: Modal refused it; None: it could not be asked, which is no attempt."""
        try:
            call = await self._narrate.spawn.aio(job_id, owner)
        except (exception.Error, ConnectionError, TimeoutError) as error:
            # The upload is stored and in the log: it is not refused because of this. The job has no lease, and recovery finds it.
            logger.error("No pipeline could be spawned for job %s: %s", job_id, error)
            return None if isinstance(error, _OUT_OF_REACH) else ""
        self._calls[job_id] = call
        while len(self._calls) > _MOST_KNOWN:
            self._calls.popitem(last=False)
        return str(call.object_id)

    async def look(self) -> None:
        """Pipelines elsewhere call the engines, not this process: how the windows get on is what it can tell the engines' life from."""
        states = []
        for job_id in (await self._log.narrated())[:_MOST_LOOKED_AT]:
            with suppress(JobNotFound):
                states.append(await self._log.state(job_id))
        for engine in self._engines:
            engine.learn(states)

    async def cancel(self, job_id: str) -> None:
        """Cancels the pipeline's call if this process spawned it. Elsewhere the log tells it that its job is gone, which ends it too."""
        call = self._calls.pop(job_id, None)
        if call is not None:
            try:
                await call.cancel.aio()
            except (exception.Error, ConnectionError, TimeoutError) as error:
                logger.warning("The pipeline of job %s was not cancelled (%s); it ends by itself.", job_id, error)

    async def aclose(self) -> None:
        """Pipelines outlive the API's containers."""


class HereRunner(LocalRunner):
    """For a container that keeps its jobs to itself: narrates here, with engines that sleep elsewhere."""

    def __init__(self, narrator: Narrator, log: JobLog, engines: Sequence[RemoteReader | RemoteSynthesizer]) -> None:
        super().__init__(narrator, log)
        self._engines = engines

    async def prepare(self, job_id: str) -> None:
        for engine in self._engines:
            engine.wake()
