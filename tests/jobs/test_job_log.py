"""What every job log promises, whichever twin it is. `elsewhere` is the same log in another process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from backend.errors import Conflict, JobNotFound, PageNotInWindow
from backend.jobs import decisions
from backend.jobs.attempts import Attempts
from backend.jobs.events import Entry, Event, EventName
from backend.jobs.log import ARRIVALS, JobLog
from backend.jobs.state import JobState, PageState, fold
from tests.support.jobs import a_definition, ready, upload, whole_way

PATIENCE_S = 10.0


async def a_job(log: JobLog, pages: int = 3, client: str = "client-a") -> str:
    return (await log.create(a_definition(pages, client=client))).definition.job_id


async def a_finished_job(log: JobLog, pages: int = 3) -> str:
    job_id = await a_job(log, pages)
    for index in range(pages):
        for wish in whole_way(index):
            await log.commit(job_id, wish)
    return job_id


async def followed(log: JobLog, job_id: str, after: int = 0, until: EventName = EventName.JOB_DONE) -> list[Entry]:
    """What a follower gets up to and with the first `until`."""
    got: list[Entry] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(log.follow(job_id, after)) as batches:
        async for batch in batches:
            assert batch, "an empty batch wakes a follower for nothing"
            got += batch
            if any(entry.event.name is until for entry in batch):
                return got
    raise AssertionError("a follower ends with JobNotFound, never silently")


async def test_a_new_job_is_queued_and_its_log_is_empty(log: JobLog, elsewhere: JobLog) -> None:
    definition = a_definition(pages=2)
    state = await log.create(definition)
    assert state == JobState.new(definition) == await elsewhere.state(definition.job_id)
    assert await elsewhere.entries(definition.job_id) in ((), [])
    assert await elsewhere.snapshot(definition.job_id) == state.snapshot


async def test_an_id_is_given_once(log: JobLog, elsewhere: JobLog) -> None:
    definition = a_definition()
    await log.create(definition)
    with pytest.raises(Conflict):
        await elsewhere.create(definition)


async def test_a_commit_appends_and_folds_and_everybody_sees_it(log: JobLog, elsewhere: JobLog) -> None:
    job_id = await a_job(log)
    state = await log.commit(job_id, upload(0))
    entries = await elsewhere.entries(job_id)
    assert [entry.seq for entry in entries] == [1, 2]
    assert fold(JobState.new(state.definition), entries) == state == await elsewhere.state(job_id)
    assert await elsewhere.snapshot(job_id) == state.snapshot
    assert json.loads(state.snapshot)["cursor"] == "2"


async def test_a_decision_that_refuses_leaves_no_trace(log: JobLog) -> None:
    job_id = await a_job(log)
    before = await log.commit(job_id, upload(0))
    with pytest.raises(PageNotInWindow):
        await log.commit(job_id, upload(99))
    assert await log.state(job_id) == before
    assert len(await log.entries(job_id)) == 2


async def test_a_decision_without_events_changes_nothing(log: JobLog) -> None:
    job_id = await a_job(log)
    before = await log.commit(job_id, upload(0))
    assert await log.commit(job_id, upload(0)) == before
    assert len(await log.entries(job_id)) == 2


async def test_commits_at_once_from_two_processes_lose_nothing(log: JobLog, elsewhere: JobLog) -> None:
    pages = 12
    job_id = await a_job(log, pages)

    async def page_by(writer: JobLog, index: int) -> None:
        for wish in whole_way(index):
            await writer.commit(job_id, wish)

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for index in range(pages):
            group.create_task(page_by(log, index))
            group.create_task(page_by(elsewhere, index))  # the same wishes: each counts once
    entries = await log.entries(job_id)
    state = await elsewhere.state(job_id)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert fold(JobState.new(state.definition), entries) == state
    assert state.done
    names = [entry.event.name for entry in entries]
    assert names.count(EventName.PAGE_READY) == pages
    assert names.count(EventName.JOB_DONE) == 1


async def test_cut_anywhere_a_follower_gets_what_it_missed_and_nothing_twice(log: JobLog, elsewhere: JobLog) -> None:
    job_id = await a_finished_job(log)
    whole = list(await log.entries(job_id))
    for cut in range(len(whole)):
        assert whole[:cut] + await followed(elsewhere, job_id, after=cut) == whole
        assert list(await elsewhere.entries(job_id, after=cut)) == whole[cut:]


async def test_following_while_it_happens_gives_the_log(log: JobLog, elsewhere: JobLog) -> None:
    job_id = await a_job(log, pages=4)
    followers = [asyncio.create_task(followed(where, job_id, after)) for where in (log, elsewhere) for after in (0, 3)]
    for index in range(4):
        for wish in whole_way(index):
            await log.commit(job_id, wish)
            await asyncio.sleep(0)
    whole = list(await log.entries(job_id))
    assert [await task for task in followers] == [whole, whole[3:], whole, whole[3:]]


async def test_a_follower_that_comes_and_goes_at_any_moment_gets_every_event_once(log: JobLog, elsewhere: JobLog) -> None:
    job_id = await a_job(log, pages=6)

    async def restless() -> list[Entry]:
        got: list[Entry] = []
        while not (got and got[-1].event.name is EventName.JOB_DONE):
            async with aclosing(elsewhere.follow(job_id, got[-1].seq if got else 0)) as batches:
                got += await anext(batches)
        return got

    async with asyncio.timeout(PATIENCE_S):
        tasks = [asyncio.create_task(restless()) for _ in range(10)]
        for index in range(6):
            for wish in whole_way(index):
                await log.commit(job_id, wish)
                await asyncio.sleep(0.001)
        whole = list(await log.entries(job_id))
        for task in tasks:
            assert await task == whole


async def test_a_thousand_followers_each_get_every_event(log: JobLog, elsewhere: JobLog) -> None:
    job_id = await a_job(log)
    followers = [asyncio.create_task(followed(elsewhere, job_id)) for _ in range(1000)]
    await asyncio.sleep(0.05)
    for index in range(3):
        for wish in whole_way(index):
            await log.commit(job_id, wish)
    whole = list(await log.entries(job_id))
    for task in followers:
        assert await task == whole


async def test_deleting_a_job_wakes_its_followers_and_leaves_nothing(log: JobLog, elsewhere: JobLog) -> None:
    job_id = await a_job(log)
    followers = [asyncio.create_task(followed(where, job_id)) for where in (log, elsewhere)]
    await asyncio.sleep(0.05)
    await log.delete(job_id)
    for task in followers:
        with pytest.raises(JobNotFound):
            await task
    for call in (log.state(job_id), log.snapshot(job_id), log.entries(job_id), log.commit(job_id, upload(0)), log.delete(job_id)):
        with pytest.raises(JobNotFound):
            await call
    assert job_id not in await elsewhere.job_ids()
    assert await elsewhere.open_jobs("client-a") == 0


@pytest.mark.parametrize("job_id", ["job_unknown", "", "job_\u2028", "a:b:snapshot", "x" * 5000])
async def test_a_job_that_never_was_is_not_found(log: JobLog, job_id: str) -> None:
    calls = (log.state(job_id), log.snapshot(job_id), log.entries(job_id), log.commit(job_id, upload(0)), log.delete(job_id))
    for call in (*calls, followed(log, job_id), log.acquire(job_id, "me", 1.0)):
        with pytest.raises(JobNotFound):
            await call


async def test_a_follower_ahead_of_the_log_waits_for_what_comes(log: JobLog) -> None:
    job_id = await a_job(log)
    await log.commit(job_id, upload(0))
    task = asyncio.create_task(followed(log, job_id, after=3, until=EventName.PAGE_READY))
    await asyncio.sleep(0.02)
    assert not task.done()
    await log.commit(job_id, decisions.advance(0, 1, PageState.TTS))
    await log.commit(job_id, ready(0))
    assert (await task)[0].seq == 4


async def test_a_lease_has_one_owner_who_may_renew_and_give_it_back(log: JobLog, elsewhere: JobLog) -> None:
    job_id = await a_job(log)
    assert await log.acquire(job_id, "one", 30.0)
    assert not await elsewhere.acquire(job_id, "two", 30.0)
    assert await log.acquire(job_id, "one", 30.0)
    await elsewhere.release(job_id, "two")
    assert not await elsewhere.acquire(job_id, "two", 30.0)
    await log.release(job_id, "one")
    assert await elsewhere.acquire(job_id, "two", 30.0)


async def test_parts_of_the_work_have_leases_of_their_own(log: JobLog, elsewhere: JobLog) -> None:
    job_id = await a_job(log)
    await log.commit(job_id, upload(0))
    assert await log.acquire(job_id, "one", 30.0, ARRIVALS)
    assert not await elsewhere.acquire(job_id, "two", 30.0, ARRIVALS)
    assert list(await elsewhere.abandoned()) == [job_id]
    assert await elsewhere.acquire(job_id, "two", 30.0)
    await elsewhere.release(job_id, "two")
    assert not await elsewhere.acquire(job_id, "two", 30.0, ARRIVALS)


async def test_a_lease_that_is_not_renewed_runs_out(log: JobLog, elsewhere: JobLog) -> None:
    job_id = await a_job(log)
    assert await log.acquire(job_id, "one", 0.05)
    await asyncio.sleep(0.1)
    assert await elsewhere.acquire(job_id, "two", 30.0)
    assert not await log.acquire(job_id, "one", 30.0)


async def test_giving_back_the_lease_of_a_job_that_is_gone_is_fine(log: JobLog) -> None:
    job_id = await a_job(log)
    await log.acquire(job_id, "one", 30.0)
    await log.delete(job_id)
    await log.release(job_id, "one")


async def test_jobs_with_work_and_without_a_lease_are_abandoned(log: JobLog, elsewhere: JobLog) -> None:
    finished = await a_finished_job(log)
    await a_job(log)  # waits for its uploads: nothing to do yet
    held, let_go, never_held = await a_job(log), await a_job(log), await a_job(log)
    for job_id in (held, let_go, never_held):
        await log.commit(job_id, upload(0))
    await log.acquire(held, "one", 30.0)
    await log.acquire(let_go, "one", 30.0)
    await log.release(let_go, "one")
    assert set(await elsewhere.abandoned()) == {let_go, never_held}
    assert list(await elsewhere.narrated()) == [held]
    await log.commit(finished, upload(0, "other bytes open it again"))
    assert finished in await elsewhere.abandoned()


async def test_what_is_noted_of_attempts_is_seen_everywhere_tells_nobody_and_goes_with_the_job(
    log: JobLog, elsewhere: JobLog
) -> None:
    job_id = await a_job(log)
    assert await elsewhere.attempts(job_id) is None
    for count in (1, 2):
        await log.note_attempts(job_id, Attempts("0.1.tts", count, 1000.5, "fc-1"))
    assert not await elsewhere.entries(job_id)
    await log.commit(job_id, upload(0))
    assert await elsewhere.attempts(job_id) == Attempts("0.1.tts", 2, 1000.5, "fc-1")
    await log.delete(job_id)
    for call in (elsewhere.attempts(job_id), elsewhere.note_attempts(job_id, Attempts("", 3, 0.0, ""))):
        with pytest.raises(JobNotFound):
            await call
    with pytest.raises(JobNotFound):
        await elsewhere.state(job_id)


async def test_unfinished_jobs_are_counted_by_client(log: JobLog, elsewhere: JobLog) -> None:
    first, second = await a_job(log, pages=1), await a_job(log, pages=1)
    await a_job(log, client="client-b")
    assert await elsewhere.open_jobs("client-a") == 2
    for wish in whole_way(0):
        await log.commit(first, wish)
    assert await elsewhere.open_jobs("client-a") == 1
    await log.commit(first, upload(0, "other bytes open it again"))
    assert await elsewhere.open_jobs("client-a") == 2
    await log.delete(first)
    await log.delete(second)
    assert await elsewhere.open_jobs("client-a") == 0
    assert await elsewhere.open_jobs("client-b") == 1
    assert await elsewhere.open_jobs("nobody") == 0


async def test_all_jobs_are_listed(log: JobLog, elsewhere: JobLog) -> None:
    jobs = {await a_job(log) for _ in range(5)} | {await a_finished_job(log, pages=1)}
    assert set(await elsewhere.job_ids()) == jobs


async def test_an_idempotency_key_names_one_living_job(log: JobLog, elsewhere: JobLog) -> None:
    first, second = await a_job(log), await a_job(log)
    assert await log.remember_start("key", first) == first
    assert await elsewhere.remember_start("key", second) == first
    assert await elsewhere.remember_start("other key", second) == second
    await log.delete(first)
    assert await elsewhere.remember_start("key", second) == second


async def test_one_of_many_equal_starts_wins(log: JobLog, elsewhere: JobLog) -> None:
    jobs = [await a_job(log) for _ in range(20)]
    bound: Sequence[str] = await asyncio.gather(
        *((log, elsewhere)[k % 2].remember_start("key", job_id) for k, job_id in enumerate(jobs))
    )
    assert len(set(bound)) == 1


async def test_text_of_any_kind_survives_the_log(log: JobLog, elsewhere: JobLog) -> None:
    """Chapter ids and reasons may hold line separators, quotes, emoji."""
    text = "ドン!\u2028\u0085\n\"'\\\x00 😀"
    job_id = await a_job(log)
    event = Event(EventName.PAGE_STATUS, {"index": 0, "revision": 0, "state": PageState.ERROR, "reason": text})
    await log.commit(job_id, lambda state: () if state.cursor else (event,))
    assert (await elsewhere.state(job_id)).pages[0].reason == text
    assert (await elsewhere.entries(job_id))[0].event.data["reason"] == text


async def test_a_tail_is_woken_takes_what_has_come_and_is_told_of_the_end(log: JobLog, elsewhere: JobLog) -> None:
    job_id = await a_job(log)
    woken, left_alone = asyncio.Event(), asyncio.Event()
    tail = await log.tail(job_id, 0, woken.set)
    closed = await log.tail(job_id, 0, left_alone.set)
    closed.close()
    assert tail.take() == []
    await elsewhere.commit(job_id, decisions.focus(1))
    async with asyncio.timeout(PATIENCE_S):
        await woken.wait()
        while not (found := tail.take()):
            await asyncio.sleep(0.01)
    assert [(entry.seq, entry.event.name) for entry in found] == [(1, EventName.FOCUS)]
    assert tail.take() == []
    woken.clear()
    await elsewhere.delete(job_id)
    async with asyncio.timeout(PATIENCE_S):
        await woken.wait()
    with pytest.raises(JobNotFound):
        tail.take()
    tail.close()
    assert not left_alone.is_set()
