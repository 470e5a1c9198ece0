"""Whether a GPU class is awake, as /healthz tells it: also where pipelines elsewhere call it, and while a call takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from backend.cloud import adapters
from backend.cloud.adapters import RemoteReader, RemoteSynthesizer
from backend.cloud.runner import CloudRunner
from backend.cloud.wire import EngineCard
from backend.engine import EngineState
from backend.errors import Unavailable
from backend.jobs import decisions
from backend.jobs.decisions import Decide
from backend.jobs.memory import MemoryJobLog
from backend.jobs.state import PageState
from backend.narration import recovery
from backend.readers.base import ReadOptions
from tests.cloud.test_calls import Method
from tests.support.jobs import a_definition, ready, upload

IDLE, WARMING, READY = EngineState.IDLE, EngineState.WARMING, EngineState.READY
STAYS_S = 60.0


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(adapters, "time", clock)
    return clock


class Handle:
    """A GPU class that answers, or fails, when it is told to."""

    def __init__(self) -> None:
        self.describe = Method(EngineCard("engine", "f", None))
        self.read = self.spawn = self.get = self.cancel = self
        self.answers, self.error = asyncio.Event(), False

    async def aio(self, *arguments: Any) -> Any:
        if not arguments:  # the answer is waited for
            await self.answers.wait()
            if self.error:
                raise Unavailable("It does not answer.")
        return self


@pytest.fixture
def handle() -> Handle:
    return Handle()


@pytest.fixture
def reader(handle: Handle, clock: Clock) -> RemoteReader:
    return RemoteReader(handle, "MagiReader", stays_s=STAYS_S, fingerprint="f")


@pytest.fixture
def speaker(handle: Handle) -> RemoteSynthesizer:
    return RemoteSynthesizer(handle, "SovitsSpeaker", stays_s=STAYS_S, fingerprint="f")


@pytest.fixture
async def log() -> AsyncIterator[MemoryJobLog]:
    log = MemoryJobLog()
    yield log
    await log.aclose()


async def a_window(log: MemoryJobLog, *wishes: Decide) -> str:
    """Three pages, with a pipeline elsewhere that works on them."""
    job_id = (await log.create(a_definition(3))).definition.job_id
    for wish in (*(upload(index, str(index)) for index in range(3)), *wishes):
        await log.commit(job_id, wish)
    assert await log.acquire(job_id, "a pipeline", 60.0)
    return job_id


READING = (decisions.advance(0, 1, PageState.EXTRACTING),)
VOICING = (*READING, decisions.advance(0, 1, PageState.TTS))
HEARD = (*VOICING, ready(0), decisions.advance(1, 1, PageState.EXTRACTING), decisions.advance(1, 1, PageState.TTS))


@pytest.mark.parametrize(
    ("wishes", "states"),
    [((), (WARMING, WARMING)), (READING, (READY, WARMING)), (VOICING, (READY, WARMING)), (HEARD, (READY, READY))],
    ids=["waiting", "reading", "voicing", "heard"],
)
async def test_a_window_that_is_worked_on_elsewhere_shows_which_engines_are_awake(
    log: MemoryJobLog, handle: Handle, reader: RemoteReader, speaker: RemoteSynthesizer, wishes: tuple[Decide, ...], states: Any
) -> None:
    runner = CloudRunner(log, Method(), [reader, speaker])
    await runner.look()
    assert (reader.state, speaker.state) == (IDLE, IDLE)
    job_id = await a_window(log, *wishes)
    await runner.look()
    assert (reader.state, speaker.state) == states
    assert not handle.describe.spawned, "whoever asks for the health of the service wakes no GPU"
    await log.release(job_id, "a pipeline")


async def test_engines_are_awake_as_long_as_a_window_is_worked_on_and_a_little_longer(
    log: MemoryJobLog, reader: RemoteReader, speaker: RemoteSynthesizer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def a_second(_: float) -> None:
        clock.now += 1
        await passing.acquire()

    job_id, passing = await a_window(log, *HEARD), asyncio.Semaphore(0)
    monkeypatch.setattr(recovery, "asyncio", SimpleNamespace(sleep=a_second, get_running_loop=asyncio.get_running_loop))
    looking = asyncio.create_task(recovery.recover(log, CloudRunner(log, Method(), [reader, speaker]), lambda _: None))

    async def look_for(seconds: float) -> None:
        until = clock.now + seconds
        while clock.now < until:
            passing.release()
            await asyncio.sleep(0)

    await look_for(10 * STAYS_S)
    assert (reader.state, speaker.state) == (READY, READY)
    await log.delete(job_id)
    await look_for(STAYS_S / 2)
    assert (reader.state, speaker.state) == (READY, READY), "containers stay for a while"
    await look_for(STAYS_S)
    assert (reader.state, speaker.state) == (IDLE, IDLE)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_a_window_that_nobody_works_on_keeps_nobody_awake(
    log: MemoryJobLog, reader: RemoteReader, speaker: RemoteSynthesizer
) -> None:
    await log.release(await a_window(log, *HEARD), "a pipeline")
    await CloudRunner(log, Method(), [reader, speaker]).look()
    assert (reader.state, speaker.state) == (IDLE, IDLE)


async def test_a_call_wakes_an_engine_and_keeps_it_awake_however_long_it_takes(
    handle: Handle, reader: RemoteReader, clock: Clock
) -> None:
    for before, meanwhile in ((IDLE, WARMING), (READY, READY)):
        assert reader.state is before
        handle.answers.clear()
        reading = asyncio.create_task(reader.read([b"page"], ReadOptions()))
        await asyncio.sleep(0)
        clock.now += 2 * STAYS_S
        assert reader.state is meanwhile
        handle.answers.set()
        await reading
        assert reader.state is READY
    clock.now += 2 * STAYS_S
    assert reader.state is IDLE


async def test_a_call_that_nobody_answers_leaves_an_engine_asleep(handle: Handle, reader: RemoteReader) -> None:
    handle.error = True
    handle.answers.set()
    with pytest.raises(Unavailable):
        await reader.read([b"page"], ReadOptions())
    assert reader.state is IDLE
