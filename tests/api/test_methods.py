"""HEAD, OPTIONS, how long each kind of reply may be kept, and connections that are half closed or left open by the thousand."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from backend.api.guard import Guard
from tests.conftest import Serve
from tests.support.narration_client import NarrationClient
from tests.support.server import until

START = "/v1/narration/session/start"


async def test_head_answers_wherever_get_does_with_the_same_headers_and_no_body(serve: Serve) -> None:
    client = await serve()
    plan, events = await client.narrated(1)
    audio = next(frame for frame in events if frame.name == "page_ready").data["audio"]
    for address in (plan["snapshot_url"], audio, "/healthz", "/v1/voices", "/openapi.json"):
        whole, head = await client.http.get(address), await client.http.head(address)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "content-length", "cache-control", "etag", "x-content-type-options"):
            assert head.headers.get(name) == whole.headers.get(name), (address, name)


async def test_head_of_an_event_stream_ends_at_once_and_leaves_no_subscriber(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    tasks = await tasks_of_one_who_came_and_went(client, plan)
    async with asyncio.timeout(3):
        reply = await client.http.head(plan["status_sse"])
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    await settled(tasks)


async def test_head_of_a_stream_is_answered_to_its_end_so_that_the_server_logs_no_error() -> None:
    sent: list[Message] = []

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b": hello", "more_body": True})
        await receive()
        await receive()  # the client leaves

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    await Guard(endless)({"type": "http", "method": "HEAD", "headers": []}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body", "http.response.body"]
    assert not sent[-1].get("more_body", False)


async def test_head_of_what_is_not_there_or_takes_only_post_is_refused(serve: Serve) -> None:
    client = await serve()
    assert (await client.http.head("/v1/narration/jobs/job_unknown/snapshot")).status_code == 404
    refused = await client.http.head(START)
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


async def test_what_is_not_there_or_cannot_be_done_is_said_in_a_sentence_and_nothing_redirects(serve: Serve) -> None:
    client = await serve()
    for address in (f"{START}/", "/v1/narration/nowhere/at/all", "/healthz/", "/jobs/job_unknown/"):
        for method in ("GET", "PUT"):
            lost = await client.http.request(method, address)
            assert (lost.status_code, lost.json()["code"]) == (404, "not_found"), address
            assert lost.json()["title"] == "There is nothing at this address"
    assert "takes POST" in (await client.http.get(START)).json()["detail"]


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"chapter_id": "\xe9"}', b"{"])
async def test_a_body_json_cannot_be_read_from_is_named_as_that(body: bytes, serve: Serve) -> None:
    client = await serve()
    reply = await client.http.post(START, content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_json")


async def test_options_that_is_no_preflight_is_a_problem_that_names_the_methods(serve: Serve) -> None:
    client = await serve()
    reply = await client.http.options(START)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    assert reply.headers["content-type"] == "application/problem+json"


async def test_each_kind_of_reply_says_how_long_it_may_be_kept(serve: Serve) -> None:
    client = await serve()
    plan, events = await client.narrated(1)
    ready = next(frame for frame in events if frame.name == "page_ready").data
    jobs = f"/v1/narration/jobs/{plan['job_id']}"
    versioned = [ready["audio"], ready["cues"], ready["captions"], ready["audio"].replace("index.m3u8", "segment-000.ts")]
    following = [plan["audio_url_template"].replace("{index}", "0"), f"{jobs}/audio/window.m3u8"]
    never = [
        plan["snapshot_url"],
        "/healthz",
        "/v1/voices",
        "/v1/series/source/cast",
        "/v1/series/source/lexicon",
        "/openapi.json",
    ]
    for addresses, expected in (
        (versioned, "public, max-age=31536000, immutable"),
        (following, "no-cache"),
        (never, "no-store"),
    ):
        for address in addresses:
            reply = await client.http.get(address)
            assert (reply.status_code, reply.headers["cache-control"]) == (200, expected), address
    for reply in (
        await client.http.post(f"{jobs}/focus", json={"index": 0}),
        await client.http.post(f"{jobs}/pages/0/retry"),
        await client.http.get(f"{jobs}/audio/page-0/0123456789abcdef/index.m3u8"),
        await client.http.head(plan["status_sse"]),
    ):
        assert reply.headers["cache-control"] == "no-store", reply.url


async def test_a_range_behind_the_end_is_a_problem_with_the_length(serve: Serve) -> None:
    client = await serve()
    _, events = await client.narrated(1)
    audio = next(frame for frame in events if frame.name == "page_ready").data["audio"]
    whole = await client.http.get(audio)
    reply = await client.http.get(audio, headers={"Range": "bytes=99999999-"})
    assert (reply.status_code, reply.json()["code"]) == (416, "range_not_satisfiable")
    assert reply.headers["content-range"] == f"bytes */{len(whole.content)}"


async def test_half_closed_connections_cost_nothing(serve: Serve) -> None:
    """A client that says it will send no more, in the middle of a request or of a stream, leaves nothing behind."""
    client = await serve()
    plan = await client.start(1)
    url = httpx.URL(plan["status_sse"])
    put = httpx.URL(plan["upload"]["pages"][0]["put_url"]).raw_path.decode()
    tasks = await tasks_of_one_who_came_and_went(client, plan)
    for data in (
        b"",
        b"GET / HT",
        f"PUT {put} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc".encode(),
        f"GET {url.raw_path.decode()} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    ):
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write_eof()
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
    await settled(tasks)
    await client.upload(plan, [1])
    assert (await client.until_done(plan))[-1].data["ok"] is True


async def test_beside_a_thousand_open_streams_others_are_served_and_leaving_they_leave_nothing(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    tasks = await tasks_of_one_who_came_and_went(client, plan)
    url = httpx.URL(plan["status_sse"])
    writers = []
    for _ in range(1000):
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"GET {url.raw_path.decode()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        writers.append(writer)
    async with asyncio.timeout(10):
        await client.upload(plan, [1])
        found = await until(client.http, plan["status_sse"], "job_done", last_event_id="0")
    assert found[-1].data["ok"] is True
    for writer in writers:
        writer.transport.abort()
    await settled(tasks)


async def tasks_of_one_who_came_and_went(client: NarrationClient, plan: dict[str, Any]) -> int:
    """Tasks there are after the first stream: the stream library keeps one for all streams."""
    await until(client.http, plan["status_sse"], "progress")
    await asyncio.sleep(0.3)
    return len(asyncio.all_tasks())


async def settled(tasks: int) -> None:
    """Waits until no more than `tasks` tasks are left."""
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.02)
