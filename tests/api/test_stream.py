"""The event stream as a client on a train sees it: cut anywhere, resumed, crowded, ended on purpose."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing

import httpx
import pytest

from backend.api.stream import JobScript, StreamLimits
from tests.conftest import Serve
from tests.support.engines import InstantReader, ToneSynthesizer, page
from tests.support.server import Frame, frames, until


def told(found: list[Frame]) -> list[tuple[str | None, str, str]]:
    """What a client has learned, in order; repeats for the client's autoplay are not news."""
    return [(frame.id, frame.name, str(frame.data)) for frame in found if not frame.data.get("repeat")]


async def test_cut_at_every_event_the_rest_follows_and_nothing_comes_twice(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0)
    plan, log = await client.narrated(3)
    assert [frame.id for frame in log] == [str(k) for k in range(1, len(log) + 1)]
    for cut, frame in enumerate(log, 1):
        rest = [item async for item in frames(client.http, plan["status_sse"], last_event_id=frame.id)]
        assert told(log[:cut] + rest) == told(log)


async def test_cut_again_and_again_while_it_happens_a_viewer_hears_everything_once(serve: Serve) -> None:
    client = await serve(InstantReader(delay_s=0.02), ToneSynthesizer(delay_s=0.05))
    plan = await client.start(4)

    async def viewer(at_once: int) -> list[Frame]:
        heard: list[Frame] = []
        while not heard or heard[-1].name != "job_done":
            last = heard[-1].id if heard else "0"
            async with aclosing(frames(client.http, plan["status_sse"], last_event_id=last)) as stream:
                for _ in range(at_once):
                    heard.append(await anext(stream))
                    if heard[-1].name == "job_done":
                        break
        return heard

    viewers = [asyncio.create_task(viewer(at_once)) for at_once in (1, 2, 3, 5, 8)]
    await client.upload(plan, [1, 2, 3, 4])
    log = await client.until_done(plan, last_event_id="0")
    for heard in await asyncio.gather(*viewers):
        assert told(heard) == told(log)


async def test_cut_inside_the_opening_burst_the_rest_of_it_follows(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0)
    plan, log = await client.narrated(3)
    whole = [frame async for frame in frames(client.http, plan["status_sse"])]
    assert whole[-1].id == log[-1].id
    for cut, frame in enumerate(whole, 1):
        rest = [item async for item in frames(client.http, plan["status_sse"], last_event_id=frame.id)]
        assert told(whole[:cut] + rest) == told(whole)


async def test_a_burst_of_the_past_is_finished_as_it_was_and_the_log_goes_on_from_there(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0)
    plan = await client.start(2)
    early = (await until(client.http, plan["status_sse"], "page_status"))[0]
    assert early.id == "0.0"
    await client.upload(plan, [1, 2])
    await client.until_done(plan)
    rest = [frame async for frame in frames(client.http, plan["status_sse"], last_event_id=early.id)]
    assert [(frame.name, frame.data.get("state")) for frame in rest[:2]] == [("page_status", "queued"), ("progress", None)]
    assert [frame.id for frame in rest[1:]] == [str(k) for k in range(len(rest) - 1)]


@pytest.mark.parametrize("unknown", ["99999", "-1", "x", "1_0", "½", "9" * 400, "1.99999999", "1.99", "1.2"])
async def test_an_unknown_id_is_answered_with_a_resync_and_the_whole_state(serve: Serve, unknown: str) -> None:
    client = await serve(stream_linger_seconds=0)
    plan, _ = await client.narrated(1)
    url = httpx.URL(plan["status_sse"]).copy_merge_params({"last_event_id": unknown})
    found = [frame async for frame in frames(client.http, str(url))]
    names = [frame.name for frame in found]
    assert names == ["resync", "page_status", "progress", "job_done"]


async def test_viewers_that_were_cut_off_together_do_not_all_come_back_together(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0)
    plan, log = await client.narrated(1)
    replies = await asyncio.gather(
        *(client.http.get(plan["status_sse"], headers={"Last-Event-ID": str(log[-1].id)}) for _ in range(12))
    )
    waits = [int(reply.text.removeprefix("retry: ").split("\n")[0]) for reply in replies]
    assert all(1000 <= wait <= 4000 for wait in waits)
    assert len(set(waits)) > 6
    assert {reply.headers["x-accel-buffering"] for reply in replies} == {"no"}, "a proxy in between must not hold events back"


async def test_the_query_serves_clients_that_cannot_set_the_header(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0)
    plan, log = await client.narrated(1)
    found = [frame async for frame in frames(client.http, f"{plan['status_sse']}?last_event_id=2")]
    assert told(found) == told(log[2:])


async def test_a_thousand_subscribers_of_one_window_each_get_every_event(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(2)
    url = httpx.URL(plan["status_sse"])
    crowd = [await asyncio.open_connection(url.host, url.port) for _ in range(1000)]
    for reader, writer in crowd:
        writer.write(b"GET %s HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n" % url.raw_path)
        await reader.readuntil(b": resumed\n\n")
    await client.upload(plan, [1, 2])
    log = await client.until_done(plan, last_event_id="0")
    for reader, writer in crowd:
        heard = await reader.readuntil(b"event: job_done\n") + await reader.readuntil(b"\n\n")
        # What is sent at once is one chunk, so that no frame is cut by the length of the next.
        found = re.findall(rb"id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n", heard)
        assert [(int(place), name, json.loads(data)) for place, name, data in found] == [
            (int(frame.id or 0), frame.name.encode(), frame.data) for frame in log
        ]
        writer.transport.abort()


async def test_a_stream_ends_after_its_greatest_age_and_goes_on_where_it_ended(serve: Serve) -> None:
    client = await serve(stream_max_age_seconds=0.3)
    plan = await client.start(1)
    first = [frame async for frame in frames(client.http, plan["status_sse"])]
    assert [frame.name for frame in first] == ["page_status", "progress"]
    await client.upload(plan, [1])
    rest = await client.until_done(plan, last_event_id=first[-1].id)
    assert rest[0].id == "1"


async def test_a_deleted_window_ends_its_streams(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    listening = asyncio.create_task(anext_all(client.http, plan["status_sse"]))
    await asyncio.sleep(0.2)
    assert (await client.http.delete(f"/v1/narration/jobs/{plan['job_id']}")).status_code == 204
    async with asyncio.timeout(2):
        await listening
    assert (await client.http.get(plan["snapshot_url"])).status_code == 404


async def test_a_window_that_goes_while_its_stream_is_being_opened_ends_it(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    log = client.app.state.services.log
    script = JobScript(log, plan["job_id"], None, StreamLimits(max_age_s=60, linger_s=1))
    assert (await client.http.delete(f"/v1/narration/jobs/{plan['job_id']}")).status_code == 204
    assert await script.open(lambda: None) is None


async def anext_all(http: httpx.AsyncClient, url: str) -> list[Frame]:
    return [frame async for frame in frames(http, url)]


async def test_job_done_comes_once_a_run_and_states_go_forward_within_a_revision(serve: Serve) -> None:
    client = await serve()
    plan, _ = await client.narrated(3)
    cursor = (await client.snapshot(plan))["cursor"]
    for index, number in ((1, 77), (1, 78), (2, 79)):
        await client.put(plan, index, page(number))
    await client.until_done(plan, last_event_id=cursor)
    await asyncio.sleep(0.2)
    snapshot = await client.snapshot(plan)
    log = [frame async for frame in until_id(client.http, plan["status_sse"], snapshot["cursor"])]
    runs = [frame.data["run"] for frame in log if frame.name == "job_done"]
    assert runs == sorted(set(runs))
    order = ["queued", "extracting", "tts", "ready", "error"]
    seen: dict[tuple[int, int], int] = {}
    for frame in log:
        if frame.name == "page_status":
            place = (frame.data["index"], frame.data["revision"])
            rank = order.index(frame.data["state"])
            assert rank > seen.get(place, -1)
            seen[place] = rank
        if frame.name == "progress":
            assert 0 <= frame.data["done"] <= frame.data["total"]


async def until_id(http: httpx.AsyncClient, url: str, last: str):  # type: ignore[no-untyped-def]
    async for frame in frames(http, url, last_event_id="0"):
        yield frame
        if frame.id == last:
            return


async def test_the_snapshot_is_the_fold_of_the_log_up_to_its_cursor(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0)
    plan, log = await client.narrated(2)
    snapshot = await client.snapshot(plan)
    assert snapshot["cursor"] == log[-1].id
    ready = {frame.data["index"]: frame.data for frame in log if frame.name == "page_ready"}
    for entry in snapshot["pages"]:
        assert entry["audio"] == ready[entry["index"]]["audio"]
        assert entry["duration"] == ready[entry["index"]]["duration"]
    assert snapshot["chapter_id"] == "source:chapter"
    assert [frame async for frame in frames(client.http, plan["status_sse"], last_event_id=snapshot["cursor"])] == []
