"""Windows under fire: clients narrate while processes are killed, and afterwards the log is held against what everybody was told."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from backend.jobs.events import Entry, EventName
from backend.jobs.redis import RedisJobLog
from backend.jobs.redis_link import RedisLink
from tests.support.fleet import Fleet
from tests.support.stubborn_client import Heard, StubbornClient

SUBSCRIBERS = 2
"""Of each window."""


@dataclass
class Outcome:
    """What became of the windows. Everything below `pages` counts mistakes."""

    windows: int = 0
    kills: int = 0
    pages: int = 0
    events: int = 0
    """Events told to subscribers."""
    reconnects: int = 0
    windows_not_ended: int = 0
    pages_lost: int = 0
    pages_ready_twice: int = 0
    events_lost: int = 0
    events_twice: int = 0
    events_wrong: int = 0
    """Out of order, or not in the log."""

    @property
    def mistakes(self) -> int:
        wrong = (self.windows_not_ended, self.pages_lost, self.pages_ready_twice)
        return sum(wrong) + self.events_lost + self.events_twice + self.events_wrong


async def narrate_under_fire(
    fleet: Fleet,
    redis_url: str,
    *,
    kills: int,
    seconds_between: tuple[float, float],
    pages: int = 3,
    at_once: int = 4,
    spared_from_clients: int = 1,
    seed: int = 1,
) -> Outcome:
    """Kills processes at random moments, each started again at once, until `kills` are done and the last windows have ended.

    Args:
        at_once: windows under way at any time.
        spared_from_clients: so many of the processes no client talks to: pipelines that only work on what others left behind.
    """
    dice = random.Random(seed)
    bases = [member.base for member in fleet.members[: len(fleet.members) - spared_from_clients]]
    windows: dict[str, list[Heard]] = {}

    async def kill() -> None:
        for _ in range(kills):
            await asyncio.sleep(dice.uniform(*seconds_between))
            victim = dice.choice(fleet.members)
            fleet.kill(victim)
            fleet.start(victim)

    async def listen(http: httpx.AsyncClient, lane: int) -> None:
        turn = 0
        while not killing.done():
            client = StubbornClient(http, bases, random.Random(100 * lane + turn))
            job_id = await client.start(f"chapter-{lane}-{turn}", pages)
            async with asyncio.TaskGroup() as group:
                subscribers = [group.create_task(client.follow(job_id)) for _ in range(SUBSCRIBERS)]
                # Other pages in every window: what one has spoken is no help to the next.
                await client.upload(job_id, [(pages * (at_once * turn + lane) + k) % 256 for k in range(pages)])
            windows[job_id] = [task.result() for task in subscribers]
            turn += 1

    # A fresh connection for every call: a kept one to a killed process would only fail later.
    async with httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0)) as http:
        killing = asyncio.create_task(kill())
        async with asyncio.TaskGroup() as group:
            for lane in range(at_once):
                group.create_task(listen(http, lane))
        await killing
    log = RedisJobLog(RedisLink(redis_url), job_ttl_s=3600)
    outcome = Outcome(windows=len(windows), kills=fleet.kills)
    try:
        for job_id, heard in windows.items():
            _judge(outcome, await log.entries(job_id), heard, pages)
    finally:
        await log.aclose()
    return outcome


def _judge(outcome: Outcome, entries: Sequence[Entry], heard: Sequence[Heard], pages: int) -> None:
    names = Counter(entry.event.name for entry in entries)
    ready = Counter(entry.event.data["index"] for entry in entries if entry.event.name is EventName.PAGE_READY)
    outcome.pages += pages
    outcome.windows_not_ended += names[EventName.JOB_DONE] != 1
    outcome.pages_lost += sum(not ready[index] for index in range(pages))
    outcome.pages_ready_twice += sum(times > 1 for times in ready.values())
    expected = [str(entry.seq) for entry in entries]
    for subscriber in heard:
        told = Counter(subscriber.ids)
        outcome.events += len(subscriber.ids)
        outcome.reconnects += subscriber.connections - 1
        outcome.events_lost += sum(seq not in told for seq in expected)
        outcome.events_twice += sum(times > 1 for times in told.values())
        outcome.events_wrong += list(dict.fromkeys(subscriber.ids)) != expected
