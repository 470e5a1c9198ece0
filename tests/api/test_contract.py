"""The reader's contract (WARP.md, C1 to C24), number by number, over a real port."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any

import httpx
import pytest

from backend.api import guard
from backend.jobs.events import encode_frame
from tests.conftest import Serve
from tests.support.engines import page
from tests.support.server import frames, until

START = "/v1/narration/session/start"


async def test_c1_start_snapshot_and_put_answer_2xx_and_events_exactly_200(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    assert (await client.put(plan, 0, page(1))).is_success
    async with client.http.stream("GET", plan["status_sse"]) as events:
        assert events.status_code == 200
    assert (await client.http.get(plan["snapshot_url"])).is_success


async def test_c2_the_start_reply_has_everything_the_client_requires(serve: Serve) -> None:
    plan = await (await serve()).start(20)
    assert isinstance(plan["job_id"], str)
    assert plan["upload"]["mode"] in ("direct", "presigned")
    assert plan["status_sse"]
    assert "{index}" in plan["audio_url_template"]
    for slot in plan["upload"]["pages"]:
        assert isinstance(slot["index"], int)
        assert slot["put_url"]


async def test_c3_nothing_in_the_start_reply_is_null(serve: Serve) -> None:
    client = await serve()
    reply = await client.http.post(START, json={"chapter_id": "a:b"})
    assert "null" not in reply.text


@pytest.mark.parametrize(("size", "status"), [(20, 200), (20.0, 200), ("20", 422), (True, 422), (20.5, 422), (None, 422)])
async def test_c4_a_size_is_a_whole_number_never_text_or_truth(serve: Serve, size: object, status: int) -> None:
    client = await serve()
    reply = await client.http.post(START, json={"chapter_id": "a:b", "window": {"start_index": 0, "size": size}})
    assert reply.status_code == status
    if status == 200:
        assert len(reply.json()["upload"]["pages"]) == 20


def urls_of(found: Any) -> list[str]:
    if isinstance(found, dict):
        return [url for value in found.values() for url in urls_of(value)]
    if isinstance(found, list):
        return [url for value in found for url in urls_of(value)]
    return [found] if isinstance(found, str) and "://" in found else []


async def test_c5_every_url_is_absolute_and_ascii_even_for_a_japanese_chapter(serve: Serve) -> None:
    client = await serve()
    plan, events = await client.narrated(1, chapter_id="漫画:第一話 / ☆")
    urls = urls_of(plan) + [url for frame in events for url in urls_of(frame.data)] + urls_of(await client.snapshot(plan))
    assert len(urls) > 8
    for url in urls:
        assert url.isascii()
        assert httpx.URL(url.replace("{index}", "0")).is_absolute_url


async def test_c5_urls_follow_the_settings_when_they_say_so(serve: Serve) -> None:
    client = await serve(api_base_url="https://api.example/x/", cdn_base_url="https://cdn.example")
    plan = await client.start(1)
    assert plan["status_sse"].startswith("https://api.example/x/v1/narration/jobs/job_")
    assert plan["audio_url_template"].startswith("https://cdn.example/narration/job_")


async def test_c6_a_job_id_needs_no_escaping_and_cannot_be_guessed(serve: Serve) -> None:
    client = await serve()
    ids = {(await client.start(1, chapter_id=f"a:{k}"))["job_id"] for k in range(5)}
    assert len(ids) == 5
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]{22,}", job_id) for job_id in ids)


async def test_c7_indices_are_relative_to_the_window(serve: Serve) -> None:
    client = await serve()
    body = {"chapter_id": "a:b", "window": {"start_index": 40, "size": 7}}
    plan = (await client.http.post("/v1/narration/session/next", json=body)).json()
    assert [slot["index"] for slot in plan["upload"]["pages"]] == list(range(7))
    snapshot = await client.snapshot(plan)
    assert [entry["index"] for entry in snapshot["pages"]] == list(range(7))
    assert snapshot["window"] == {"start_index": 40, "size": 7}


async def test_c8_a_page_may_have_20_megabytes(serve: Serve) -> None:
    plan = await (await serve()).start(1)
    assert plan["upload"]["pages"][0]["max_bytes"] == 20_000_000


async def test_c9_puts_in_any_order_again_afterwards_and_equal_are_all_accepted(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(4)
    same = page(9)
    for index in (3, 1, 0, 2, 2, 0):
        assert (await client.put(plan, index, same)).is_success
    await client.until_done(plan)
    for index in range(4):
        assert (await client.put(plan, index, same)).is_success
    assert (await client.snapshot(plan))["done"]


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        (b"", "image/png", 400, "empty_upload"),
        (b"not an image", "image/png", 422, "bad_image"),
        (page(1)[:60], "image/png", 422, "bad_image"),
        (page(1, image_format="GIF"), "image/gif", 415, "unsupported_image"),
        (page(1, image_format="JPEG"), "image/png", 415, "unsupported_image"),
        (b"x" * 200_001, "image/png", 413, "upload_too_large"),
    ],
)
async def test_c9_broken_bytes_get_a_clear_error_and_cost_no_other_page(
    serve: Serve, data: bytes, content_type: str, status: int, code: str
) -> None:
    client = await serve(max_page_bytes=200_000)
    plan = await client.start(2)
    reply = await client.put(plan, 0, data, content_type)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == code
    assert (await client.snapshot(plan))["pages"][0] == {
        "index": 0, "state": "error", "revision": 0, "uploaded": False, "reason": code,
    }  # fmt: skip
    assert (await client.put(plan, 1, page(2))).is_success
    done = (await client.until_done(plan))[-1].data
    assert done["ok"] is False
    assert done["errors"] == [{"index": 0, "reason": code}]
    assert (await client.put(plan, 0, page(3))).is_success, "good bytes mend the page"
    assert (await client.until_done(plan))[-1].data["ok"] is True


@pytest.mark.parametrize("announce", [True, False])
async def test_c9_too_many_bytes_are_refused_with_or_without_a_length(serve: Serve, announce: bool) -> None:
    client = await serve(max_page_bytes=100_000)
    plan = await client.start(1)
    data = b"x" * 150_000

    async def chunks() -> Any:
        for start in range(0, len(data), 10_000):
            yield data[start : start + 10_000]

    reply = await client.http.put(plan["upload"]["pages"][0]["put_url"], content=data if announce else chunks())
    assert (reply.status_code, reply.json()["code"]) == (413, "upload_too_large")
    assert (await client.snapshot(plan))["pages"][0]["reason"] == "upload_too_large"


async def test_c9_an_endless_upload_is_cut_while_it_arrives(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "DRAIN_BYTES", 2_000_000)
    client = await serve(max_page_bytes=100_000)
    plan = await client.start(1)
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        for _ in range(1000):
            sent += 50_000
            yield b"x" * 50_000

    with contextlib.suppress(httpx.TransportError):  # the server hangs up on who never listens
        await client.http.put(plan["upload"]["pages"][0]["put_url"], content=endless())
    assert sent < 20_000_000
    assert (await client.snapshot(plan))["pages"][0]["reason"] == "upload_too_large"


async def test_c9_a_decompression_bomb_is_refused_before_it_is_decoded(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    header = page(1)[:16] + (60_000).to_bytes(4, "big") + (60_000).to_bytes(4, "big") + page(1)[24:]
    reply = await client.put(plan, 0, header)
    assert reply.status_code in (413, 422)
    assert reply.json()["code"] in ("image_too_many_pixels", "bad_image")


async def test_c10_the_event_stream_begins_at_once(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    async with asyncio.timeout(2), client.http.stream("GET", plan["status_sse"]) as events:
        async for chunk in events.aiter_bytes():
            assert chunk
            break


async def test_c11_c12_c17_the_stream_is_ascii_padded_and_not_sniffed(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0)
    plan, _ = await client.narrated(2, chapter_id="\u2028漫画:1")
    async with client.http.stream("GET", plan["status_sse"]) as events:
        assert events.headers["x-content-type-options"] == "nosniff"
        raw = await events.aread()
    assert raw.isascii()
    assert not set(raw) & {0x0B, 0x0C, 0x0D}
    for block in raw.decode().split("\n\n"):
        lines = [line.partition(":")[0] for line in block.split("\n") if line and not line.startswith(":")]
        assert lines in ([], ["retry"], ["id", "event", "data"])


async def test_c12_what_a_frame_carries_is_escaped_so_that_no_client_splits_it() -> None:
    frame = encode_frame("1", "page_status", {"reason": "\u2028\u2029\u0085\x0b\x0c\r\n漫画"})
    assert frame.isascii()
    assert frame.count(b"\n") == 4
    assert not set(frame) & {0x0B, 0x0C, 0x0D}


async def test_c17_the_first_burst_is_over_half_a_kilobyte_however_small_the_window(serve: Serve) -> None:
    client = await serve(stream_max_age_seconds=0.1)
    plan = await client.start(1)
    assert len((await client.http.get(plan["status_sse"])).content.partition(b"event: progress")[0]) >= 512


async def test_c13_c14_c15_c18_a_ready_page_is_told_completely_and_in_order(serve: Serve) -> None:
    client = await serve()
    _, events = await client.narrated(3)
    for place, frame in enumerate(events):
        if frame.name == "page_status":
            assert frame.data["state"] in ("queued", "extracting", "tts", "ready", "error")
            assert frame.data["state"] != "ready" or frame.data["audio"].startswith("http")
        if frame.name == "page_ready":
            assert isinstance(frame.data["audio"], str)
            assert isinstance(frame.data["duration"], float)
            after = events[place + 1 : place + 3]
            assert [(item.name, item.data.get("state")) for item in after] == [("page_status", "ready"), ("progress", None)]
            assert after[0].data["audio"] == frame.data["audio"]
            assert after[0].data["index"] == frame.data["index"]


async def test_c15_progress_counts_up_to_the_total(serve: Serve) -> None:
    _, events = await (await serve()).narrated(4)
    counts = [(frame.data["done"], frame.data["total"]) for frame in events if frame.name == "progress"]
    assert counts == sorted(counts)
    assert counts[-1] == (4, 4)


async def test_c16_a_late_subscriber_gets_the_whole_state_and_then_the_end(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0)
    plan, _ = await client.narrated(3)
    found = [frame async for frame in frames(client.http, plan["status_sse"])]
    assert [frame.name for frame in found] == ["page_status"] * 3 + ["progress", "job_done"]
    assert all(frame.data["state"] == "ready" and frame.data["audio"] for frame in found[:3])


async def test_c16_the_stream_stays_open_until_the_window_is_done(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    waiting = asyncio.create_task(client.until_done(plan))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await client.upload(plan, [1])
    assert (await waiting)[-1].data["ok"] is True


async def test_c18_ready_pages_are_told_again_after_the_advertisement(serve: Serve) -> None:
    client = await serve()
    plan, _ = await client.narrated(1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async for frame in frames(client.http, plan["status_sse"]):
        if frame.data.get("repeat"):
            assert frame.data["state"] == "ready"
            assert frame.data["audio"]
            assert 3.5 <= loop.time() - began < 5
            return
    raise AssertionError("no repeat")


async def test_c19_the_snapshot_has_its_three_keys_and_an_unknown_job_is_404(serve: Serve) -> None:
    client = await serve()
    snapshot = await client.snapshot(await client.start(2))
    assert {"job_id", "pages", "progress"} <= snapshot.keys()
    assert snapshot["progress"] == {"done": 0, "total": 2}
    reply = await client.http.get("/v1/narration/jobs/job_unknown/snapshot")
    assert (reply.status_code, reply.json()["code"]) == (404, "job_not_found")
    assert (await client.http.get("/v1/narration/jobs/job_unknown/events")).status_code == 404


async def test_c22_other_bytes_replace_a_page_and_its_audio_gets_a_new_address(serve: Serve) -> None:
    client = await serve()
    plan, events = await client.narrated(2)
    first = {frame.data["index"]: frame.data["audio"] for frame in events if frame.name == "page_ready"}
    cursor = (await client.snapshot(plan))["cursor"]
    assert (await client.put(plan, 1, page(99))).is_success
    again = await client.until_done(plan, last_event_id=cursor)
    ready = [frame.data for frame in again if frame.name == "page_ready"]
    assert [data["index"] for data in ready] == [1]
    assert ready[0]["audio"] != first[1]
    assert (await client.http.get(first[0])).status_code == 200


async def test_c22_equal_starts_of_one_client_are_one_job_and_of_two_clients_two(serve: Serve) -> None:
    client = await serve(api_keys=("one", "two"))
    body = {"chapter_id": "a:b"}
    ids = []
    for key in ("one", "one", "two"):
        reply = await client.http.post(START, json=body, headers={"Authorization": f"Bearer {key}"})
        ids.append(reply.json()["job_id"])
    assert ids[0] == ids[1] != ids[2]


async def test_c23_a_chapter_that_ends_early_ends_the_window_after_a_quiet_time(serve: Serve) -> None:
    client = await serve(upload_quiet_seconds=0.4)
    plan = await client.start(5)
    await client.upload(plan, [1, 2, 3])
    done = (await client.until_done(plan))[-1].data
    assert done["errors"] == [{"index": 3, "reason": "not_uploaded"}, {"index": 4, "reason": "not_uploaded"}]
    assert [entry["state"] for entry in (await client.snapshot(plan))["pages"]] == ["ready"] * 3 + ["error"] * 2
    cursor = (await client.snapshot(plan))["cursor"]
    assert (await client.put(plan, 3, page(4))).is_success
    after = await until(client.http, plan["status_sse"], "page_ready", last_event_id=cursor)
    assert after[-1].data["index"] == 3


async def test_c24_the_two_voices_of_the_client_exist_and_others_are_named(serve: Serve) -> None:
    client = await serve()
    pack = {"Narrator": "sovits:narrator-v1", "MC": "sovits:mc-v1"}
    await client.start(1, voice_pack=pack)
    reply = await client.http.post(START, json={"chapter_id": "a:b", "voice_pack": {"MC": "sovits:mc-v2"}})
    assert (reply.status_code, reply.json()["code"]) == (422, "unknown_voice")
    assert "sovits:mc-v1" in reply.json()["detail"]


async def test_the_routes_answer_without_prefix_for_curl_and_stay_out_of_the_openapi_page(serve: Serve) -> None:
    client = await serve()
    plan = (await client.http.post("/session/start", json={"chapter_id": "a:b", "window": {"size": 1}})).json()
    assert (await client.http.get(f"/jobs/{plan['job_id']}/snapshot")).status_code == 200
    paths = (await client.http.get("/openapi.json")).json()["paths"]
    assert all(path.startswith("/v1/") or path == "/healthz" for path in paths)
