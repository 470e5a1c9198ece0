"""The memory that bodies take while they arrive: a caller's bodies wait for one another, and no other caller's for them."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from functools import partial

import httpx
import pytest

from backend.api.guard import Guard
from backend.api.intake import Intake
from tests.conftest import Serve
from tests.support.engines import page


async def waits(share: object, size: int) -> asyncio.Task[float]:
    task = asyncio.create_task(share.add(size))  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    return task


async def test_the_oldest_body_of_a_caller_goes_on_and_the_younger_wait_for_room() -> None:
    intake = Intake(100)
    with ExitStack() as first, ExitStack() as second:
        oldest, middle = first.enter_context(intake.share("a")), second.enter_context(intake.share("a"))
        with intake.share("a") as youngest:
            assert await oldest.add(60) == 0.0
            assert await middle.add(40) == 0.0
            held = await waits(middle, 1)
            also = await waits(youngest, 1)
            assert await oldest.add(500) == 0.0, "it is never held up"
            await asyncio.sleep(0.02)
            assert not held.done()
            first.close()
            await asyncio.sleep(0)
            assert held.done()
            assert also.done()
            assert held.result() >= 0.02, "so that its time can be made longer by it"
            third = await waits(youngest, 90)
            assert not third.done()
            second.close()
            await third
    assert len(intake) == 0


async def test_callers_do_not_wait_for_one_another() -> None:
    intake = Intake(100)
    with intake.share("a") as first, intake.share("a") as second, intake.share("b") as other, intake.share("b") as another:
        await first.add(1000)
        assert not (await waits(second, 1)).done()
        await other.add(50)
        assert (await waits(another, 50)).done()
        assert len(intake) == 2
    assert len(intake) == 0


async def test_one_that_leaves_while_it_waits_leaves_nothing() -> None:
    intake = Intake(100)
    with intake.share("a") as first:
        await first.add(1000)
        with intake.share("a") as second:
            waiting = await waits(second, 50)
            waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert len(intake) == 0


async def test_many_large_uploads_at_once_are_all_taken_and_hold_up_nobody_else(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.app.Guard", partial(Guard, most_bytes=500_000))
    client = await serve(trusted_proxies="127.0.0.1")
    plan = await client.start(2)
    put = [slot["put_url"] for slot in plan["upload"]["pages"]]
    url = httpx.URL(put[0])
    standing = []
    for _ in range(3):  # each has 400 kB underway and goes no further
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"PUT %s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 900000\r\n\r\n" % url.raw_path)
        writer.write(b"x" * 400_000)
        standing.append(writer)
    await asyncio.sleep(0.1)
    late = asyncio.create_task(client.http.put(put[0], content=b"x" * 300_000, headers={"X-Forwarded-For": "192.0.2.1"}))
    async with asyncio.timeout(2):
        assert (await client.http.put(put[1], content=page(1), headers={"X-Forwarded-For": "192.0.2.2"})).is_success
        assert (await client.http.get(plan["snapshot_url"])).is_success
        many = [client.http.put(put[0], content=b"x" * 300_000, headers={"X-Forwarded-For": "192.0.2.3"}) for _ in range(12)]
        assert {reply.status_code for reply in await asyncio.gather(*many)} == {422}
    assert not late.done()
    for writer in standing:
        writer.transport.abort()
    async with asyncio.timeout(2):
        assert (await late).status_code == 422


async def test_a_body_that_waited_too_long_for_its_caller_s_others_is_told_so(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though each of them goes on, in drops, and would be waited for as long as it may take."""
    monkeypatch.setattr("backend.app.Guard", partial(Guard, most_bytes=100_000, longest_wait_s=0.3))
    client = await serve()
    put = httpx.URL((await client.start(1))["upload"]["pages"][0]["put_url"])
    _, dripping = await asyncio.open_connection(put.host, put.port)
    dripping.write(b"PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n" % put.raw_path + b"x" * 90_000)
    await asyncio.sleep(0.1)
    late = asyncio.create_task(client.http.put(str(put), content=b"x" * 300_000))
    async with asyncio.timeout(3):
        while not late.done():
            dripping.write(b"x")
            await asyncio.sleep(0.02)
        reply = await late
    assert (reply.status_code, reply.json()["code"]) == (408, "request_timeout")
    assert "same address" in reply.json()["detail"]
    dripping.transport.abort()


async def test_a_stream_holds_up_nobody_however_long_it_lasts() -> None:
    """It may be asked for with a body of no bytes, or of some, and is the oldest request of its caller then."""
    intake = Intake(100)
    with intake.share("a") as empty, intake.share("a") as small, intake.share("a") as upload:
        await small.add(60)
        waiting = await waits(upload, 80)
        assert not waiting.done()
        small.release()
        assert await asyncio.wait_for(waiting, 1) >= 0
        assert await asyncio.wait_for(upload.add(500), 1) == 0.0
        assert empty is not None
