"""Uploads that went to the bucket: noticed, checked, taken once, whichever process looks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from backend.api import pool
from backend.api.pool import CheckPool
from backend.imaging import PageInfo, check_page
from backend.jobs import decisions
from backend.jobs.events import EventName
from backend.jobs.memory import MemoryJobLog
from backend.jobs.state import JobState, PageState
from backend.narration.arrivals import AT_ONCE, Arrivals
from backend.narration.recovery import clear_leftovers
from backend.storage import keys, uploads
from backend.storage.objects import Objects
from tests.support.engines import page
from tests.support.jobs import MAX_JOB_BYTES, a_definition


class Place:
    """A job log and a store, and processes that look for arrivals in them."""

    def __init__(self, expires_s: float = 60.0, quiet_s: float = 60.0, max_job_bytes: int = MAX_JOB_BYTES) -> None:
        self.log = MemoryJobLog()
        self.objects = Objects.in_memory()
        self.checks = CheckPool()
        self.woken: list[str] = []
        self.asked = 0
        """How often a check was asked for."""
        self._expires_s = expires_s
        self._quiet_s = quiet_s
        self._max_job_bytes = max_job_bytes

    @asynccontextmanager
    async def process(self, lease_s: float = 15.0) -> AsyncIterator[Arrivals]:
        async def arrived(job_id: str, was_done: bool) -> None:
            self.woken.append(job_id)

        arrivals = Arrivals(
            self.log,
            self.objects,
            check=self._check,
            arrived=arrived,
            expires_s=self._expires_s,
            quiet_s=self._quiet_s,
            max_page_bytes=100_000,
            max_job_bytes=self._max_job_bytes,
            lease_s=lease_s,
        )
        running = asyncio.create_task(arrivals.run())
        try:
            yield arrivals
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _check(self, data: bytes, caller: str) -> tuple[PageInfo, str]:
        self.asked += 1
        return await self.checks.check(data, caller)

    async def job(self, pages: int = 3, created_at: float | None = None, client: str = "client-a") -> str:
        definition = a_definition(pages, client=client, created_at=time.time() if created_at is None else created_at)
        return (await self.log.create(definition)).definition.job_id

    async def put(self, job_id: str, index: int, data: bytes) -> None:
        await self.objects.put(keys.upload(job_id, index), data)

    async def when(self, job_id: str, reached: Callable[[JobState], bool]) -> JobState:
        async with asyncio.timeout(8):
            async for _ in self._states(job_id):
                state = await self.log.state(job_id)
                if reached(state):
                    return state
        raise AssertionError

    async def _states(self, job_id: str) -> AsyncIterator[None]:
        while True:
            yield
            await asyncio.sleep(0.02)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    yield place
    place.checks.close()


async def test_an_arrival_is_committed_and_wakes_the_pipeline(place: Place) -> None:
    job_id = await place.job()
    async with place.process() as arrivals:
        arrivals.watch(job_id)
        await place.put(job_id, 1, page(1))
        state = await place.when(job_id, lambda state: state.pages[1].uploaded)
    assert state.pages[1].media_type == "image/png"
    assert place.woken == [job_id]


async def test_other_bytes_replace_a_page_and_equal_bytes_change_nothing(place: Place) -> None:
    job_id = await place.job()
    async with place.process() as arrivals:
        arrivals.watch(job_id)
        await place.put(job_id, 0, page(1))
        await place.when(job_id, lambda state: state.pages[0].revision == 1)
        await place.put(job_id, 0, page(1))
        await place.put(job_id, 1, page(1))
        state = await place.when(job_id, lambda state: state.pages[1].revision == 1)
        assert state.pages[0].revision == 1
        await place.put(job_id, 0, page(2))
        await place.when(job_id, lambda state: state.pages[0].revision == 2)


@pytest.mark.parametrize(
    ("data", "reason"), [(b"no image", "bad_image"), (b"", "empty_upload"), (b"x" * 100_001, "upload_too_large")]
)
async def test_what_cannot_be_a_page_is_its_error_until_good_bytes_come(place: Place, data: bytes, reason: str) -> None:
    job_id = await place.job()
    async with place.process() as arrivals:
        arrivals.watch(job_id)
        await place.put(job_id, 0, data)
        state = await place.when(job_id, lambda state: state.pages[0].state is PageState.ERROR)
        assert state.pages[0].reason == reason
        await place.put(job_id, 0, page(1))
        await place.when(job_id, lambda state: state.pages[0].state is PageState.QUEUED and state.pages[0].uploaded)


async def test_what_the_log_names_is_kept_though_other_bytes_have_come_to_the_same_url(place: Place) -> None:
    job_id = await place.job(1)
    async with place.process() as arrivals:
        arrivals.watch(job_id)
        await place.put(job_id, 0, page(1))
        state = await place.when(job_id, lambda state: state.pages[0].uploaded)
    await place.put(job_id, 0, page(2))
    assert state.pages[0].sha256 is not None
    assert await uploads.find(place.objects, job_id, 0, state.pages[0].sha256) == page(1)


async def test_of_what_comes_to_a_url_only_what_the_log_names_is_kept() -> None:
    place = Place(max_job_bytes=len(page(1)))
    job_id = await place.job(2)
    async with place.process() as arrivals:
        arrivals.watch(job_id)
        await place.put(job_id, 0, page(1))
        await place.when(job_id, lambda state: state.pages[0].uploaded)
        for number in (2, 3):
            asked = place.asked
            await place.put(job_id, 1, page(number))
            state = await place.when(job_id, lambda state, asked=asked: state.pages[1].state.ended and place.asked > asked)
    place.checks.close()
    assert state.pages[1].reason == "quota_exceeded"
    named = [keys.page(job_id, uploads.sha256_of(page(1)))]
    assert [key async for key in place.objects.keys(keys.job_prefix(job_id)) if "/pages/" not in key] == named


async def test_keys_that_are_no_page_of_the_window_are_passed_by(place: Place) -> None:
    job_id = await place.job(pages=1)
    await place.objects.put(f"{keys.uploads_prefix(job_id)}/007", page(1))
    await place.objects.put(f"{keys.uploads_prefix(job_id)}/notes.txt", b"hello")
    async with place.process() as arrivals:
        arrivals.watch(job_id)
        await place.put(job_id, 0, page(1))
        await place.when(job_id, lambda state: state.pages[0].uploaded)


async def test_two_processes_take_each_arrival_once_and_one_goes_on_when_the_other_is_gone(place: Place) -> None:
    job_id = await place.job()
    async with place.process(lease_s=0.6) as second:
        async with place.process(lease_s=0.6) as first:
            first.watch(job_id)
            second.adopt([job_id])
            second.watch(job_id)
            await place.put(job_id, 0, page(1))
            await place.when(job_id, lambda state: state.pages[0].uploaded)
            await place.log.commit(job_id, decisions.failed(0, 1, "reading_failed"))
        await place.put(job_id, 1, page(2))
        state = await place.when(job_id, lambda state: state.pages[1].uploaded)
    # What the first process had taken is no second wish, though the page has failed since.
    assert (state.pages[0].revision, state.pages[0].state) == (1, PageState.ERROR)
    names = [entry.event.name for entry in await place.log.entries(job_id)]
    assert names.count(EventName.PAGE_UPLOADED) == 2


async def test_a_store_that_is_slow_to_keep_pages_does_not_fill_the_memory_with_them(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await place.job(AT_ONCE + 3)
    for index in range(AT_ONCE + 3):
        await place.put(job_id, index, page(index))
    keep, begun, going = uploads.keep, asyncio.Semaphore(0), asyncio.Event()

    async def slowly(objects: Objects, job_id: str, sha256: str, data: bytes) -> None:
        begun.release()
        await going.wait()
        await keep(objects, job_id, sha256, data)

    monkeypatch.setattr(uploads, "keep", slowly)
    async with asyncio.timeout(8), place.process() as arrivals:
        arrivals.watch(job_id)
        for _ in range(AT_ONCE):
            await begun.acquire()
        await asyncio.sleep(0.1)
        assert place.asked == AT_ONCE
        going.set()
        await place.when(job_id, lambda state: all(one.uploaded for one in state.pages))


async def test_clients_take_turns_however_many_heavy_pages_one_of_them_sends(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    heavy, light = page(1), page(2)
    checked: list[bytes] = []
    opened = threading.Event()

    def slowly(data: bytes) -> PageInfo:
        opened.wait(8)
        checked.append(data)
        return check_page(data)

    monkeypatch.setattr(pool, "check_page", slowly)
    async with asyncio.timeout(8), place.process() as arrivals:
        for _ in range(3):
            job_id = await place.job(4)
            for index in range(4):
                await place.put(job_id, index, heavy)
            arrivals.watch(job_id)
        while place.asked < 12:
            await asyncio.sleep(0.02)
        other = await place.job(1, client="client-b")
        await place.put(other, 0, light)
        arrivals.watch(other)
        while place.asked < 13:
            await asyncio.sleep(0.02)
        opened.set()
        await place.when(other, lambda state: state.pages[0].uploaded)
        while len(checked) < 13:
            await asyncio.sleep(0.02)
    assert light in checked[: pool.THREADS * 2], "those under way end, then each client has a turn"


async def test_windows_whose_urls_have_run_out_are_left_alone(place: Place) -> None:
    job_id = await place.job(created_at=1.0)
    async with place.process() as arrivals:
        arrivals.adopt([job_id])
        await place.put(job_id, 0, page(1))
        await asyncio.sleep(0.6)
        arrivals.adopt([job_id])
        await asyncio.sleep(0.6)
        assert not (await place.log.state(job_id)).pages[0].uploaded


async def test_a_window_that_is_deleted_is_forgotten(place: Place) -> None:
    job_id = await place.job()
    async with place.process() as arrivals:
        arrivals.watch(job_id)
        await asyncio.sleep(0.3)
        await place.log.delete(job_id)
        other = await place.job()
        arrivals.watch(other)
        await place.put(other, 0, page(1))
        await place.when(other, lambda state: state.pages[0].uploaded)


async def test_what_a_process_without_a_shared_job_store_left_behind_is_removed(place: Place) -> None:
    alive = await place.job()
    for job_id in (alive, "job_of_a_dead_process"):
        await place.put(job_id, 0, page(1))
    assert await clear_leftovers(place.log, place.objects, older_than_s=3600) == 0
    assert await clear_leftovers(place.log, place.objects, older_than_s=-5) == 1
    assert {keys.job_of(key) async for key in place.objects.keys(keys.JOBS_PREFIX)} == {alive}
