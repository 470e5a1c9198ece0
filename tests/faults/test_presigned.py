"""UPLOAD_MODE=presigned and AUDIO_MODE=redirect: pages and sound go straight to and from the bucket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from backend.errors import ConfigurationError
from backend.settings import Settings
from tests.support.engines import page
from tests.support.fleet import Fleet
from tests.support.s3_gate import S3
from tests.support.server import Frame, frames, until

FleetOf = Callable[..., Fleet]
JOBS = "/v1/narration/jobs"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        yield client


async def start(http: httpx.AsyncClient, base: str, size: int, **more: Any) -> dict[str, Any]:
    reply = await http.post(
        f"{base}/v1/narration/session/start", json={"chapter_id": "source:chapter", "window": {"size": size}, **more}
    )
    assert reply.status_code == 200, reply.text
    plan: dict[str, Any] = reply.json()
    return plan


async def put(http: httpx.AsyncClient, plan: dict[str, Any], index: int, data: bytes) -> int:
    slot = plan["upload"]["pages"][index]
    return (await http.put(slot["put_url"], content=data, headers={"Content-Type": slot["content_type"]})).status_code


async def told(http: httpx.AsyncClient, base: str, plan: dict[str, Any], name: str = "job_done") -> list[Frame]:
    async with asyncio.timeout(30):
        return await until(http, f"{base}{JOBS}/{plan['job_id']}/events", name, last_event_id="0")


async def test_a_window_is_uploaded_to_the_bucket_and_heard_from_it(fleet_of: FleetOf, s3: S3, http: httpx.AsyncClient) -> None:
    with fleet_of(2, upload_mode="presigned", audio_mode="redirect") as fleet:
        here, there = (member.base for member in fleet.members)
        plan = await start(http, here, 3)
        assert plan["upload"]["mode"] == "presigned"
        assert plan["upload"]["expires_in"] == 900
        assert all(slot["put_url"].startswith(s3.url) for slot in plan["upload"]["pages"])
        for index in (2, 0, 1):
            assert await put(http, plan, index, page(index + 1)) == 200
        assert (await told(http, there, plan))[-1].data["ok"] is True
        snapshot = (await http.get(f"{there}{JOBS}/{plan['job_id']}/snapshot")).json()
        playlist_url = snapshot["pages"][0]["audio"]
        playlist = await http.get(playlist_url)
        assert playlist.status_code == 200
        segment = next(line for line in playlist.text.splitlines() if line.endswith(".ts"))
        redirect = await http.get(httpx.URL(playlist_url).join(segment))
        assert redirect.status_code == 307
        sound = await http.get(redirect.headers["location"])
        assert (sound.status_code, sound.headers["content-type"]) == (200, "video/mp2t")
        assert sound.content[:1] == b"\x47"


async def test_an_arrival_is_noticed_within_a_second(fleet_of: FleetOf, http: httpx.AsyncClient) -> None:
    with fleet_of(1, upload_mode="presigned") as fleet:
        base = fleet.members[0].base
        plan = await start(http, base, 3)
        events = frames(http, f"{base}{JOBS}/{plan['job_id']}/events", last_event_id="0")
        delays = []
        for index in range(3):
            uploaded = asyncio.create_task(_first(events, "page_uploaded"))
            await asyncio.sleep(0.13 * index)
            assert await put(http, plan, index, page(index + 1)) == 200
            arrived = time.monotonic()
            await uploaded
            delays.append(time.monotonic() - arrived)
        await events.aclose()  # type: ignore[attr-defined]
        assert max(delays) < 1.0


async def _first(events: AsyncIterator[Frame], name: str) -> Frame:
    async for frame in events:
        if frame.name == name:
            return frame
    raise AssertionError(name)


async def test_a_bad_upload_is_that_page_s_error_and_a_good_one_mends_it(fleet_of: FleetOf, http: httpx.AsyncClient) -> None:
    with fleet_of(1, upload_mode="presigned", max_page_bytes="100000") as fleet:
        base = fleet.members[0].base
        plan = await start(http, base, 3)
        assert await put(http, plan, 0, page(1)) == 200
        assert await put(http, plan, 1, b"this is no image") == 200
        assert await put(http, plan, 2, b"x" * 100_001) == 200
        done = (await told(http, base, plan))[-1]
        assert done.data["errors"] == [{"index": 1, "reason": "bad_image"}, {"index": 2, "reason": "upload_too_large"}]
        assert await put(http, plan, 1, page(2)) == 200
        assert await put(http, plan, 2, page(3)) == 200
        for _ in range(100):
            snapshot = (await http.get(f"{base}{JOBS}/{plan['job_id']}/snapshot")).json()
            if [found["state"] for found in snapshot["pages"]] == ["ready"] * 3:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(snapshot)


async def test_what_is_announced_is_what_may_be_uploaded(fleet_of: FleetOf, http: httpx.AsyncClient) -> None:
    data = page(1, image_format="WEBP")
    with fleet_of(1, upload_mode="presigned") as fleet:
        base = fleet.members[0].base
        plan = await start(http, base, 1, uploads=[{"content_type": "image/webp", "size": len(data)}])
        assert plan["upload"]["pages"][0]["content_type"] == "image/webp"
        assert await put(http, plan, 0, data + b"\0") == 403
        assert await put(http, plan, 0, data) == 200
        assert (await told(http, base, plan))[-1].data["ok"] is True


@pytest.mark.parametrize("half", [{"upload_mode": "presigned"}, {"audio_mode": "redirect"}])
def test_the_bucket_s_modes_without_a_bucket_refuse_to_start(half: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="BUCKET_NAME"):
        Settings(_env_file=None, **half).require_possible()
