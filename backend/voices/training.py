"""Few-shot training: who may train when, what is told meanwhile, and the port to whatever trains.

The trainer gets checked clips and gives back the name of a checkpoint it wrote itself, under the folder the synthesizer loads trained
checkpoints from; nothing that was uploaded ever becomes one. Trainings run one at a time in this process.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from backend.errors import Conflict, NotFound, TanoshiError
from backend.voices.manifest import ENGINE, SILENT_S, VoiceManifest, VoiceMode, VoiceStatus
from backend.voices.store import VoiceStore
from backend.voices.training_book import TrainingBook

logger = logging.getLogger(__name__)

BEAT_S: Final = SILENT_S[VoiceStatus.TRAINING] / 3
"""A training under way tells at least so often that it is."""
_CHECKPOINT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

Report = Callable[[float, str], Awaitable[None]]
"""Takes progress from 0 to 1 and a sentence."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What a trainer works from."""

    name: str
    """[a-z0-9-]+; for the checkpoint's name and for logs."""
    lang: str
    clips: Mapping[str, str]
    """Object key of each checked clip (mono FLAC, 3 to 10 s) -> what is said in it."""


class VoiceTrainer(Protocol):
    """Turns clips into a checkpoint."""

    async def train(self, job: TrainingJob, report: Report) -> str:
        """The name of the checkpoint's folder below the folder of trained checkpoints.

        Raises:
            TanoshiError: with a sentence for the voice's owner.
        """
        ...

    async def forget(self, checkpoint: str) -> None:
        """Removes a checkpoint; one that is not there is fine."""
        ...


@runtime_checkable
class TrainsElsewhere(Protocol):
    """Takes whole trainings to another machine, where `Trainings.run` follows them; this process need not live as long."""

    async def require(self) -> None:
        """Raises Conflict: nobody trains there. Unavailable: it cannot be told."""
        ...

    async def launch(self, client: str, voice_id: str) -> None:
        """Begins; returns at once. Raises Unavailable."""
        ...

    async def forget(self, checkpoint: str) -> None:
        """As VoiceTrainer's."""
        ...


Trainer = VoiceTrainer | TrainsElsewhere


class Trainings:
    """Begins trainings and follows them to their end; close with `aclose`. `trainer` None: this installation trains nothing."""

    def __init__(self, store: VoiceStore, trainer: Trainer | None) -> None:
        self._store = store
        self._trainer = trainer
        self._book = TrainingBook(store)
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, client: str, voice_id: str) -> VoiceManifest:
        """The voice, now `training`; its events tell the rest.

        Raises:
            NotFound: no such voice.
            Conflict: nothing trains here, or the voice cannot be trained now.
            QuotaExceeded: the owner has begun as many trainings as one may in a day.
        """
        manifest = await self._store.manifest(client, voice_id)
        _require_trainable(manifest)
        trainer = self._trainer
        if trainer is None:
            raise Conflict(
                "This installation has no trainer (SOVITS_TRAINER_DIR is not set); the voice speaks from its best clip without one."
            )
        if isinstance(trainer, TrainsElsewhere):
            await trainer.require()
        now = self._store.clock()
        await self._book.enter(client, now)

        def start(voice: VoiceManifest) -> VoiceManifest:
            _require_trainable(voice)
            began = voice.model_copy(update={"trainings": (*voice.trainings, now)})
            return began.moved(VoiceStatus.TRAINING, now, detail="Waiting for its turn.", progress=0.0)

        manifest = await self._store.update(client, manifest.slug, start)
        if isinstance(trainer, TrainsElsewhere):
            try:
                await trainer.launch(client, manifest.voice_id)
            except TanoshiError as error:
                await self._failed(client, manifest.slug, error.detail)
                raise
            return manifest
        task = asyncio.create_task(self._run(client, manifest, trainer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return manifest

    async def run(self, client: str, voice_id: str) -> None:
        """Follows to its end, here, a training that was begun elsewhere; one that is not under way is left alone."""
        manifest = await self._store.manifest(client, voice_id)
        if (
            manifest.status is VoiceStatus.TRAINING
            and self._trainer is not None
            and not isinstance(self._trainer, TrainsElsewhere)
        ):
            await self._run(client, manifest, self._trainer)

    async def forget(self, manifest: VoiceManifest) -> None:
        """Removes what was trained for a voice that is being deleted."""
        if self._trainer is not None:
            for checkpoint in manifest.speaking_from(None).superseded:
                await self._trainer.forget(checkpoint)

    async def aclose(self) -> None:
        """Ends trainings that are still running; they count as begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, client: str, manifest: VoiceManifest, trainer: VoiceTrainer) -> None:
        slug = manifest.slug
        told = (manifest.events[-1].progress or 0.0, manifest.events[-1].detail or "")

        async def report(progress: float, detail: str) -> None:
            nonlocal told
            told = min(1.0, max(0.0, progress)), detail[:300]
            await self._store.move(client, slug, VoiceStatus.TRAINING, told[1], told[0])

        clips = {item.clip.key: item.clip.transcript for item in manifest.clips}
        # The time makes the name another one when a voice is trained again: an engine keeps checkpoints by name.
        name = f"{slug}-{manifest.revision[:8]}-{int(manifest.trainings[-1])}"
        job = TrainingJob(name=name, lang=manifest.lang, clips=clips)
        try:
            async with _repeated(lambda: report(*told)), self._one_at_a_time:
                checkpoint = await trainer.train(job, report)
            if not _CHECKPOINT.fullmatch(checkpoint):
                raise Conflict("The trainer gave its checkpoint a name that cannot be one.")
            await self._speak_from(client, slug, checkpoint, trainer)
        except NotFound:
            logger.info("The voice %s was deleted while it was trained.", slug)
        except TanoshiError as error:
            await self._failed(client, slug, error.detail)
        except Exception:  # the outermost loop of a worker: the voice is told, the service goes on
            logger.exception("Training %s failed", slug)
            await self._failed(client, slug, "The training failed; the operator finds the reason in the log.")

    async def _speak_from(self, client: str, slug: str, checkpoint: str, trainer: VoiceTrainer) -> None:
        """Raises NotFound: the voice was deleted; then the checkpoint is gone, too."""
        now = self._store.clock()
        try:
            # Windows under way may still speak from the one before; those before that are nobody's any more.
            for old in (await self._store.manifest(client, f"{ENGINE}:{slug}")).superseded:
                await trainer.forget(old)

            def done(voice: VoiceManifest) -> VoiceManifest:
                alone = voice.model_copy(update={"superseded": ()})
                return alone.speaking_from(checkpoint).moved(VoiceStatus.READY, now, progress=1.0)

            await self._store.update(client, slug, done)
        except NotFound:
            await trainer.forget(checkpoint)
            raise

    async def _failed(self, client: str, slug: str, detail: str) -> None:
        try:
            await self._store.move(client, slug, VoiceStatus.FAILED, detail)
        except NotFound:
            logger.info("The voice %s was deleted while it was trained.", slug)


@asynccontextmanager
async def _repeated(tell: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Tells again and again meanwhile: who waits for its turn, or for a program without words, is not dead."""

    async def beat() -> None:
        with suppress(TanoshiError):  # the work itself finds out what is wrong
            while True:
                await asyncio.sleep(BEAT_S)
                await tell()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


def _require_trainable(voice: VoiceManifest) -> None:
    """Raises Conflict."""
    if voice.mode is not VoiceMode.FEW_SHOT:
        raise Conflict("Only few_shot voices are trained; register one and upload its clips.")
    if voice.status is VoiceStatus.TRAINING:
        raise Conflict("This voice is being trained.")
    if not voice.clips or voice.status not in (VoiceStatus.READY, VoiceStatus.FAILED):
        raise Conflict("The clips of this voice are not uploaded and checked yet.")
