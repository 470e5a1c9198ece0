"""kill -9 at random moments: every window ends, every page becomes ready once, every subscriber sees every event once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.support.fleet import Fleet
from tests.support.kills import narrate_under_fire

KILLS = 50
SECONDS_BETWEEN_KILLS = (0.1, 0.9)
PROCESSES = 3
"""Clients talk to the first two; the third only works on what the others leave behind: a pipeline of its own."""


async def test_fifty_kills_lose_nothing_and_repeat_nothing(shared: dict[str, str], fleet_of: Callable[..., Fleet]) -> None:
    with fleet_of(PROCESSES) as fleet:
        async with asyncio.timeout(110):
            outcome = await narrate_under_fire(fleet, shared["redis_url"], kills=KILLS, seconds_between=SECONDS_BETWEEN_KILLS)
    assert outcome.kills == KILLS
    assert outcome.windows >= 4
    assert outcome.mistakes == 0, outcome
