"""Pipelines that come to nothing: begun a few times, more and more slowly, then the window ends and says why. Progress is no failure."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from modal import exception

from backend.cloud.runner import PAUSES_S, CloudRunner
from backend.jobs import decisions
from backend.jobs.events import EventName
from backend.jobs.log import JobLog
from backend.jobs.memory import MemoryJobLog
from backend.jobs.state import JobState, PageState
from tests.support.jobs import a_definition, ready, upload
from tests.support.modal_cloud.cloud import ROOT

PAGES = 3
Work = Callable[[JobLog, str], Awaitable[None]]


async def nothing(log: JobLog, job_id: str) -> None:
    """What a pipeline does that fails as soon as it begins."""


class Cloud:
    """Runs pipelines: each does its `work`, gives its lease back as one does that fails, and ends. Time passes as it is told to.

    Two processes look for work, and one of them may be asked by a client.
    """

    def __init__(self, work: Work = nothing) -> None:
        self.log = MemoryJobLog()
        self.work = work
        self.now = 0.0
        self.spawned_at: list[float] = []
        self.spawn, self.cancel = self, self
        self.runners = [CloudRunner(self.log, self, [], became=self.became, clock=lambda: self.now) for _ in range(2)]  # type: ignore[arg-type]

    async def aio(self, *call: str) -> Any:
        if call:
            job_id, owner = call
            self.spawned_at.append(self.now)
            await self.work(self.log, job_id)
            await self.log.release(job_id, owner)
        return self

    @property
    def object_id(self) -> str:
        return f"fc-{len(self.spawned_at)}"

    async def became(self, call_id: str) -> str:
        return f"ConfigurationError: there is no bucket ({call_id})"

    async def window(self, pages: int = PAGES) -> str:
        job_id = (await self.log.create(a_definition(pages))).definition.job_id
        for index in range(pages):
            await self.log.commit(job_id, upload(index, f"page {index}"))
        return job_id

    async def pass_time(self, seconds: int) -> None:
        for second in range(seconds):
            for job_id in await self.log.abandoned():
                await self.runners[second % 2].ensure(job_id)
            self.now += 1


def reasons(state: JobState) -> list[str | None]:
    return [page.reason for page in state.pages]


async def test_a_pipeline_that_fails_at_once_is_begun_a_few_times_in_an_hour_and_the_window_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cloud = Cloud()
    job_id = await cloud.window()
    with caplog.at_level(logging.WARNING):
        await cloud.pass_time(3600)
    assert [b - a for a, b in zip(cloud.spawned_at, cloud.spawned_at[1:], strict=False)] == list(PAUSES_S)
    assert list(PAUSES_S) == sorted(PAUSES_S), "each pause is longer than the one before"
    assert reasons(await cloud.log.state(job_id)) == ["unavailable"] * PAGES
    done = [entry.event.data for entry in await cloud.log.entries(job_id) if entry.event.name is EventName.JOB_DONE]
    assert [(one["ok"], one["run"]) for one in done] == [(False, 1)]
    (given_up,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert job_id in given_up
    assert "ConfigurationError: there is no bucket (fc-4)" in given_up


def test_the_operator_is_told_how_often_a_pipeline_is_begun() -> None:
    assert "begun again after {:g}, {:g} and {:g} s at the least".format(*PAUSES_S) in (ROOT / "need.md").read_text(
        encoding="utf-8"
    )


async def test_what_a_client_uploads_and_looks_at_is_no_progress_and_hurries_nobody() -> None:
    cloud = Cloud()
    job_id = (await cloud.log.create(a_definition(30))).definition.job_id
    for second in range(30):
        await cloud.log.commit(job_id, upload(second, f"page {second}"))
        await cloud.log.commit(job_id, decisions.focus(second))
        await cloud.runners[0].ensure(job_id)
        await cloud.pass_time(1)
    assert len(cloud.spawned_at) == 2
    await cloud.pass_time(3600)
    assert len(cloud.spawned_at) == len(PAUSES_S) + 1
    assert set(reasons(await cloud.log.state(job_id))) == {"unavailable"}


async def one_step(log: JobLog, job_id: str) -> None:
    """Brings the first page that has not ended a step further."""
    page = next(page for page in (await log.state(job_id)).pages if not page.state.ended)
    following = {PageState.QUEUED: PageState.EXTRACTING, PageState.EXTRACTING: PageState.TTS}.get(page.state)
    step = decisions.advance(page.index, page.revision, following) if following else ready(page.index, page.revision)
    await log.commit(job_id, step)


async def test_pipelines_that_are_interrupted_again_and_again_but_get_on_are_never_given_up_nor_kept_waiting() -> None:
    cloud = Cloud(one_step)
    job_id = await cloud.window()
    await cloud.pass_time(60)
    state = await cloud.log.state(job_id)
    assert [page.state for page in state.pages] == [PageState.READY] * PAGES
    assert cloud.spawned_at == list(range(3 * PAGES)), "one follows the other at once"


async def test_one_step_gives_a_window_all_its_attempts_again() -> None:
    cloud = Cloud()
    await cloud.window()
    await cloud.pass_time(100)
    assert len(cloud.spawned_at) == 3
    cloud.work = one_step
    await cloud.pass_time(31)
    cloud.work = nothing
    await cloud.pass_time(3600)
    assert len(cloud.spawned_at) == 4 + len(PAUSES_S) + 1


async def test_a_page_that_is_asked_for_again_after_that_is_narrated() -> None:
    cloud = Cloud()
    job_id = await cloud.window()
    await cloud.pass_time(600)

    async def whole(log: JobLog, job_id: str) -> None:
        await log.commit(job_id, ready(1, revision=2))

    cloud.work = whole
    await cloud.log.commit(job_id, decisions.retry(1))
    await cloud.runners[1].ensure(job_id)
    state = await cloud.log.state(job_id)
    assert reasons(state) == ["unavailable", None, "unavailable"]
    assert (state.pages[1].state, state.done, state.run) == (PageState.READY, True, 2)


@pytest.mark.parametrize(
    ("trouble", "given_up"), [(ConnectionError("no route"), False), (exception.NotFoundError("the app is not deployed"), True)]
)
async def test_a_modal_that_is_out_of_reach_for_an_hour_costs_no_window_and_one_without_the_app_does(
    trouble: Exception, given_up: bool
) -> None:
    async def refused(log: JobLog, job_id: str) -> None:
        raise trouble

    cloud = Cloud(refused)
    job_id = await cloud.window(1)
    await cloud.pass_time(3600)
    assert reasons(await cloud.log.state(job_id)) == ["unavailable" if given_up else None]

    async def whole(log: JobLog, job_id: str) -> None:
        await log.commit(job_id, ready(0))

    cloud.work = whole
    await cloud.pass_time(1)
    assert (await cloud.log.state(job_id)).pages[0].state is (PageState.ERROR if given_up else PageState.READY)


async def test_no_container_is_started_for_a_window_without_work() -> None:
    cloud = Cloud()
    job_id = (await cloud.log.create(a_definition(2))).definition.job_id
    await cloud.runners[0].ensure(job_id)
    assert not cloud.spawned_at
    assert await cloud.log.acquire(job_id, "somebody", 15), "and its lease is free"
