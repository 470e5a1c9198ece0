"""The pipeline's container: many windows at once in one event loop, each under its lease, all with the same connections.

A Modal function has no place for what outlives a call, so the container's parts are made by the first call and kept here.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from backend.app import builtin_catalogue, owners, series_memory
from backend.cloud.adapters import RemoteVoicer
from backend.cloud.container import container_settings
from backend.cloud.engines import remote_reader
from backend.errors import JobNotFound, TanoshiError
from backend.jobs.log import JobLog
from backend.narration.cast import Caster
from backend.narration.runner import LEASE_S, narrate_under_lease
from backend.narration.window import Narrator
from backend.series.faces import Faces
from backend.settings import Settings
from backend.stores import make_log, make_objects
from backend.voices.store import VoiceStore

logger = logging.getLogger(__name__)


class Pipeline:
    """Narrates windows with the GPU classes.

    Args:
        reader, speaker: instances of the two classes.
    """

    def __init__(self, settings: Settings, *, reader: Any, speaker: Any) -> None:
        objects = make_objects(settings)
        workers = ThreadPoolExecutor(2, thread_name_prefix="faces")  # pictures of characters are cut here
        self._log: JobLog = make_log(settings)
        self._reader = remote_reader(settings, reader)
        self._narrator = Narrator(
            log=self._log,
            objects=objects,
            reader=self._reader,
            voicer=RemoteVoicer(speaker),
            caster=Caster(
                builtin_catalogue(VoiceStore(objects, owners(settings))),
                series_memory(settings, objects),
                Faces(objects, workers),
            ),
        )

    async def narrate(self, job_id: str, owner: str) -> None:
        """Works on a job until nothing uploaded is left to do, or another pipeline has it.

        Args:
            owner: name the lease is held under; whoever spawned this took it, and a call that is started again has it already.
        """
        worked = None
        try:
            # A page that is uploaded while the last one ends finds the lease held and spawns nobody: so it is looked for once more
            # after the lease is given back. An upload that comes later still finds it free.
            while await self._log.acquire(job_id, owner, LEASE_S):
                self._reader.wake()  # so that pages are known to be queued until somebody can read them
                try:
                    await narrate_under_lease(self._narrator, self._log, job_id, owner)
                finally:
                    with suppress(TanoshiError):
                        await asyncio.shield(self._log.release(job_id, owner))
                state = await self._log.state(job_id)
                if not state.has_work or state.worked == worked:  # nothing got done: whoever counts attempts sees to it
                    return
                worked = state.worked
        except JobNotFound:
            logger.info("Job %s is gone; its pipeline ends.", job_id)


class _Container:
    """What the calls of this process share."""

    pipeline: Pipeline | None = None


def pipeline_of_container(*, reader: Any, speaker: Any) -> Pipeline:
    """The one pipeline of this process. Raises ConfigurationError when the secret lacks a variable."""
    if _Container.pipeline is None:
        _Container.pipeline = Pipeline(container_settings(), reader=reader, speaker=speaker)
    return _Container.pipeline
