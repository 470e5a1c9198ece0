"""The API's Runner on Modal: a pipeline is spawned when a job has work and nobody holds its lease.

The lease is taken here, under a name that the spawned pipeline is told and goes on with. So a window's twenty uploads spawn one pipeline,
wherever they arrive; a pipeline that Modal starts again after a preemption is the same owner and goes on at once; and one that never
starts gives the job up with its lease, to whoever asks next.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from modal import exception

from backend.cloud.adapters import RemoteReader, RemoteSynthesizer
from backend.cloud.calls import RemoteMethod
from backend.errors import JobNotFound, TanoshiError
from backend.jobs.log import JobLog
from backend.narration.runner import LocalRunner
from backend.narration.window import Narrator

logger = logging.getLogger(__name__)

HANDOVER_LEASE_S: Final = 60.0
"""A pipeline's container may have to start first."""
_MOST_KNOWN: Final = 1000
"""Calls this process remembers for cancelling; others end when they see that their job is gone."""


class CloudRunner:
    """Implements Runner.

    Args:
        narrate: the deployed pipeline, called with a job's id and the name its lease is held under.
        engines: woken when a window begins.
    """

    def __init__(self, log: JobLog, narrate: RemoteMethod, engines: Sequence[RemoteReader | RemoteSynthesizer]) -> None:
        self._log = log
        self._narrate = narrate
        self._engines = engines
        self._calls: OrderedDict[str, Any] = OrderedDict()

    async def prepare(self, job_id: str) -> None:
        """Both GPU classes begin to load while the pages are on their way."""
        for engine in self._engines:
            engine.wake()

    async def ensure(self, job_id: str) -> None:
        owner = f"modal-{secrets.token_hex(8)}"
        try:
            if not await self._log.acquire(job_id, owner, HANDOVER_LEASE_S):
                return
        except JobNotFound:
            return
        try:
            call = await self._narrate.spawn.aio(job_id, owner)
        except (exception.Error, ConnectionError, TimeoutError) as error:
            # The upload is stored and in the log: it is not refused because of this. The job has no lease, and recovery finds it.
            logger.error("No pipeline could be spawned for job %s: %s", job_id, error)
            with suppress(TanoshiError):
                await self._log.release(job_id, owner)
            return
        self._calls[job_id] = call
        while len(self._calls) > _MOST_KNOWN:
            self._calls.popitem(last=False)

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
