"""Checking uploads: whoever sends a hundred does not keep the others waiting for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from backend.api import pool
from backend.api.pool import THREADS, CheckPool
from backend.errors import BadImage


@pytest.fixture
async def checks(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CheckPool]:
    """Takes 20 ms for each; what it is given is bad where it says so."""

    def check_page(data: bytes) -> str:
        time.sleep(0.02)
        if data == b"bad":
            raise BadImage
        return data.decode()

    monkeypatch.setattr(pool, "check_page", check_page)
    found = CheckPool()
    yield found
    found.close()


async def checked(checks: CheckPool, data: bytes, caller: str, ended: list[str]) -> None:
    try:
        await checks.check(data, caller)
    finally:
        ended.append(caller)


async def test_callers_take_turns_however_many_uploads_each_of_them_sends(checks: CheckPool) -> None:
    ended: list[str] = []
    many = [checked(checks, b"good", "a", ended) for _ in range(20)]
    few = [checked(checks, b"good", caller, ended) for caller in ("b", "c", "b")]
    await asyncio.gather(*many, *few)
    assert sorted(ended[:8]).count("b") == 2
    assert "c" in ended[:6]
    assert ended.count("a") == 20


async def test_bad_images_and_callers_that_leave_keep_no_thread(checks: CheckPool) -> None:
    ended: list[str] = []
    tasks = [asyncio.create_task(checked(checks, data, "a", ended)) for data in [b"good", b"bad"] * 5]
    await asyncio.sleep(0)
    for waiting in tasks[THREADS + 1 :: 2]:
        waiting.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in found} == {type(None), BadImage, asyncio.CancelledError}
    async with asyncio.timeout(2):
        await asyncio.gather(*(checked(checks, b"good", "b", ended) for _ in range(THREADS * 3)))


async def test_one_that_leaves_just_as_its_turn_comes_passes_it_on(checks: CheckPool, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    running = [asyncio.create_task(checked(checks, b"good", "a", ended)) for _ in range(THREADS)]
    await asyncio.sleep(0)
    leaving, staying = (asyncio.create_task(checked(checks, b"good", caller, ended)) for caller in "bc")
    pass_on = checks._pass_on

    def and_leave() -> None:
        pass_on()
        leaving.cancel()

    monkeypatch.setattr(checks, "_pass_on", and_leave)
    async with asyncio.timeout(2):
        await asyncio.gather(*running, staying)
        assert leaving.cancelled()
        await asyncio.gather(*(checked(checks, b"good", "d", ended) for _ in range(THREADS * 3)))
    assert checks._free == THREADS
