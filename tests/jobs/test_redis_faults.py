"""What Redis and the network do to each other, and what nobody notices of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from backend.errors import ConfigurationError, JobNotFound, Unavailable
from backend.jobs import keys, redis_live
from backend.jobs.events import Entry, Event, EventName
from backend.jobs.redis import RedisJobLog
from backend.jobs.redis_link import RedisLink
from backend.jobs.state import JobState, fold
from tests.support.bad_network import BadNetwork
from tests.support.jobs import a_definition, upload, whole_way
from tests.support.valkey import Valkey

PAGES = 4


@asynccontextmanager
async def a_log(url: str, *, timeout_s: float = 0.3, patience_s: float = 20.0, ttl_s: float = 3600) -> AsyncIterator[RedisJobLog]:
    log = RedisJobLog(RedisLink(url, timeout_s=timeout_s, patience_s=patience_s), job_ttl_s=ttl_s)
    try:
        yield log
    finally:
        await log.aclose()


@pytest.fixture
async def network(valkey: Valkey) -> AsyncIterator[BadNetwork]:
    async with BadNetwork(valkey.port) as network:
        yield network


@pytest.fixture
async def shaky(network: BadNetwork) -> AsyncIterator[RedisJobLog]:
    """A log whose network the test can spoil."""
    async with a_log(f"redis://127.0.0.1:{network.port}") as log:
        yield log


@pytest.fixture
async def steady(valkey: Valkey) -> AsyncIterator[RedisJobLog]:
    """The same log over a good network, to see what really happened."""
    async with a_log(valkey.url) as log:
        yield log


async def a_job(log: RedisJobLog, pages: int = PAGES) -> str:
    return (await log.create(a_definition(pages))).definition.job_id


async def narrate(log: RedisJobLog, job_id: str, pages: int = PAGES, pause_s: float = 0.0) -> None:
    for index in range(pages):
        for wish in whole_way(index):
            await log.commit(job_id, wish)
            await asyncio.sleep(pause_s)


async def follow_to_the_end(log: RedisJobLog, job_id: str) -> list[Entry]:
    got: list[Entry] = []
    async with aclosing(log.follow(job_id)) as batches:
        async for batch in batches:
            got += batch
            if got[-1].event.name is EventName.JOB_DONE:
                return got
    raise AssertionError


def assert_whole(entries: list[Entry], state: JobState, pages: int = PAGES) -> None:
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert fold(JobState.new(state.definition), entries) == state
    names = [entry.event.name for entry in entries]
    assert names.count(EventName.PAGE_UPLOADED) == names.count(EventName.PAGE_READY) == pages
    assert names.count(EventName.JOB_DONE) == 1


async def test_a_stalled_server_never_makes_an_event_appear_twice(
    network: BadNetwork, shaky: RedisJobLog, steady: RedisJobLog
) -> None:
    """The server did the commit, its reply never came, and the call was made again over another connection."""
    await shaky.commit(await a_job(shaky), upload(0))  # the server knows the script
    job_id = await a_job(shaky)
    for index in range(PAGES):
        network.withhold_replies(to=b"EVALSHA")
        committing = asyncio.create_task(shaky.commit(job_id, upload(index)))
        async with asyncio.timeout(5), aclosing(steady.follow(job_id, 2 * index)) as batches:
            await anext(batches)
        await asyncio.sleep(0.4)  # longer than the time-out: at least one more attempt is under way
        assert not committing.done()
        network.answer_again()
        assert (await committing).cursor == 2 * (index + 1)
    entries = await steady.entries(job_id)
    assert [(entry.event.name, entry.event.data["index"]) for entry in entries] == [
        (name, index) for index in range(PAGES) for name in (EventName.PAGE_UPLOADED, EventName.PAGE_STATUS)
    ]


async def test_a_repeated_commit_is_recognised_even_after_others_have_committed(
    shaky: RedisJobLog, steady: RedisJobLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await a_job(steady)
    decided = 0

    def counted(state: JobState) -> Sequence[Event]:
        nonlocal decided
        decided += 1
        return upload(0)(state)

    run_script = shaky.link.client.evalsha

    async def lose_the_reply(*words: Any) -> Any:
        monkeypatch.setattr(shaky.link.client, "evalsha", run_script)
        await run_script(*words)
        await steady.commit(job_id, upload(1))
        raise TimeoutError

    await shaky.commit(await a_job(shaky), upload(0))  # the server knows the script
    monkeypatch.setattr(shaky.link.client, "evalsha", lose_the_reply)
    await shaky.commit(job_id, counted)
    assert decided == 1
    assert [entry.event.data["index"] for entry in await steady.entries(job_id)] == [0, 0, 1, 1]


async def test_a_network_that_stalls_and_breaks_at_random_loses_nothing_and_repeats_nothing(
    network: BadNetwork, shaky: RedisJobLog, steady: RedisJobLog
) -> None:
    dice = random.Random(4)
    pages = 12
    job_id = await a_job(shaky, pages)

    async def spoil() -> None:
        while True:
            await asyncio.sleep(dice.uniform(0.02, 0.2))
            if dice.random() < 0.5:
                await network.cut()
            else:
                network.withhold_replies()
                await asyncio.sleep(dice.uniform(0.05, 0.4))
                network.answer_again()

    async with asyncio.timeout(60):
        following = [asyncio.create_task(follow_to_the_end(log, job_id)) for log in (shaky, steady)]
        spoiling = asyncio.create_task(spoil())
        await narrate(shaky, job_id, pages, pause_s=0.05)
        spoiling.cancel()
        network.answer_again()
        got = [await task for task in following]
    state = await steady.state(job_id)
    assert_whole(got[0], state, pages)
    assert got[0] == got[1] == list(await steady.entries(job_id))


async def test_redis_away_for_ten_seconds_and_back_goes_unnoticed(network: BadNetwork, shaky: RedisJobLog) -> None:
    job_id = await a_job(shaky)
    async with asyncio.timeout(40):
        following = asyncio.create_task(follow_to_the_end(shaky, job_id))
        await shaky.commit(job_id, whole_way(0)[0])
        await network.disconnect()
        narrating = asyncio.create_task(narrate(shaky, job_id))
        looking = asyncio.create_task(shaky.snapshot(job_id))
        await asyncio.sleep(10)
        assert not narrating.done()
        assert not looking.done()
        await network.connect()
        await narrating
        assert await looking
        assert_whole(await following, await shaky.state(job_id))


async def test_redis_away_for_longer_than_our_patience_is_a_clear_error_and_nothing_hangs(valkey: Valkey) -> None:
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(BadNetwork(valkey.port))
        log = await stack.enter_async_context(a_log(f"redis://127.0.0.1:{network.port}", patience_s=0.5))
        job_id = await a_job(log)
        await network.disconnect()
        began = time.monotonic()
        for call in (
            log.state(job_id),
            log.commit(job_id, upload(0)),
            log.create(a_definition()),
            log.acquire(job_id, "me", 1.0),
        ):
            with pytest.raises(Unavailable, match="does not answer"):
                await call
        assert time.monotonic() - began < 4
        await network.connect()
        assert (await log.state(job_id)).cursor == 0


async def test_redis_restarted_empty_ends_windows_with_not_found_and_new_ones_work() -> None:
    with Valkey() as server:
        async with asyncio.timeout(30), a_log(server.url) as log:
            job_id = await a_job(log)
            await log.commit(job_id, upload(0))
            following = asyncio.create_task(follow_to_the_end(log, job_id))
            await asyncio.sleep(0.1)
            server.stop()
            await asyncio.sleep(0.3)
            server.start()
            with pytest.raises(JobNotFound):
                await following
            with pytest.raises(JobNotFound):
                await log.commit(job_id, upload(1))
            fresh = await a_job(log)
            following = asyncio.create_task(follow_to_the_end(log, fresh))
            await narrate(log, fresh)
            assert_whole(await following, await log.state(fresh))


async def test_a_follower_misses_nothing_when_its_channel_is_cut_again_and_again(valkey: Valkey, steady: RedisJobLog) -> None:
    job_id = await a_job(steady, pages=12)
    async with asyncio.timeout(30):
        following = asyncio.create_task(follow_to_the_end(steady, job_id))

        async def cut() -> None:
            while True:
                await asyncio.sleep(0.1)
                valkey.command("CLIENT", "KILL", "TYPE", "pubsub")

        cutting = asyncio.create_task(cut())
        await narrate(steady, job_id, pages=12, pause_s=0.03)
        cutting.cancel()
        assert_whole(await following, await steady.state(job_id), pages=12)


async def test_calls_cancelled_at_any_moment_end_at_once_and_do_not_mix_up_the_replies_of_others(steady: RedisJobLog) -> None:
    dice = random.Random(5)
    jobs = [await a_job(steady, pages) for pages in (1, 2, 3)]
    async with asyncio.timeout(20):
        for turn in range(300):
            job_id = jobs[turn % 3]
            calls = [
                asyncio.create_task(steady.commit(job_id, upload(0, str(turn)))),
                asyncio.create_task(steady.entries(job_id)),
            ]
            await asyncio.sleep(dice.uniform(0, 0.002))
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
            other = dice.randrange(3)
            assert len((await steady.state(jobs[other])).pages) == other + 1
    for job_id in jobs:
        state = await steady.state(job_id)
        assert fold(JobState.new(state.definition), await steady.entries(job_id)) == state


async def test_a_server_that_forgot_our_scripts_is_given_them_again(valkey: Valkey, steady: RedisJobLog) -> None:
    job_id = await a_job(steady)
    await steady.commit(job_id, upload(0))
    valkey.command("SCRIPT", "FLUSH")
    assert (await steady.commit(job_id, upload(1))).cursor == 4


async def test_a_job_runs_out_with_all_it_owns_and_its_followers_are_told(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_live, "SWEEP_S", 0.2)
    async with asyncio.timeout(20), a_log(valkey.url, ttl_s=0.6) as log:
        job_id = await a_job(log)
        await log.remember_start("key", job_id)
        await log.commit(job_id, upload(0))
        with pytest.raises(JobNotFound):
            await follow_to_the_end(log, job_id)
        with pytest.raises(JobNotFound):
            await log.snapshot(job_id)
        assert await log.open_jobs("client-a") == 0
        assert await log.abandoned() == []
        assert await log.job_ids() == [job_id], "the keeper must still learn whose objects to remove"
        with pytest.raises(JobNotFound):
            await log.delete(job_id)
        assert await log.job_ids() == []
        async with Redis.from_url(valkey.url) as redis:
            assert await redis.keys("*") == []


async def test_every_key_has_its_time_and_its_documented_name(valkey: Valkey, steady: RedisJobLog) -> None:
    job_id = await a_job(steady)
    await steady.commit(job_id, upload(0))
    await steady.acquire(job_id, "me", 15.0)
    await steady.remember_start("key", job_id)
    async with Redis.from_url(valkey.url, decode_responses=True) as redis:
        lives = {name: await redis.ttl(name) for name in await redis.keys("*")}
        stream = [place for place, _ in await redis.xrange(f"narration:job:{job_id}:events") or ()]
    assert stream == ["1-0", "2-0"]
    assert lives.pop("narration:open") == lives.pop("narration:jobs") == -1
    assert 0 < lives.pop(f"narration:job:{job_id}:lease") <= 15
    assert set(lives) == {
        f"narration:job:{job_id}",
        f"narration:job:{job_id}:snapshot",
        f"narration:job:{job_id}:events",
        "narration:client:client-a:open",
        keys.start("key"),
    }
    assert all(3500 < life <= 3600 for life in lives.values())


async def test_a_log_of_which_a_part_was_evicted_counts_as_gone(valkey: Valkey, steady: RedisJobLog) -> None:
    job_id = await a_job(steady)
    await steady.commit(job_id, upload(0))
    valkey.command("DEL", keys.events(job_id))
    with pytest.raises(JobNotFound):
        await steady.entries(job_id)
    with pytest.raises(JobNotFound):
        await follow_to_the_end(steady, job_id)


async def test_refused_credentials_are_said_at_once(valkey: Valkey) -> None:
    began = time.monotonic()
    async with a_log(f"redis://somebody:wrong@127.0.0.1:{valkey.port}") as log:
        with pytest.raises(Unavailable, match="refuses"):
            await log.state("job_x")
        with pytest.raises(Unavailable, match="refuses the credentials in REDIS_URL") as caught:
            await log.link.check()
        assert "wrong" not in str(caught.value)
    assert time.monotonic() - began < 2


async def test_a_good_connection_names_its_server(steady: RedisJobLog) -> None:
    name, version = (await steady.link.check()).split()
    assert name in {"valkey", "redis"}
    assert int(version.split(".")[0]) >= 6


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:6379", "redis://127.0.0.1:port"])
def test_an_address_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL"):
        RedisLink(url)
