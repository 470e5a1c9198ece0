"""kill -9 at random moments: every window ends, every page becomes ready once, every subscriber sees every event once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import httpx

from backend.jobs.redis import RedisJobLog
from backend.jobs.redis_link import RedisLink
from tests.support.fleet import Fleet
from tests.support.stubborn_client import Heard, StubbornClient

KILLS = 50
PAGES = 3
AT_ONCE = 4
"""Windows that are under way at any time."""
PROCESSES = 3
"""Clients talk to the first two; the third only works on what the others leave behind: a pipeline of its own."""
SECONDS_BETWEEN_KILLS = (0.2, 1.3)


async def test_fifty_kills_lose_nothing_and_repeat_nothing(shared: dict[str, str], fleet_of: Callable[..., Fleet]) -> None:
    dice = random.Random(1)
    windows: dict[str, list[Heard]] = {}
    with fleet_of(PROCESSES) as fleet:
        async with asyncio.timeout(110), httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0)) as http:
            bases = [member.base for member in fleet.members[:2]]
            killing = asyncio.create_task(_kill(fleet, dice))

            async def listen(lane: int) -> None:
                turn = 0
                while not killing.done():
                    client = StubbornClient(http, bases, random.Random(100 * lane + turn))
                    job_id = await client.start(f"chapter-{lane}-{turn}", PAGES)
                    async with asyncio.TaskGroup() as group:
                        subscribers = [group.create_task(client.follow(job_id)) for _ in range(2)]
                        # Other pages in every window: what one has spoken is no help to the next.
                        await client.upload(job_id, [(PAGES * (AT_ONCE * turn + lane) + k) % 256 for k in range(PAGES)])
                    windows[job_id] = [task.result() for task in subscribers]
                    turn += 1

            async with asyncio.TaskGroup() as group:
                for lane in range(AT_ONCE):
                    group.create_task(listen(lane))
            await killing
        log = RedisJobLog(RedisLink(shared["redis_url"]), job_ttl_s=3600)
        for job_id, heard in windows.items():
            entries = await log.entries(job_id)
            state = await log.state(job_id)
            assert [page.state for page in state.pages] == ["ready"] * PAGES
            ready = Counter(entry.event.data["index"] for entry in entries if entry.event.name == "page_ready")
            assert ready == dict.fromkeys(range(PAGES), 1)
            assert sum(entry.event.name == "job_done" for entry in entries) == 1
            for subscriber in heard:
                assert subscriber.ids == [str(entry.seq) for entry in entries]
        await log.aclose()
        assert fleet.kills == KILLS
        assert len(windows) > 10


async def _kill(fleet: Fleet, dice: random.Random) -> None:
    for _ in range(KILLS):
        await asyncio.sleep(dice.uniform(*SECONDS_BETWEEN_KILLS))
        victim = dice.choice(fleet.members)
        fleet.kill(victim)
        fleet.start(victim)
