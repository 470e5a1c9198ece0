"""What can be asked of one page: again, first, never."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from backend.storage import keys
from tests.conftest import Serve
from tests.support.engines import InstantReader, ToneSynthesizer, page
from tests.support.server import until


async def test_retry_narrates_only_that_page_again(serve: Serve) -> None:
    synthesizer = ToneSynthesizer(mute=["page 2"])
    client = await serve(synthesizer=synthesizer)
    plan, events = await client.narrated(3)
    assert events[-1].data["errors"] == [{"index": 1, "reason": "speech_failed"}]
    synthesizer.mute = ()
    cursor = (await client.snapshot(plan))["cursor"]
    reply = await client.http.post(f"/v1/narration/jobs/{plan['job_id']}/pages/1/retry")
    assert (reply.status_code, reply.json()["revision"]) == (200, 2)
    again = await client.until_done(plan, last_event_id=cursor)
    assert [frame.data["index"] for frame in again if frame.name == "page_ready"] == [1]
    assert again[-1].data == {"ok": True, "run": 2, "errors": []}


async def test_retry_of_a_page_that_never_came_is_refused_with_the_reason(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    reply = await client.http.post(f"/jobs/{plan['job_id']}/pages/0/retry")
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    assert "upload it" in reply.json()["detail"]


async def test_the_page_in_view_and_its_neighbours_come_next(serve: Serve) -> None:
    client = await serve(InstantReader(delay_s=0.05), ToneSynthesizer(delay_s=0.3))
    plan = await client.start(12)
    await client.upload(plan, range(1, 13))
    reply = await client.http.post(f"/v1/narration/jobs/{plan['job_id']}/focus", json={"index": 9})
    assert reply.status_code == 200
    log = await client.until_done(plan, last_event_id="0")
    order = [frame.data["index"] for frame in log if frame.name == "page_ready"]
    assert max(order.index(8), order.index(9), order.index(10)) < order.index(7)


@pytest.mark.parametrize("body", [{"index": 2}, {"index": -1}, {"index": "0"}, {}, {"index": None}, [], 3])
async def test_a_focus_outside_the_window_is_refused(serve: Serve, body: object) -> None:
    client = await serve()
    plan = await client.start(2)
    assert (await client.http.post(f"/jobs/{plan['job_id']}/focus", json=body)).status_code in (404, 422)


@pytest.mark.parametrize("index", ["1_0", "+1", "%201", "1.0", "-1", "9" * 20, "٣", "0x1", "00", "1%2F..%2F0"])
async def test_only_plain_integers_are_page_numbers(serve: Serve, index: str) -> None:
    client = await serve()
    plan = await client.start(2)
    reply = await client.http.put(f"/jobs/{plan['job_id']}/pages/{index}", content=page(1))
    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/problem+json"


async def test_of_two_uploads_of_one_page_at_once_the_bytes_that_are_kept_are_those_that_are_named(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    services = client.app.state.services
    store, slow = services.objects.put, page(1)

    async def put(key: str, data: bytes) -> None:
        await store(key, data)
        await asyncio.sleep(0.2 if data == slow else 0)

    services.objects.put = put
    first = asyncio.create_task(client.put(plan, 0, slow))
    await asyncio.sleep(0.05)
    replies = [await client.put(plan, 0, page(2)), await first]
    assert all(reply.is_success for reply in replies)
    state = await services.log.state(plan["job_id"])
    kept = await services.objects.get(keys.page(plan["job_id"], state.pages[0].sha256))
    assert hashlib.sha256(kept).hexdigest() == state.pages[0].sha256
    assert sorted(reply.json()["revision"] for reply in replies) == [1, 2]


async def test_an_upload_that_comes_while_its_window_is_deleted_leaves_nothing(serve: Serve, tmp_path: Path) -> None:
    client = await serve()
    plan = await client.start(1)
    services = client.app.state.services
    store = services.objects.put

    async def put(key: str, data: bytes) -> None:
        assert (await client.http.delete(f"/v1/narration/jobs/{plan['job_id']}")).status_code == 204
        await store(key, data)

    services.objects.put = put
    reply = await client.put(plan, 0, page(1))
    assert (reply.status_code, reply.json()["code"]) == (404, "job_not_found")
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
async def test_png_jpeg_and_webp_are_pages_with_their_header_or_without(serve: Serve, image_format: str) -> None:
    client = await serve()
    plan = await client.start(2)
    assert plan["upload"]["pages"][0]["content_types"] == ["image/png", "image/jpeg", "image/webp"]
    data = page(5, image_format=image_format)
    assert (await client.put(plan, 0, data, f"image/{image_format.lower()}")).is_success
    assert (await client.http.put(plan["upload"]["pages"][1]["put_url"], content=data)).is_success


async def test_delete_ends_the_work_and_leaves_nothing(serve: Serve, tmp_path: Path) -> None:
    reader = InstantReader(delay_s=0.2)
    client = await serve(reader)
    plan = await client.start(5)
    await client.upload(plan, [1, 2, 3, 4, 5])
    await until(client.http, plan["status_sse"], "page_ready", last_event_id="0")
    assert (await client.http.delete(f"/v1/narration/jobs/{plan['job_id']}")).status_code == 204
    reads = len(reader.seen)
    await asyncio.sleep(0.5)
    assert len(reader.seen) <= reads + 4, "at most the batch in hand was still read"
    assert not [path for path in (tmp_path / "data").rglob("*") if plan["job_id"] in str(path) and path.is_file()]
    assert (await client.http.get(plan["snapshot_url"])).status_code == 404
    assert (await client.http.delete(f"/v1/narration/jobs/{plan['job_id']}")).status_code == 404


async def test_a_forgotten_page_is_gone_everywhere_and_the_others_stay(serve: Serve, tmp_path: Path) -> None:
    reader, synthesizer = InstantReader(), ToneSynthesizer()
    client = await serve(reader, synthesizer)
    plans = [(await client.narrated(2, chapter_id=f"a:{k}"))[0] for k in range(2)]
    assert sorted(reader.seen) == [1, 2], "the second window found both pages known"
    sha256 = hashlib.sha256(page(1)).hexdigest()
    reply = await client.http.delete(f"/v1/pages/{sha256}")
    assert reply.json() == {"windows": 2, "cached": 3}
    for plan in plans:
        pages = (await client.snapshot(plan))["pages"]
        assert (pages[0]["state"], pages[0]["reason"], pages[0]["uploaded"]) == ("error", "removed", False)
        assert "audio" not in pages[0]
        assert pages[1]["state"] == "ready"
        assert (await client.http.get(plan["audio_url_template"].replace("{index}", "0"))).status_code == 404
        assert (await client.http.get(plan["audio_url_template"].replace("{index}", "1"))).status_code == 200
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file() and page(1) in path.read_bytes()]
    await client.put(plans[0], 0, page(1))
    await until(client.http, plans[0]["status_sse"], "job_done")
    assert sorted(reader.seen) == [1, 1, 2], "it had to be read anew"
    assert (await client.http.delete("/v1/pages/xyz")).status_code == 404


async def test_the_window_playlist_holds_what_is_ready_in_order_and_ends_with_the_window(serve: Serve) -> None:
    client = await serve(InstantReader(broken=[2]))
    plan = await client.start(4)
    address = f"/v1/narration/jobs/{plan['job_id']}/audio/window.m3u8"
    assert (await client.http.get(address)).json()["code"] == "audio_not_ready"
    await client.put(plan, 0, page(1))
    await client.put(plan, 1, page(2))
    await client.put(plan, 3, page(4))
    await until(client.http, plan["status_sse"], "page_status", last_event_id="0")
    while (await client.snapshot(plan))["progress"]["done"] < 3:
        await asyncio.sleep(0.02)
    growing = (await client.http.get(address)).text
    assert "#EXT-X-ENDLIST" not in growing
    assert growing.count(".ts") == 1, "page 1 failed and is passed by, page 2 is missing, so page 3 must wait"
    await client.put(plan, 2, page(3))
    await client.until_done(plan, last_event_id="0")
    whole = (await client.http.get(address)).text
    assert whole.startswith("#EXTM3U")
    assert whole.rstrip().endswith("#EXT-X-ENDLIST")
    assert whole.count("#EXT-X-DISCONTINUITY") == 2
    for line in whole.splitlines():
        if not line.startswith("#"):
            assert (await client.http.get(line)).status_code == 200


async def test_audio_answers_ranges_head_etag_and_304(serve: Serve) -> None:
    client = await serve()
    _, events = await client.narrated(1)
    playlist = next(frame for frame in events if frame.name == "page_ready").data["audio"]
    segment = playlist.replace("index.m3u8", "segment-000.ts")
    whole = await client.http.get(segment)
    assert "immutable" in whole.headers["cache-control"]
    part = await client.http.get(segment, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    assert (await client.http.get(segment, headers={"Range": "bytes=-5"})).content == whole.content[-5:]
    assert (await client.http.get(segment, headers={"Range": "bytes=99999999-"})).status_code == 416
    head = await client.http.head(segment)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(whole.content)), b"")
    assert (await client.http.get(segment, headers={"If-None-Match": whole.headers["etag"]})).status_code == 304


@pytest.mark.parametrize(
    "path",
    ["../../../etc/passwd", "page-0/..%2F..%2Fx", "page-0/%2e%2e/segment-000.ts", "page-00/index.m3u8", "x", "page-0/.ts", "%00"],
)
async def test_hostile_audio_names_are_nothing(serve: Serve, path: str) -> None:
    client = await serve()
    plan, _ = await client.narrated(1)
    assert (await client.http.get(f"/v1/narration/jobs/{plan['job_id']}/audio/{path}")).status_code == 404
