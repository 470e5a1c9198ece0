"""What the GPU containers do: hold one engine, answer calls, and die when their device is lost.

Two kinds of trouble are kept apart. What cannot go better elsewhere (weights are missing, a job is gone, a page has no speakable line) is
the answer itself. What may (a lost GPU, a store that does not answer) is raised, and Modal tries the call again in another container.
A container whose engine cannot load stays and says so with every call: one that died would be started, and paid for, over and over.
Where the reason may pass, it tries again itself after a while.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Generic, Self, TypeVar

from backend.acoustics import Samples
from backend.cloud.device import device_is_lost, device_is_usable
from backend.cloud.hearing import FETCH
from backend.cloud.identity import Role, fingerprint
from backend.cloud.sizing import load_sizes
from backend.cloud.trained import TrainedVoices
from backend.cloud.wire import SPOKEN_RATE, EngineCard
from backend.engine import Engine, EngineState
from backend.engines import make_reader, make_synthesizer
from backend.errors import ConfigurationError, Conflict, ReadingFailed, SpeechFailed, TanoshiError, Unavailable
from backend.jobs.log import JobLog
from backend.narration.level import resampled
from backend.narration.voicing import LocalVoicer, PageOrder
from backend.readers.base import PageReader, Reading, ReadOptions
from backend.series.bank import NO_FACES, FigureEmbedder
from backend.settings import Settings, cpu_count
from backend.storage.objects import Objects
from backend.stores import make_log, make_objects
from backend.synthesizers.base import Speech, Synthesizer, Utterance
from backend.transcriber import make_transcriber
from backend.voices.uploads import Transcribe

logger = logging.getLogger(__name__)
LOAD_AGAIN_S: Final = 60.0
"""Between two tries to load an engine that failed without a reason that only the operator can mend."""
T = TypeVar("T")
E = TypeVar("E", bound=Engine)


class _Worker(Generic[E]):
    """One engine in one container. `die` tells Modal to send no further input to it."""

    def __init__(self, make: Callable[[], E], role: Role, settings: Settings, die: Callable[[], Awaitable[None]]) -> None:
        self._role = role
        self._settings = settings
        self._die = die
        self.engine: E | None = None
        self.error: TanoshiError | None = None
        self._load_again_at: float | None = None
        self._loading = asyncio.Lock()
        chosen = settings.reader if role == "reader" else settings.synthesizer
        self._weighs = chosen in ("magi", "sovits")
        if chosen == "modal":  # it would wait for itself
            variable = "READER" if role == "reader" else "SYNTHESIZER"
            self._refuse(ConfigurationError(f"{variable}=modal is for a server elsewhere: name an engine in the secret."))
            return
        try:
            self.engine = make()
        except (ConfigurationError, ImportError) as error:
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        detail = error.detail if isinstance(error, TanoshiError) else f"A library is missing: {error}."
        if self._weighs:
            detail = f"{detail} `modal run backend/modal_app.py::download_weights` fills the volume with weights."
        logger.error("%s cannot work: %s", self._role, detail)
        self.error = ConfigurationError(detail)

    async def load(self) -> None:
        """Makes the engine ready, or remembers why it is not.

        Raises:
            Exception: the device is lost; another container may have one that works.
        """
        if self.engine is None:
            return
        try:
            await self.engine.load()
        except (ConfigurationError, ImportError) as error:
            self._load_again_at = None
            self._refuse(error)
        except Exception:
            if device_is_lost():
                raise
            logger.exception("%s could not be loaded; it is tried again in %.0f s, if anybody calls", self._role, LOAD_AGAIN_S)
            self.error = Unavailable("The engine could not be loaded.")
            self._load_again_at = time.monotonic() + LOAD_AGAIN_S
        else:
            self._load_again_at = self.error = None
            self._tell_of_an_idle_gpu()

    def _tell_of_an_idle_gpu(self) -> None:
        sizes = load_sizes()
        gpus = sizes.reader_gpu if self._role == "reader" else sizes.speaker_gpu
        if gpus and not device_is_usable():
            logger.warning(
                "%s works on the CPU, and this container's GPU is paid for and idles: name an engine that uses one in the secret,"
                " or deploy with CLOUD_%s_GPU=none.",
                *(self._role, self._role.upper()),
            )

    def card(self) -> EngineCard:
        name = self.engine.name if self.engine is not None else self._role
        error = None if self.error is None else self.error.detail
        return EngineCard(name, fingerprint(self._role, self._settings), error)

    async def answer(self, work: Callable[[E], Awaitable[T]]) -> T | TanoshiError:
        """What `work` gives, or the error that no other container could spare the caller.

        Raises:
            Unavailable: this container has lost its device, or a store does not answer; another may do better.
        """
        if self._load_again_at is not None:
            await self._load_again()
        if self.error is not None or self.engine is None:
            return self.error or ConfigurationError(f"{self._role} has no engine.")
        try:
            found = await work(self.engine)
        except Unavailable:
            await self._die_if_lost()
            raise
        except TanoshiError as error:
            await self._die_if_lost()
            return error
        except Exception:
            logger.exception("%s failed", self._role)
            await self._die_if_lost()
            raise
        if isinstance(found, list) and any(isinstance(item, TanoshiError) for item in found):
            await self._die_if_lost()  # an engine may have taken the device's failure for the page's
        return found

    async def _load_again(self) -> None:
        async with self._loading:
            if self._load_again_at is None or time.monotonic() < self._load_again_at:
                return
            try:
                await self.load()
            except Exception:
                await self._die()
                raise

    async def _die_if_lost(self) -> None:
        assert self.engine is not None
        if self.engine.state is EngineState.FAILED or device_is_lost():
            logger.error("%s has lost its device; this container takes no further calls.", self._role)
            await self._die()
            raise Unavailable("The GPU of this worker is lost.")

    async def aclose(self) -> None:
        if self.engine is not None:
            await self.engine.aclose()


class ReaderWorker(_Worker[PageReader]):
    """MagiReader's container."""

    @classmethod
    async def open(cls, settings: Settings, die: Callable[[], Awaitable[None]]) -> Self:
        worker = cls(lambda: make_reader(settings), "reader", settings, die)
        await worker.load()
        return worker

    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed] | TanoshiError:
        return await self.answer(lambda reader: reader.read(pages, options))

    async def embed_figures(self, images: Sequence[bytes]) -> list[tuple[float, ...]] | TanoshiError:
        """One vector a picture; Conflict where the engine recognises no faces."""

        async def embed(reader: PageReader) -> list[tuple[float, ...]]:
            if not isinstance(reader, FigureEmbedder):
                raise Conflict(NO_FACES)
            return await reader.embed_figures(images)

        return await self.answer(embed)


class SpeakerWorker(_Worker[Synthesizer]):
    """SovitsSpeaker's container: the synthesizer beside the stores it writes to."""

    def __init__(self, settings: Settings, die: Callable[[], Awaitable[None]], reload: Callable[[], Awaitable[object]]) -> None:
        self._log: JobLog | None = None
        # Only this engine speaks from checkpoints.
        self._trained = TrainedVoices(settings.sovits_trained_dir if settings.synthesizer == "sovits" else None, reload)
        self._objects: Objects = make_objects(settings)
        self._workers = ThreadPoolExecutor(cpu_count(), thread_name_prefix="sound")
        self._transcribe: Transcribe | None = None
        super().__init__(lambda: make_synthesizer(settings), "speaker", settings, die)

    @classmethod
    async def open(cls, settings: Settings, die: Callable[[], Awaitable[None]], reload: Callable[[], Awaitable[object]]) -> Self:
        """As a reader's; `reload` shows the volume as it was last committed."""
        worker = cls(settings, die, reload)
        await worker.load()
        if not settings.unshared:
            worker._log = make_log(settings)
        return worker

    async def voice(self, order: PageOrder) -> TanoshiError | None:
        """Voices a page to its end: its sound is in the bucket and `ready` in the log when this returns."""
        if (log := self._log) is None:
            return ConfigurationError("A page is voiced on Modal only with REDIS_URL and BUCKET_NAME in the secret.")

        async def voice(synthesizer: Synthesizer) -> None:
            await self._see(line.utterance for line in order.script.lines)
            voicer = LocalVoicer(log=log, objects=self._objects, synthesizer=synthesizer, workers=self._workers)
            await voicer.voice(order)

        return await self.answer(voice)

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed] | TanoshiError:
        """For callers without a bucket: the sound itself, at SPOKEN_RATE."""

        async def speak(synthesizer: Synthesizer) -> list[Speech | SpeechFailed]:
            await self._see(utterances)
            return [_at_rate(result) for result in await synthesizer.speak(utterances)]

        return await self.answer(speak)

    async def _see(self, utterances: Iterable[Utterance]) -> None:
        try:
            await self._trained.see(utterance.voice for utterance in utterances)
        except Unavailable:
            logger.error("speaker ends: its volume cannot be shown anew, and the next container sees it as it is.")
            await self._die()
            raise

    async def transcribe(self, samples: Samples, sample_rate: int, lang: str) -> str | TanoshiError:
        """What is said in a recording. Needs no engine: only the recogniser on the volume."""
        if self._transcribe is None:
            self._transcribe = make_transcriber(self._settings)
        if self._transcribe is None:
            return ConfigurationError(f"No recogniser lies on the volume; `{FETCH}` fetches one.")
        return await asyncio.get_running_loop().run_in_executor(self._workers, self._transcribe, samples, sample_rate, lang)

    async def aclose(self) -> None:
        await super().aclose()
        self._workers.shutdown(wait=False, cancel_futures=True)
        if self._log is not None:
            await self._log.aclose()


def _at_rate(result: Any) -> Any:
    if not isinstance(result, Speech) or result.sample_rate == SPOKEN_RATE:
        return result
    return Speech(resampled(result.samples, result.sample_rate, SPOKEN_RATE), SPOKEN_RATE)
