"""A remote call: an answer, one of our errors, or Unavailable; and nobody works for a caller who left."""

from __future__ import annotations

import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from modal import exception

from backend.cloud import calls
from backend.cloud.adapters import RemoteReader
from backend.cloud.calls import call
from backend.cloud.runner import CloudRunner
from backend.cloud.wire import EngineCard
from backend.engine import EngineState
from backend.errors import (
    ConfigurationError,
    InvalidRequest,
    JobNotFound,
    QuotaExceeded,
    ReadingFailed,
    TanoshiError,
    Unavailable,
)
from backend.jobs.memory import MemoryJobLog
from tests.narration.test_window import Desk
from tests.support.jobs import a_definition, upload


class _Aio:
    def __init__(self, work: Any) -> None:
        self.aio = work


class Method:
    """A remote method that does what it is told; counts spawned and cancelled calls."""

    def __init__(self, answer: Any = None, *, spawn_error: Exception | None = None, waits: bool = False) -> None:
        self._answer, self._spawn_error, self._waits = answer, spawn_error, waits
        self.object_id = "fc-1"
        self.spawned: list[tuple[Any, ...]] = []
        self.cancelled = 0
        self.spawn = _Aio(self._spawn)
        self.get, self.cancel = _Aio(self._get), _Aio(self._cancel)

    async def _spawn(self, *arguments: Any) -> Method:
        if self._spawn_error:
            raise self._spawn_error
        self.spawned.append(arguments)
        return self

    async def _get(self) -> Any:
        if self._waits:
            await asyncio.Event().wait()
        if isinstance(self._answer, Unavailable) or (
            isinstance(self._answer, Exception) and not isinstance(self._answer, TanoshiError)
        ):
            raise self._answer  # as a worker does; other errors of ours are answers
        return self._answer

    async def _cancel(self) -> None:
        self.cancelled += 1


async def test_the_answer_is_the_methods() -> None:
    assert await call(Method([1, 2]), "page") == [1, 2]


async def test_an_error_of_ours_that_was_answered_is_raised_here() -> None:
    with pytest.raises(JobNotFound):
        await call(Method(JobNotFound()))


@pytest.mark.parametrize(
    "error",
    [
        exception.FunctionTimeoutError("too long"),
        exception.RemoteError("it crashed"),
        ConnectionResetError("gone"),
        RuntimeError("a mistake in the container"),
        Unavailable("The GPU of this worker is lost."),
    ],
)
async def test_what_fails_as_often_as_it_may_is_unavailable_and_not_tried_again_here(error: Exception) -> None:
    method = Method(error)
    with pytest.raises(Unavailable):
        await call(method)
    assert len(method.spawned) == 1


async def test_pages_whose_batch_failed_elsewhere_are_not_read_once_more_one_by_one() -> None:
    class Handle:
        read = Method(RuntimeError("a mistake in the container"))

    reader = RemoteReader(Handle(), "MagiReader", stays_s=60, fingerprint="f", batch_size=4)
    with ThreadPoolExecutor(1) as workers:
        desk = Desk(workers, reader)
        await desk.upload("job_a", [1, 2, 3, 4, 5])
        state = await desk.narrate("job_a")
    assert [entry.reason for entry in state.pages] == ["unavailable"] * 5
    assert [len(pages) for pages, _ in Handle.read.spawned] == [1, 4]


@pytest.mark.parametrize(
    ("ended", "said"),
    [(TimeoutError(), "it was not started in time, or was interrupted"), (JobNotFound("gone"), "JobNotFound: gone")],
)
async def test_what_became_of_a_call_is_told_without_waiting_for_it(
    monkeypatch: pytest.MonkeyPatch, ended: Exception, said: str
) -> None:
    class Spawned:
        def __init__(self, call_id: str) -> None:
            assert call_id == "fc-7"
            self.get = _Aio(self._get)

        async def _get(self, **how: float) -> None:
            assert how == {"timeout": 0}
            raise ended

    class FunctionCall:
        from_id = Spawned

    monkeypatch.setattr(calls, "FunctionCall", FunctionCall)
    assert await calls.outcome("fc-7") == said


async def test_an_app_that_is_not_deployed_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await call(Method(spawn_error=exception.NotFoundError("App not found")))


async def test_a_caller_that_leaves_cancels_the_call() -> None:
    method = Method(waits=True)
    task = asyncio.create_task(call(method))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert method.cancelled == 1


@pytest.mark.parametrize(
    "error",
    [
        ReadingFailed("why"),
        ConfigurationError("what to do"),
        InvalidRequest("no", (("/a", "b"),)),
        QuotaExceeded("full", retry_after_s=7, limit=3),
    ],
)
def test_errors_cross_a_network_whole(error: TanoshiError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert vars(arrived) == vars(error)


class Handle:
    """A GPU class of which only `describe` is asked."""

    def __init__(self, card: EngineCard) -> None:
        self.describe = Method(card)


async def test_a_remote_engine_is_idle_then_warming_then_ready_then_asleep_again() -> None:
    reader = RemoteReader(Handle(EngineCard("magi", "f-1", None)), "MagiReader", stays_s=0.05)
    assert reader.state is EngineState.IDLE
    reader.wake()
    assert reader.state is EngineState.WARMING
    await reader.load()
    assert reader.state is EngineState.READY
    assert reader.fingerprint == "f-1"
    await asyncio.sleep(0.06)
    assert reader.state is EngineState.IDLE
    await reader.aclose()


async def test_a_remote_engine_that_cannot_work_says_so() -> None:
    reader = RemoteReader(Handle(EngineCard("magi", "f-1", "There are no weights.")), "MagiReader", stays_s=1)
    with pytest.raises(ConfigurationError):
        await reader.load()
    assert reader.state is EngineState.FAILED


async def test_an_engine_whose_name_is_known_is_not_woken_to_ask_for_it() -> None:
    handle = Handle(EngineCard("magi", "f-1", None))
    reader = RemoteReader(handle, "MagiReader", stays_s=1, fingerprint="f-0")
    await reader.load()
    assert reader.fingerprint == "f-0"
    assert not handle.describe.spawned


async def test_two_unknown_engines_never_share_a_cached_result() -> None:
    names = {RemoteReader(Handle(EngineCard("magi", "f", None)), "MagiReader", stays_s=1).fingerprint for _ in range(2)}
    assert len(names) == 2


async def a_job(log: MemoryJobLog, pages: int = 2) -> str:
    """A window whose first page is there."""
    job_id = (await log.create(a_definition(pages))).definition.job_id
    await log.commit(job_id, upload(0))
    return job_id


async def test_twenty_uploads_spawn_one_pipeline() -> None:
    log, narrate = MemoryJobLog(), Method()
    job_id = await a_job(log, 20)
    runners = [CloudRunner(log, narrate, []) for _ in range(2)]
    await asyncio.gather(*(runners[k % 2].ensure(job_id) for k in range(20)))
    assert [spawned[0] for spawned in narrate.spawned] == [job_id]
    owner = narrate.spawned[0][1]
    assert await log.acquire(job_id, owner, 15), "the pipeline goes on under the name it was given"
    assert not await log.acquire(job_id, "somebody else", 15)


async def test_a_pipeline_that_cannot_be_spawned_costs_no_upload_and_leaves_the_job_to_recovery() -> None:
    log = MemoryJobLog()
    job_id = await a_job(log)
    await CloudRunner(log, Method(spawn_error=exception.ConnectionError("no")), []).ensure(job_id)
    assert await log.acquire(job_id, "recovery", 15)


async def test_work_on_a_job_that_is_gone_is_not_begun() -> None:
    narrate = Method()
    await CloudRunner(MemoryJobLog(), narrate, []).ensure("job_gone")
    assert not narrate.spawned


async def test_deleting_a_job_cancels_the_pipeline_this_process_spawned() -> None:
    log, narrate = MemoryJobLog(), Method()
    job_id = await a_job(log)
    runner = CloudRunner(log, narrate, [])
    await runner.ensure(job_id)
    await runner.cancel(job_id)
    await runner.cancel(job_id)
    assert narrate.cancelled == 1
