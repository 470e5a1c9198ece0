"""Strangers on the wire: heads and bodies that drip, heads without end, compressed bombs. A real port, real time-outs made short."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from backend.api.door import MAX_HEAD_BYTES, ChunkWriter, Door
from tests.conftest import Serve
from tests.support.engines import page
from tests.support.narration_client import NarrationClient
from tests.support.stranger import Stranger, assert_problem, be_impatient


@pytest.fixture
async def client(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> NarrationClient:
    be_impatient(monkeypatch)
    found: NarrationClient = await serve()
    return found


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> set[Any]:
    """The addresses of the clients whose connections the server holds, kept up to date."""
    held: set[Any] = set()
    made, lost = Door.connection_made, Door.connection_lost

    def on_made(door: Door, transport: asyncio.Transport) -> None:
        held.add(transport.get_extra_info("peername"))
        made(door, transport)

    def on_lost(door: Door, exc: Exception | None) -> None:
        held.discard(door.transport.get_extra_info("peername"))
        lost(door, exc)

    monkeypatch.setattr(Door, "connection_made", on_made)
    monkeypatch.setattr(Door, "connection_lost", on_lost)
    return held


async def test_a_head_that_drips_is_given_up(client: NarrationClient) -> None:
    stranger = await Stranger.of(client)
    stranger.writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    dripping = asyncio.create_task(stranger.drip(b"x", 60))
    assert_problem(await stranger.answer(), 408, "request_timeout")
    await dripping


async def test_who_says_nothing_or_only_empty_lines_is_hung_up_on(client: NarrationClient) -> None:
    for data in (b"", b"\r\n"):
        stranger = await Stranger.of(client)
        dripping = asyncio.create_task(stranger.drip(data, 60))
        assert (await stranger.answer())[0] == 0
        await dripping


async def test_after_a_reply_the_next_head_is_not_waited_for_without_end_either(client: NarrationClient) -> None:
    stranger = await Stranger.of(client)
    stranger.writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    said = b""
    while not said.endswith(b"}}"):
        said += await stranger.some(1000)
    assert said.startswith(b"HTTP/1.1 200")
    dripping = asyncio.create_task(stranger.drip(b"\r\n", 60))
    assert (await stranger.answer())[0] == 0
    await dripping


@pytest.mark.parametrize("drop", [b"", b"x"])
async def test_a_body_that_stands_still_or_drips_is_given_up_and_costs_the_page_nothing(
    client: NarrationClient, drop: bytes
) -> None:
    plan = await client.start(1)
    put = httpx.URL(plan["upload"]["pages"][0]["put_url"]).raw_path.decode()
    stranger = await Stranger.of(client)
    stranger.writer.write(f"PUT {put} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode())
    dripping = asyncio.create_task(stranger.drip(drop, 60))
    assert_problem(await stranger.answer(), 408, "request_timeout")
    await dripping
    assert (await client.snapshot(plan))["pages"][0]["state"] == "queued"
    assert (await client.put(plan, 0, page(1))).is_success


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (b"PUT %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked", 413, "upload_too_large"),
        (b"PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000", 413, "upload_too_large"),
        (b"PUT %s0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked", 404, "not_found"),
        (b"PUT %s HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked", 415, "unsupported_encoding"),
        (b"POST %s/retry HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked", 409, "conflict"),
        (b"POST /session/start HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked", 413, "body_too_large"),
        (b"POST /session/start HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000", 413, "body_too_large"),
    ],
)
async def test_what_is_refused_is_refused_while_it_arrives(serve: Serve, head: bytes, status: int, code: str) -> None:
    client = await serve(max_page_bytes=100_000)
    plan = await client.start(1)
    put = httpx.URL(plan["upload"]["pages"][0]["put_url"]).raw_path
    stranger = await Stranger.of(client)
    stranger.writer.write((head % put if b"%s" in head else head) + b"\r\n\r\n")
    part = b"x" * 150_000
    for _ in range(2):
        stranger.writer.write(b"%x\r\n%s\r\n" % (len(part), part) if b"chunked" in head else part)
    said = b""
    try:
        async with asyncio.timeout(1):
            while not said.endswith(b"}"):
                said += await stranger.some(100_000)
    finally:
        stranger.writer.transport.abort()
        await asyncio.sleep(0)  # the transport tells its reader only then
    assert said.startswith(b"HTTP/1.1 %d" % status)
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == code


@pytest.mark.parametrize("part", [b"a" * 1000, b"X-More: " + b"a" * 1000 + b"\r\n"])
async def test_a_head_without_end_is_refused_before_it_fills_the_memory(client: NarrationClient, part: bytes) -> None:
    stranger = await Stranger.of(client)
    stranger.writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: a" + (b"\r\n" if part.endswith(b"\n") else b""))
    dripping = asyncio.create_task(stranger.drip(part, 2 * MAX_HEAD_BYTES // len(part), 0))
    assert_problem(await stranger.answer(), 431, "head_too_large")
    await dripping


async def test_trailers_and_extensions_of_chunks_without_end_are_refused_too(client: NarrationClient) -> None:
    plan = await client.start(1)
    put = httpx.URL(plan["upload"]["pages"][0]["put_url"]).raw_path.decode()
    for begun, part in ((b"1\r\nx\r\n0\r\n", b"X-More: " + b"a" * 1000 + b"\r\n"), (b"1;", b"a" * 1000)):
        stranger = await Stranger.of(client)
        stranger.writer.write(f"PUT {put} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + begun)
        sending = asyncio.create_task(stranger.drip(part, 200_000, 0))
        async with asyncio.timeout(5):
            assert_problem(await stranger.answer(), 431, "head_too_large")
            await sending
    assert (await client.put(plan, 0, page(1))).is_success


async def test_what_is_not_http_is_answered_as_every_error(client: NarrationClient) -> None:
    stranger = await Stranger.of(client)
    stranger.writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
    assert_problem(await stranger.answer(), 400, "bad_http")


async def test_more_connections_than_there_is_room_for_are_hung_up_on_and_those_that_are_open_go_on(
    client: NarrationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Door, "most_connections", staticmethod(lambda: 5))
    await client.http.aclose()
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    held = [await Stranger.of(client) for _ in range(5)]
    await asyncio.sleep(0.1)
    for _ in range(3):
        assert (await (await Stranger.of(client)).answer())[0] == 0
    for stranger in held:
        stranger.writer.write(request)
        assert (await stranger.some(100)).startswith(b"HTTP/1.1 200")
    held.pop().writer.transport.abort()
    await asyncio.sleep(0.1)
    late = await Stranger.of(client)
    late.writer.write(request)
    assert (await late.answer())[0] == 200
    for stranger in held:
        stranger.writer.transport.abort()


async def test_a_request_with_two_hosts_is_refused(client: NarrationClient) -> None:
    stranger = await Stranger.of(client)
    stranger.writer.write(b"GET /healthz HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n")
    assert_problem(await stranger.answer(), 400, "bad_http")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip"])
async def test_compressed_bodies_are_refused_unopened(client: NarrationClient, coding: str) -> None:
    plan = await client.start(1)
    put = plan["upload"]["pages"][0]["put_url"]
    bomb = gzip.compress(b" " * 5_000_000)
    calls: list[Any] = [client.http.put(put, content=bomb, headers={"Content-Encoding": coding})]
    start = "/v1/narration/session/start"
    calls.append(client.http.post(start, content=bomb, headers={"Content-Encoding": coding, "Content-Type": "application/json"}))
    for call in calls:
        reply = await call
        assert (reply.status_code, reply.json()["code"]) == (415, "unsupported_encoding")
        assert reply.headers["accept-encoding"] == "identity"
    assert (await client.snapshot(plan))["pages"][0]["state"] == "queued", "it was the client's mistake, not the page's"
    assert (await client.http.put(put, content=page(1), headers={"Content-Encoding": "identity"})).is_success


async def test_events_are_written_at_once_in_whole_chunks_and_who_asks_for_the_head_gets_none(
    client: NarrationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[bool] = []
    write = ChunkWriter.__call__

    def noted(writer: ChunkWriter, data: bytes) -> bool:
        at_once.append(write(writer, data))
        return at_once[-1]

    monkeypatch.setattr(ChunkWriter, "__call__", noted)
    plan = await client.start(20)
    path = urlsplit(plan["status_sse"]).path
    stranger, head = await Stranger.of(client), await Stranger.of(client)
    stranger.writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    head.writer.write(b"HEAD %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    said = b""
    while b"event: progress" not in said:
        said += await stranger.some(65_536)
    for index in (3, 19, 0, 11):
        assert (await client.http.post(path.replace("/events", "/focus"), json={"index": index})).is_success
    await client.http.delete(path.removesuffix("/events"))
    while not said.endswith(b"\r\n0\r\n\r\n"):
        said += await stranger.some(65_536)
    rest, body = said.partition(b"\r\n\r\n")[2], b""
    while rest:
        size, rest = int(rest.partition(b"\r\n")[0], 16), rest.partition(b"\r\n")[2]
        assert rest[size : size + 2] == b"\r\n"
        body, rest = body + rest[:size], rest[size + 2 :]
    told = [json.loads(frame.partition(b"data: ")[2])["index"] for frame in body.split(b"\n\n") if b"event: focus" in frame]
    assert told == [3, 19, 0, 11]
    assert at_once.count(True) >= 4
    seen = await head.rest()
    assert seen.startswith(b"HTTP/1.1 200")
    assert seen.endswith(b"\r\n\r\n")
    assert seen.count(b"\r\n\r\n") == 1
    stranger.writer.close()


async def test_a_viewer_that_leaves_is_noticed_though_another_request_waits_behind_its_stream(client: NarrationClient) -> None:
    plan = await client.start(1)
    path = urlsplit(plan["status_sse"]).path.encode()
    streams = client.app.state.services.streams
    stranger = await Stranger.of(client)
    stranger.writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path * 3)
    while not len(streams):
        await stranger.some(65_536)
    stranger.writer.transport.abort()
    async with asyncio.timeout(2):
        while len(streams):
            await asyncio.sleep(0.01)


async def test_who_reads_nothing_of_an_answer_is_cut_off(
    client: NarrationClient, peers: set[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Door, "unread_s", 0.7)
    stranger = await Stranger.of(client)
    transport = stranger.writer.transport
    transport.pause_reading()  # type: ignore[attr-defined]  # of a socket's transport
    ours = stranger.writer.get_extra_info("sockname")
    stranger.writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 400)
    await asyncio.sleep(0.2)
    assert ours in peers
    async with asyncio.timeout(8):
        while ours in peers:
            await asyncio.sleep(0.1)
    transport.abort()
    await asyncio.sleep(0)  # the transport tells its reader only then


async def test_who_reads_slowly_is_not_cut_off(client: NarrationClient, peers: set[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "unread_s", 0.7)
    stranger = await Stranger.of(client)
    stranger.writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 400)
    began, read = asyncio.get_running_loop().time(), 0
    while asyncio.get_running_loop().time() - began < 2.5:
        read += len(await stranger.some(200_000))
        await asyncio.sleep(0.05)
    assert stranger.writer.get_extra_info("sockname") in peers
    assert read > 2_000_000
    stranger.writer.transport.abort()
