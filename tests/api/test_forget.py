"""DELETE /v1/pages/{sha256}: a page is forgotten everywhere it left something, also while it is being worked on."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import httpx
import pytest

from backend.api.forget import forget as forget_route
from backend.jobs.decisions import Decide
from backend.jobs.state import JobState
from tests.api.test_series import CAST
from tests.conftest import Serve
from tests.support.characters import FacesReader
from tests.support.engines import InstantReader, ToneSynthesizer, page
from tests.support.narration_client import NarrationClient
from tests.support.server import until


def sha256_of(number: int) -> str:
    return hashlib.sha256(page(number)).hexdigest()


async def forget(client: NarrationClient, number: int) -> httpx.Response:
    reply = await client.http.delete(f"/v1/pages/{sha256_of(number)}")
    assert reply.status_code == 200, reply.text
    return reply


def left(tmp_path: Path) -> list[str]:
    """What the store has besides built-in voices and documents."""
    kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    return [
        str(path) for path in kept if any(part in str(path) for part in ("/pages/", "/uploads/", "/audio/", "/cache/", "faces"))
    ]


async def test_what_a_page_sounded_like_is_gone_also_where_other_bytes_have_replaced_it(serve: Serve) -> None:
    client = await serve()
    plan, events = await client.narrated(1)
    old = next(frame for frame in events if frame.name == "page_ready").data["audio"]
    cursor = (await client.snapshot(plan))["cursor"]
    await client.put(plan, 0, page(99))
    again = await client.until_done(plan, last_event_id=cursor)
    new = next(frame for frame in again if frame.name == "page_ready").data["audio"]
    assert (await client.http.get(old)).status_code == 200
    assert (await forget(client, 1)).json()["windows"] == 0, "no window has it now"
    assert (await client.http.get(old)).status_code == 404
    assert (await client.http.get(new)).status_code == 200
    assert (await client.snapshot(plan))["pages"][0]["state"] == "ready"


async def test_looking_through_all_windows_for_a_page_gives_way_to_others(serve: Serve) -> None:
    client = await serve(rate_limit_start_max=0)
    for number in range(30):
        await client.start(1, chapter_id=f"a:{number}")
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(others())
    found = await forget_route(sha256_of(1), client.app.state.services, "anybody")
    task.cancel()
    assert (found.windows, found.cached) == (0, 0)
    assert turns >= 30


async def test_sound_is_told_apart_by_the_bytes_it_came_of(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    heard: dict[int, list[str]] = {1: [], 2: [], 3: []}
    for number in (1, 2, 1, 3):
        cursor = (await client.snapshot(plan))["cursor"]
        await client.put(plan, 0, page(number))
        events = await client.until_done(plan, last_event_id=cursor)
        heard[number] += [frame.data["audio"] for frame in events if frame.name == "page_ready"]
    await forget(client, 1)
    assert [len(heard[number]) for number in heard] == [2, 1, 1]
    assert {(await client.http.get(audio)).status_code for audio in heard[1]} == {404}
    assert [(await client.http.get(audio)).status_code for audio in heard[2] + heard[3]] == [200, 200]


@pytest.mark.parametrize("phase", ["extracting", "tts"])
async def test_a_page_that_is_forgotten_while_it_is_worked_on_leaves_nothing(serve: Serve, tmp_path: Path, phase: str) -> None:
    client = await serve(InstantReader(delay_s=0.4), ToneSynthesizer(delay_s=0.4))
    plan = await client.start(1)
    await client.upload(plan, [1])
    while (await client.snapshot(plan))["pages"][0]["state"] != phase:
        await asyncio.sleep(0.01)
    await forget(client, 1)
    done = (await until(client.http, plan["status_sse"], "job_done"))[-1].data
    assert done["errors"] == [{"index": 0, "reason": "removed"}]
    await asyncio.sleep(1.2)  # the engines were in the middle of it, and what they made was kept until they were done
    assert left(tmp_path) == []


async def test_the_window_plays_on_without_a_page_that_was_forgotten(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(3)
    await client.upload(plan, [1, 2])
    while (await client.snapshot(plan))["progress"]["done"] < 2:
        await asyncio.sleep(0.02)
    address = f"/v1/narration/jobs/{plan['job_id']}/audio/window.m3u8"
    assert (await client.http.get(address)).text.count(".ts") == 2
    await forget(client, 1)
    assert (await client.http.get(address)).text.count(".ts") == 1


async def test_the_memory_of_the_series_loses_who_was_seen_only_there_and_the_picture(serve: Serve, tmp_path: Path) -> None:
    client = await serve(reader=FacesReader())
    await client.narrated(1)
    faces = [one["face"] for one in (await client.http.get(CAST)).json()["characters"]]
    assert len(faces) == 2
    await forget(client, 1)
    cast = (await client.http.get(CAST)).json()
    assert (cast["characters"], cast["pages"]) == ([], 0)
    assert [(await client.http.get(face)).status_code for face in faces] == [404, 404]
    assert left(tmp_path) == []


async def test_a_character_seen_elsewhere_too_stays_and_counts_without_the_page(serve: Serve) -> None:
    client = await serve(reader=FacesReader())
    await client.narrated(2)
    await client.http.put(CAST, json={"characters": [{"id": 1, "name": "Hana"}]})
    before = (await client.http.get(CAST)).json()
    await forget(client, 1)
    after = (await client.http.get(CAST)).json()
    assert (before["pages"], after["pages"]) == (2, 1)
    assert [(one["label"], one["lines"]) for one in after["characters"]] == [("Hana", 1), ("character-2", 1)]
    await forget(client, 2)
    named = (await client.http.get(CAST)).json()["characters"]
    assert [(one["label"], one["lines"], one["looks"], one.get("face")) for one in named] == [("Hana", 0, [], None)]


async def test_a_page_of_a_window_that_is_over_is_forgotten_by_the_series_too(serve: Serve) -> None:
    client = await serve(reader=FacesReader())
    plan, _ = await client.narrated(1)
    assert (await client.http.delete(f"/jobs/{plan['job_id']}")).status_code == 204
    assert (await client.http.get(CAST)).json()["pages"] == 1
    assert (await forget(client, 1)).json() == {"windows": 0, "cached": 3}
    assert (await client.http.get(CAST)).json()["pages"] == 0


async def test_other_bytes_that_come_while_a_page_is_forgotten_are_kept(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await serve()
    plan = await client.start(1)
    await client.upload(plan, [1])
    await client.until_done(plan)
    log = client.app.state.services.log
    commit = log.commit

    async def overtaken(job_id: str, decide: Decide) -> JobState:
        state = await commit(job_id, decide)
        monkeypatch.setattr(log, "commit", commit)
        await client.upload(plan, [2])
        return state

    monkeypatch.setattr(log, "commit", overtaken)
    await forget(client, 1)
    await client.http.post(f"{plan['upload']['pages'][0]['put_url']}/retry")
    cursor = (await client.snapshot(plan))["cursor"]
    if not (await client.snapshot(plan))["done"]:
        await client.until_done(plan, last_event_id=cursor)
    assert (await client.snapshot(plan))["pages"][0]["state"] == "ready"


async def test_the_same_bytes_that_come_elsewhere_in_the_window_while_a_page_is_forgotten_are_kept(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await serve()
    plan = await client.start(2)
    await client.upload(plan, [1])
    objects, forgetting = client.app.state.services.objects, []
    put = objects.put

    async def overtaken(key: str, data: bytes) -> None:
        """The page is forgotten between its being stored and its being named, as far as it goes."""
        await put(key, data)
        if data == page(1):
            monkeypatch.setattr(objects, "put", put)
            forgetting.append(asyncio.create_task(forget(client, 1)))
            while (await client.snapshot(plan))["pages"][0].get("reason") != "removed":
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)

    monkeypatch.setattr(objects, "put", overtaken)
    assert (await client.put(plan, 1, page(1))).is_success
    await asyncio.gather(*forgetting)
    await client.until_done(plan)
    assert [shown["state"] for shown in (await client.snapshot(plan))["pages"]] == ["error", "ready"]
