"""What the routes work with. `create_app` makes one and hands it over; a route asks for it as a parameter of type `ServicesIn`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated
from weakref import WeakValueDictionary

from fastapi import Depends, Request

from backend.api.event_stream import OpenStreams
from backend.api.limits import StartLimits
from backend.api.pool import CheckPool
from backend.jobs.keeper import Keeper
from backend.jobs.log import JobLog
from backend.narration.arrivals import Arrivals
from backend.narration.runner import Runner
from backend.readers.base import PageReader
from backend.series.faces import Faces
from backend.series.memory import SeriesMemory
from backend.settings import Settings
from backend.storage import keys
from backend.storage.objects import Objects
from backend.synthesizers.base import Synthesizer
from backend.voices.catalogue import Catalogue
from backend.voices.room import VoiceRoom

if TYPE_CHECKING:  # an installation without a bucket never loads boto3
    from backend.storage.presign import Presigner


@dataclass(frozen=True)
class Services:
    settings: Settings
    log: JobLog
    objects: Objects
    reader: PageReader
    synthesizer: Synthesizer
    catalogue: Catalogue
    runner: Runner
    keeper: Keeper
    limits: StartLimits
    checks: CheckPool
    series: SeriesMemory
    faces: Faces
    voices: VoiceRoom

    streams: OpenStreams = field(default_factory=OpenStreams)
    upload_turns: WeakValueDictionary[tuple[str, int | str], asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """By window, and page of it or SHA-256 of bytes."""
    presigner: Presigner | None = None
    """Signs uploads into the bucket; None: pages come through this service (UPLOAD_MODE)."""
    arrivals: Arrivals | None = None
    redirects: Presigner | None = None
    """Signs downloads of segments; None: they are served here (AUDIO_MODE)."""

    @asynccontextmanager
    async def upload_turn(self, job_id: str, index: int, sha256: str) -> AsyncIterator[None]:
        """Within it nobody else in this process uploads or forgets this page of the window, or these bytes at any page of it.

        So nothing is removed that is about to be named.
        """
        turns = self.upload_turns
        # Always in this order: who has the turn of the bytes waits for nobody.
        async with turns.setdefault((job_id, index), asyncio.Lock()), turns.setdefault((job_id, sha256), asyncio.Lock()):
            yield

    async def remove_job(self, job_id: str) -> None:
        """Ends the work on a job and removes its state, uploads and audio.

        Raises:
            JobNotFound
        """
        await self.log.delete(job_id)
        await self.runner.cancel(job_id)
        await self.objects.delete_prefix(keys.job_prefix(job_id))


async def _services(request: Request) -> Services:  # async: FastAPI calls a plain function in a thread
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


ServicesIn = Annotated[Services, Depends(_services)]
