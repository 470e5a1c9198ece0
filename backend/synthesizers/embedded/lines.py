"""What both embedded engines share: a life, a bounded executor, and one line after another through it.

Lines of an earlier `speak` begin before those of a later one; of one call the longest begins first, so that no core waits long for
another at its end. A cancelled `speak` loses the lines that have not begun (a line that has begun finishes: native code cannot be
stopped half-way).
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backend.engine import EngineState
from backend.errors import ConfigurationError, SpeechFailed, Unavailable
from backend.language import is_speakable
from backend.synthesizers.base import Speech, Utterance

log = logging.getLogger(__name__)

MOST_CHARACTERS = 5_000
"""Longer than any bubble or caption; a line of a whole book would hold a worker for minutes."""
_MOST_WORKERS = 8
_LANGUAGES = ("ja", "en")


class LineEngine(ABC):
    """A synthesizer that speaks each line by itself, `workers` of them at a time."""

    name: ClassVar[str]
    sample_rate: ClassVar[int]

    def __init__(self, workers: int | None = None) -> None:
        self.workers = min(workers or cores(), _MOST_WORKERS)
        self._executor = ThreadPoolExecutor(self.workers, thread_name_prefix=f"speak-{self.name}")
        self._guard = threading.Lock()
        self._loading: Future[None] | None = None
        self._state = EngineState.IDLE
        self._closed = False

    @abstractmethod
    def _open(self) -> None:
        """Imports and loads everything `_say` needs. Runs once, on a worker.

        Raises:
            ConfigurationError: something it needs is not installed.
        """

    @abstractmethod
    def _say(self, utterance: Utterance) -> NDArray[np.float32]:
        """Speaks one line, whose text is speakable, on a worker; several run at once.

        Raises:
            SpeechFailed: with the reason.
        """

    @abstractmethod
    def _release(self) -> None:
        """Drops models and caches."""

    @property
    def state(self) -> EngineState:
        return self._state

    async def load(self) -> None:
        """Loads once, whoever asks; after a failure the next call tries again."""
        await asyncio.shield(asyncio.wrap_future(self._load_once()))

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
        """See `backend.synthesizers.base.Synthesizer.speak`."""
        if not utterances:
            return []
        try:
            await self.load()
        except ConfigurationError as problem:
            raise Unavailable(f"The synthesizer could not be loaded: {problem.detail}") from problem
        with self._guard:
            self._refuse_when_closed()
            begun = {
                number: self._executor.submit(self._line, utterances[number])
                for number in sorted(range(len(utterances)), key=lambda number: -_work(utterances[number]))
            }
        lines = [begun[number] for number in range(len(utterances))]
        try:
            return await asyncio.gather(*map(asyncio.wrap_future, lines))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and (task is None or not task.cancelling()):
                raise Unavailable("The synthesizer was closed") from None
            raise
        finally:
            for line in lines:
                line.cancel()

    async def aclose(self) -> None:
        """Drops waiting lines, waits for those that have begun, frees the model."""
        with self._guard:
            self._closed = True
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
        self._state = EngineState.IDLE
        self._release()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Unavailable("The synthesizer is closed")

    def _load_once(self) -> Future[None]:
        with self._guard:
            self._refuse_when_closed()
            if self._loading is None or (self._loading.done() and self._loading.exception() is not None):
                self._state = EngineState.LOADING
                self._loading = self._executor.submit(self._load_here)
            return self._loading

    def _load_here(self) -> None:
        try:
            self._open()
            self._state = EngineState.READY
        except ImportError as problem:
            raise ConfigurationError(f"The {self.name} synthesizer lacks the package {problem.name}") from problem
        except ConfigurationError:
            raise
        except Exception as problem:
            log.exception("The %s synthesizer could not be loaded", self.name)
            raise ConfigurationError(f"The {self.name} synthesizer could not be loaded ({type(problem).__name__})") from problem
        finally:
            if self._state is not EngineState.READY:
                self._state = EngineState.FAILED

    def _line(self, utterance: Utterance) -> Speech | SpeechFailed:
        try:
            if utterance.lang not in _LANGUAGES:
                raise SpeechFailed(f"This synthesizer speaks {' and '.join(_LANGUAGES)}, not {utterance.lang[:20]!r}")
            if len(utterance.text) > MOST_CHARACTERS:
                raise SpeechFailed(f"The line has {len(utterance.text)} characters; {MOST_CHARACTERS} can be spoken at once")
            if not is_speakable(utterance.text, utterance.lang):
                raise SpeechFailed("There is nothing in this line that can be spoken")
            return Speech(self._say(utterance), self.sample_rate)
        except SpeechFailed as failed:
            return failed
        except Exception as problem:  # the outermost frame of a worker: one line fails, not the page
            log.exception("A line could not be spoken (%s, %d characters)", utterance.lang, len(utterance.text))
            return SpeechFailed(f"The synthesizer failed on this line ({type(problem).__name__})")


def _work(utterance: Utterance) -> float:
    """How long a line keeps a worker, about, in letters of English: a Japanese character is said in the time of two or three."""
    return len(utterance.text) * (2.5 if utterance.lang == "ja" else 1.0) / utterance.speed


def cores() -> int:
    """Cores this process may use: its affinity, and a container's share where one is set."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            usable = min(usable, round(int(quota) / int(period)))
    except (OSError, ValueError):
        pass  # not Linux, or no control groups: the affinity is all there is to know
    return max(1, usable)
