"""Two processes, one Redis, one bucket: it does not matter which of them a client talks to, nor whether it lives."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from tests.support.bad_network import BadNetwork
from tests.support.engines import page
from tests.support.fleet import Fleet
from tests.support.s3_gate import S3
from tests.support.server import until
from tests.support.stubborn_client import StubbornClient
from tests.support.valkey import Valkey

FleetOf = Callable[..., Fleet]
JOBS = "/v1/narration/jobs"
PNG = {"Content-Type": "image/png"}


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=40, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        yield client


def client_of(http: httpx.AsyncClient, *bases: str) -> StubbornClient:
    return StubbornClient(http, bases, random.Random(2))


async def snapshot_when(client: StubbornClient, job_id: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    for _ in range(200):
        snapshot = await client.snapshot(job_id)
        if reached(snapshot):
            return snapshot
        await asyncio.sleep(0.1)
    raise AssertionError(snapshot)


async def test_any_process_serves_any_job(fleet_of: FleetOf, http: httpx.AsyncClient) -> None:
    with fleet_of(2) as fleet:
        here, there = (member.base for member in fleet.members)
        job_id = await client_of(http, here).start("chapter", 3)
        await client_of(http, there).upload(job_id, [1, 2, 3])
        told = [
            [(frame.id, frame.name) for frame in (await client_of(http, base).follow(job_id)).frames] for base in (here, there)
        ]
        assert told[0] == told[1]
        snapshot = await client_of(http, here).snapshot(job_id)
        assert snapshot == await client_of(http, there).snapshot(job_id)
        assert [found["state"] for found in snapshot["pages"]] == ["ready"] * 3
        path = snapshot["pages"][0]["audio"].removeprefix(here)
        assert (await http.get(f"{there}{path}")).content == (await http.get(f"{here}{path}")).content != b""
        assert (await http.delete(f"{there}{JOBS}/{job_id}")).status_code == 204
        for base in (here, there):
            assert (await http.get(f"{base}{JOBS}/{job_id}/snapshot")).status_code == 404
            assert (await http.get(f"{base}{path}")).status_code == 404

        # Equal starts of a client at the same time are one job, wherever they arrive and by whatever name.
        started = await asyncio.gather(*(client_of(http, base).start("other", 2) for base in [here, there] * 8))
        assert len(set(started)) == 1

        # The same pages again: another job, and no work for the engines.
        spoken = len(fleet.spoken_lines())
        again = await client_of(http, there).start("chapter again", 3)
        assert again != job_id
        await client_of(http, here).upload(again, [1, 2, 3])
        await client_of(http, there).follow(again)
        assert len(fleet.spoken_lines()) == spoken == len(set(fleet.spoken_lines()))


async def test_a_process_that_is_told_to_end_hands_its_windows_over_at_once(fleet_of: FleetOf, http: httpx.AsyncClient) -> None:
    """The lease is far longer than the test, so it is the handing over that is seen."""
    with fleet_of(2, lease_s=60.0, delay_s=0.3) as fleet:
        here, there = fleet.members
        job_id = await client_of(http, here.base).start("chapter", 8)
        await client_of(http, here.base).upload(job_id, range(8))
        early = await until(http, f"{here.base}{JOBS}/{job_id}/events", "page_ready", last_event_id="0")
        listening = [asyncio.create_task(_until_it_ends(http, f"{here.base}{JOBS}/{job_id}/events")) for _ in range(3)]
        await asyncio.sleep(0.2)
        fleet.terminate(here)
        async with asyncio.timeout(3):
            await asyncio.gather(*listening)  # a reply that is cut off, and not ended, would raise here
        began = time.monotonic()
        async with asyncio.timeout(20):
            rest = await until(http, f"{there.base}{JOBS}/{job_id}/events", "job_done", last_event_id=early[-1].id)
        assert time.monotonic() - began < 12
        told = [*early, *rest]
        assert [frame.id for frame in told] == [str(k) for k in range(1, len(told) + 1)]
        assert sorted(frame.data["index"] for frame in told if frame.name == "page_ready") == list(range(8))
        assert told[-1].data["ok"] is True


async def test_a_killed_pipeline_is_replaced_within_two_lease_times_and_nothing_finished_is_done_again(
    fleet_of: FleetOf, http: httpx.AsyncClient
) -> None:
    lease_s = 3.0
    with fleet_of(2, lease_s=lease_s, delay_s=0.3) as fleet:
        here, there = fleet.members
        job_id = await client_of(http, here.base).start("chapter", 8)
        began = time.monotonic()
        await client_of(http, here.base).upload(job_id, range(8))
        early = await until(http, f"{here.base}{JOBS}/{job_id}/events", "page_ready", last_event_id="0")
        page_s = time.monotonic() - began
        fleet.kill(here)
        began = time.monotonic()
        stream = await until(http, f"{there.base}{JOBS}/{job_id}/events", "page_ready", last_event_id=early[-1].id)
        # Two lease times until somebody else is at work; then a page takes what one took before, however busy the machine.
        assert time.monotonic() - began < 2 * lease_s + page_s
        await client_of(http, there.base).follow(job_id)
        spoken = fleet.spoken_lines()
        finished = [frame.data["index"] for frame in early if frame.name == "page_ready"]
        assert finished
        assert stream[-1].data["index"] not in finished
        for index in finished:
            assert spoken.count(f"Line 0 of page {index}.") == 1


async def test_redis_away_for_a_while_costs_no_page_and_no_request(
    valkey: Valkey, fleet_of: FleetOf, http: httpx.AsyncClient
) -> None:
    async with BadNetwork(valkey.port) as network:
        with fleet_of(1, redis_url=f"redis://127.0.0.1:{network.port}/0", rate_limit_start_max="100") as fleet:
            base = fleet.members[0].base
            job_id = await client_of(http, base).start("chapter", 6)
            await client_of(http, base).upload(job_id, [1, 2])
            following = asyncio.create_task(client_of(http, base).follow(job_id))
            await network.disconnect()
            uploads = [
                asyncio.create_task(http.put(f"{base}{JOBS}/{job_id}/pages/{k}", content=page(k + 1), headers=PNG))
                for k in range(2, 6)
            ]
            starting = asyncio.create_task(client_of(http, base).start("chapter that begins meanwhile", 1))
            await asyncio.sleep(3)
            await network.connect()
            assert await starting
            assert [(await upload).status_code for upload in uploads] == [200] * 4
            async with asyncio.timeout(30):
                heard = await following
            assert heard.frames[-1].data["ok"] is True
            assert heard.ids == [str(k) for k in range(1, len(heard.ids) + 1)]


async def test_a_client_has_one_limit_and_not_one_a_process(fleet_of: FleetOf, http: httpx.AsyncClient) -> None:
    with fleet_of(2, rate_limit_start_max="3") as fleet:
        here, there = (member.base for member in fleet.members)
        replies = [
            await http.post(f"{base}/v1/narration/session/start", json={"chapter_id": f"chapter-{k}"})
            for k, base in enumerate([here, there, here, there])
        ]
        assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
        assert 1 <= int(replies[-1].headers["retry-after"]) <= 61


async def test_redis_restarted_empty_ends_windows_and_begins_anew(
    valkey: Valkey, fleet_of: FleetOf, http: httpx.AsyncClient
) -> None:
    with fleet_of(1) as fleet:
        base = fleet.members[0].base
        job_id = await client_of(http, base).start("chapter", 3)
        stream = asyncio.create_task(_until_it_ends(http, f"{base}{JOBS}/{job_id}/events"))
        await asyncio.sleep(0.3)
        valkey.stop()
        await asyncio.sleep(0.2)
        await asyncio.to_thread(valkey.start)
        async with asyncio.timeout(20):
            await stream
            reply = await http.get(f"{base}{JOBS}/{job_id}/snapshot")
            assert (reply.status_code, reply.json()["code"]) == (404, "job_not_found")
            reply = await http.put(f"{base}{JOBS}/{job_id}/pages/0", content=page(1), headers=PNG)
            assert reply.status_code == 404
            fresh = await client_of(http, base).start("chapter", 2)
            await client_of(http, base).upload(fresh, [1, 2])
            assert (await client_of(http, base).follow(fresh)).frames[-1].data["ok"] is True


async def _until_it_ends(http: httpx.AsyncClient, url: str) -> None:
    async with http.stream("GET", url) as reply:
        async for _ in reply.aiter_bytes():
            pass


@pytest.mark.parametrize("trouble", ["503 Slow Down", "slow"])
async def test_a_bucket_in_trouble_for_a_while_costs_no_page(
    s3: S3, fleet_of: FleetOf, http: httpx.AsyncClient, trouble: str
) -> None:
    with fleet_of(1) as fleet:
        base = fleet.members[0].base
        job_id = await client_of(http, base).start("chapter", 3)
        await client_of(http, base).upload(job_id, [1])
        if trouble == "slow":
            s3.gate.delay_s = 1.0
        else:
            s3.give_trouble(trouble)
        uploads = [
            asyncio.create_task(http.put(f"{base}{JOBS}/{job_id}/pages/{k}", content=page(k + 1), headers=PNG)) for k in (1, 2)
        ]
        await asyncio.sleep(3)
        s3.behave()
        assert [(await upload).status_code for upload in uploads] == [200, 200]
        async with asyncio.timeout(30):
            heard = await client_of(http, base).follow(job_id)
        assert heard.frames[-1].data["ok"] is True


async def test_a_bucket_that_refuses_us_is_said_in_uploads_and_in_pages(
    s3: S3, fleet_of: FleetOf, http: httpx.AsyncClient
) -> None:
    with fleet_of(1, delay_s=1.0) as fleet:
        base = fleet.members[0].base
        job_id = await client_of(http, base).start("chapter", 2)
        await client_of(http, base).upload(job_id, [1])
        s3.give_trouble("403 Forbidden", "InvalidAccessKeyId")
        try:
            reply = await http.put(f"{base}{JOBS}/{job_id}/pages/1", content=page(2), headers=PNG)
            assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
            assert "credentials" in reply.json()["detail"]
            failed = await snapshot_when(client_of(http, base), job_id, lambda found: found["pages"][0]["state"] == "error")
            assert failed["pages"][0]["reason"] == "unavailable"
        finally:
            s3.behave()
        # The page is tried again when its bytes come again, and nothing else was lost.
        await client_of(http, base).upload(job_id, [1, 2])
        done = await snapshot_when(client_of(http, base), job_id, lambda found: found["done"])
        assert [found["state"] for found in done["pages"]] == ["ready", "ready"]
