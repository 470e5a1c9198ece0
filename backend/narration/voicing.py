"""How the script of a page becomes sound that can be heard: the port, and the twin that does it in this process.

The seam lies here, and not at the synthesizer, so that sound need not travel: whoever speaks a page also mixes, stores and commits it.
On Modal that is the GPU class, and the window's pipeline hands over nothing but a script.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from backend.errors import SpeechFailed
from backend.jobs import decisions
from backend.jobs.log import JobLog
from backend.jobs.state import JobDefinition
from backend.narration.cache import CachedSynthesizer, leave_trace
from backend.narration.publish import publish_page
from backend.narration.script import PageScript
from backend.storage.objects import Objects
from backend.synthesizers.base import Speech, Synthesizer

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageOrder:
    """One page to be voiced: everything that has to cross a network for it."""

    definition: JobDefinition
    index: int
    revision: int
    script: PageScript
    page_sha256: str | None = None
    """Of the bytes this revision was read from; the window may have others by now. None: whatever the log says."""


class PageVoicer(Protocol):
    """Makes pages heard."""

    async def voice(self, order: PageOrder) -> None:
        """Speaks the page, stores its sound and commits `ready`; afterwards the log says so. Doing it twice changes nothing.

        May be cancelled at any await; then the page is as it was.

        Raises:
            SpeechFailed: no line of the page could be spoken.
            Unavailable: the voice or a store is out of reach; the caller may try again.
            JobNotFound: the job is gone.
        """
        ...


class LocalVoicer:
    """A PageVoicer with a synthesizer and the stores at hand. FLAC, mixing and encoding run on `workers`."""

    def __init__(self, *, log: JobLog, objects: Objects, synthesizer: Synthesizer, workers: Executor) -> None:
        self._log = log
        self._objects = objects
        self._synthesizer = CachedSynthesizer(synthesizer, objects, workers)
        self._workers = workers

    async def voice(self, order: PageOrder) -> None:
        script = order.script
        results, fresh = await self._synthesizer.speak([line.utterance for line in script.lines])
        pairs = list(zip(script.lines, results, strict=True))
        spoken = [(line, result) for line, result in pairs if isinstance(result, Speech)]
        failed = [(line, result) for line, result in pairs if isinstance(result, SpeechFailed)]
        job_id = order.definition.job_id
        for line, error in failed:
            logger.warning("Line %d of page %d of %s was not spoken: %s", line.number, order.index, job_id, error)
        if failed and not spoken:
            raise failed[0][1]
        published = await publish_page(
            self._objects,
            order.definition,
            order.index,
            (script.width, script.height),
            spoken,
            sample_rate=self._synthesizer.sample_rate,
            in_worker=self._in_worker,
        )
        state = await self._log.commit(
            job_id,
            decisions.ready(
                order.index,
                order.revision,
                audio=published.audio,
                duration=published.duration_s,
                cues=published.cues,
                captions=published.captions,
                failed_lines=[line.number for line, _ in failed],
            ),
        )
        page_sha256 = order.page_sha256 or state.pages[order.index].sha256
        if page_sha256 is not None:
            await leave_trace(self._objects, page_sha256, self._synthesizer.places([line.utterance for line, _ in spoken]))
            await self._synthesizer.keep(fresh)

    async def _in_worker(self, work: Callable[[], T]) -> T:
        """CPU work that would hold the event loop up."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)
