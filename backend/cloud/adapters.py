"""The GPU classes as the rest of the program knows engines: a PageReader, a Synthesizer, a PageVoicer.

Each is handed an instance of a Modal class, looked up by whoever knows where it is: the deployed app itself, or a developer's server that
uses the deployed GPUs. A remote engine sleeps until it is called; `wake` makes it begin to load before there is work.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from backend.cloud.calls import call
from backend.cloud.wire import SPOKEN_RATE, EngineCard
from backend.engine import EngineState
from backend.errors import ConfigurationError, Conflict, ReadingFailed, SpeechFailed, TanoshiError, Unavailable
from backend.jobs.state import JobState, PageState
from backend.narration.voicing import PageOrder
from backend.readers.base import Reading, ReadOptions
from backend.series.bank import NO_FACES
from backend.synthesizers.base import Speech, Utterance

logger = logging.getLogger(__name__)

FACES_WAIT_S: Final = 120.0
"""A cold start and a few pictures. Whoever uploads a bank waits for it, and Modal gives a reply 150 s to begin; who is told to try again
finds the container awake."""
NEWS_LASTS_S: Final = 15.0
"""How long a look at windows under way counts; they are looked at more often than that."""


class _Remote(ABC):
    """Life of an engine elsewhere, as it shows here: in the calls of this process, and in windows that others work on.

    Args:
        handle: an instance of its Modal class.
        name: for logs and /healthz.
        stays_s: how long a container stays without calls (CLOUD_SCALEDOWN_S); after that it is taken to sleep again.
        fingerprint: as `identity.fingerprint` gives it; None: asked of the engine when it is loaded.
    """

    def __init__(self, handle: Any, name: str, *, stays_s: float, fingerprint: str | None = None) -> None:
        self._handle = handle
        self.name = name
        self._stays_s = stays_s
        self._known = fingerprint is not None
        # Until the engine has said what it is, nothing is found in a cache by its name, and nothing wrong either.
        self._fingerprint = fingerprint or f"modal-{secrets.token_hex(8)}"
        self._state = EngineState.IDLE
        self._awake_until = 0.0
        self._wanted_until = 0.0
        self._calls = 0
        self._waking: asyncio.Task[None] | None = None

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def state(self) -> EngineState:
        now = time.monotonic()
        slept_in = self._state is EngineState.READY and not self._calls and now > self._awake_until
        if slept_in or self._state is EngineState.IDLE:
            return EngineState.WARMING if self._calls or now < self._wanted_until else EngineState.IDLE
        return self._state

    def learn(self, windows: Sequence[JobState]) -> None:
        """Takes in how the windows stand that pipelines work on now, wherever these are. Wakes nobody."""
        if any(map(self._shows_in, windows)):
            self._seen()
        if windows:
            self._wanted_until = time.monotonic() + NEWS_LASTS_S

    @abstractmethod
    def _shows_in(self, window: JobState) -> bool:
        """Whether a window that is worked on stands where it would not if this engine slept."""

    async def load(self) -> None:
        """Waits for an engine that is waking; wakes it only where its fingerprint has to be asked for.

        Raises:
            ConfigurationError: it cannot be used. Unavailable: it does not answer, and nothing is known of it.
        """
        if not self._known:
            self.wake()
        if self._waking is not None and self.state is not EngineState.READY:
            await asyncio.shield(self._waking)
        if self._state is EngineState.FAILED:
            raise ConfigurationError(f"The {self.name} cannot be used; its log says why.")
        if not self._known:
            raise Unavailable(f"The {self.name} does not answer.")

    def wake(self) -> None:
        """Lets a container start if none is awake. Returns at once."""
        if self._waking is None or self._waking.done():
            if self.state is not EngineState.READY:
                self._state = EngineState.WARMING
            self._waking = asyncio.create_task(self._ask(), name=f"wake {self.name}")

    async def _ask(self) -> None:
        try:
            card: EngineCard = await call(self._handle.describe)
        except TanoshiError as error:
            logger.error("The %s does not wake: %s", self.name, error)
            self._state = EngineState.IDLE
            return
        if card.error is not None:
            logger.error("The %s cannot be used: %s", self.name, card.error)
            self._state = EngineState.FAILED
            return
        self._fingerprint, self._known = card.fingerprint, True
        self._seen()

    def _seen(self) -> None:
        self._state = EngineState.READY
        self._awake_until = time.monotonic() + self._stays_s

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Around a call: it keeps a container awake for as long as it takes, or wakes one, which is awake once it has answered."""
        if self._state is EngineState.READY and self.state is not EngineState.READY:
            self._state = EngineState.IDLE
        self._calls += 1
        try:
            yield
            self._seen()
        finally:
            self._calls -= 1

    async def aclose(self) -> None:
        if self._waking is not None:
            self._waking.cancel()
            await asyncio.gather(self._waking, return_exceptions=True)


class RemoteReader(_Remote):
    """MagiReader as a PageReader.

    Args:
        batch_size: pages a call; 1 where the class holds a reader that takes one after the other.
        knows_faces: False where the class is known to hold a reader that recognises none: no container is started to say so.
    """

    def __init__(
        self,
        handle: Any,
        name: str,
        *,
        stays_s: float,
        fingerprint: str | None = None,
        batch_size: int = 1,
        knows_faces: bool = True,
    ) -> None:
        super().__init__(handle, name, stays_s=stays_s, fingerprint=fingerprint)
        self.batch_size = batch_size
        self._knows_faces = knows_faces

    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed]:
        with self._at_work():
            found: list[Reading | ReadingFailed] = await call(self._handle.read, list(pages), options)
        return found

    async def embed_figures(self, images: Sequence[bytes]) -> list[tuple[float, ...]]:
        """See `series.bank.FigureEmbedder`."""
        if not self._knows_faces:
            raise Conflict(NO_FACES)
        try:
            with self._at_work():
                async with asyncio.timeout(FACES_WAIT_S):
                    found: list[tuple[float, ...]] = await call(self._handle.embed_figures, list(images))
        except TimeoutError as error:
            raise Unavailable("Nobody could look at the picture in time; please send it again.") from error
        return found

    def _shows_in(self, window: JobState) -> bool:
        # A page that is voiced was read a little ago: reading is held back until a voice is nearly free.
        return any(page.state in (PageState.EXTRACTING, PageState.TTS) for page in window.pages)


class RemoteSynthesizer(_Remote):
    """SovitsSpeaker as a Synthesizer, for programs without a bucket: the sound comes back."""

    sample_rate = SPOKEN_RATE

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
        with self._at_work():
            found: list[Speech | SpeechFailed] = await call(self._handle.speak, list(utterances))
        return found

    def _shows_in(self, window: JobState) -> bool:
        # The first page is handed over whether or not anybody is awake; when it is ready, somebody was.
        return {PageState.TTS, PageState.READY} <= {page.state for page in window.pages}


class RemoteVoicer:
    """SovitsSpeaker as a PageVoicer: only a script goes there, and nothing comes back."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    async def voice(self, order: PageOrder) -> None:
        await call(self._handle.voice_page, order)
