"""What a connection offers besides HTTP/1.1, and bodies that are none: declined, refused, or answered, never left hanging."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.conftest import Serve
from tests.support.engines import page
from tests.support.narration_client import NarrationClient
from tests.support.stranger import Stranger, assert_problem, be_impatient


@pytest.fixture
async def client(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> NarrationClient:
    be_impatient(monkeypatch)
    found: NarrationClient = await serve()
    return found


HANDSHAKE = "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@pytest.mark.parametrize(
    "handshake",
    [
        f"GET /healthz HTTP/1.1\r\n{HANDSHAKE}{KEY}\r\n\r\n",
        f"GET /v1/narration/jobs/x/events HTTP/1.1\r\n{HANDSHAKE}{KEY}\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\n{HANDSHAKE}no key\r\n\r\n",
        f"POST /session/start HTTP/1.1\r\n{HANDSHAKE}{KEY}\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST /session/start HTTP/1.1\r\n{HANDSHAKE}{KEY}\r\nContent-Length: 99999\r\n\r\nx",
    ],
    ids=["a page", "a stream", "no key", "a body", "a body that never comes"],
)
async def test_a_websocket_is_refused_at_once_in_the_words_of_every_other_refusal(
    client: NarrationClient, handshake: str
) -> None:
    stranger = await Stranger.of(client)
    stranger.writer.write(handshake.encode())
    async with asyncio.timeout(0.4):  # a head would be waited for longer
        assert_problem(await stranger.answer(), 400, "no_websocket")


OFFER = b"Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
"""As Java's HTTP client and `curl --http2` send it with every request."""


@pytest.mark.parametrize("pause_s", [0, 0.05])
async def test_a_client_that_offers_http_2_with_every_request_is_served_over_http_1(
    client: NarrationClient, pause_s: float
) -> None:
    plan = await client.start(1)
    put = httpx.URL(plan["upload"]["pages"][0]["put_url"]).raw_path
    data = page(1)
    stranger = await Stranger.of(client)
    for head, body in (
        (b"PUT %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n" % (put, OFFER, len(data)), data),
        (b"PUT %s HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (put, OFFER), b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)),
        (b"GET /healthz HTTP/1.1\r\n" + OFFER + b"Connection: close\r\n\r\n", b""),
    ):
        stranger.writer.write(head)
        await asyncio.sleep(pause_s)
        stranger.writer.write(body)
    found = (await stranger.rest()).split(b"HTTP/1.1 ")
    assert [reply[:3] for reply in found] == [b"", b"200", b"200", b"200"]
    assert b'"stores"' in found[3]
    page_now = (await client.snapshot(plan))["pages"][0]
    assert (page_now["uploaded"], page_now["revision"]) == (True, 1)


async def test_five_hundred_offers_at_once_are_as_good_as_one(client: NarrationClient) -> None:
    stranger = await Stranger.of(client)
    stranger.writer.write((b"GET /healthz HTTP/1.1\r\n" + OFFER + b"\r\n") * 500)
    assert (await stranger.rest()).count(b"HTTP/1.1 200") == 500


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-5\r\nabc", b"3\r\nabcX", b"f" * 18 + b"\r\n"])
async def test_a_body_that_is_no_body_is_answered_and_costs_the_page_nothing(client: NarrationClient, chunk: bytes) -> None:
    plan = await client.start(1)
    put = httpx.URL(plan["upload"]["pages"][0]["put_url"]).raw_path
    for wait_s in (0, 0.1):
        stranger = await Stranger.of(client)
        stranger.writer.write(b"PUT %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % put)
        await asyncio.sleep(wait_s)
        stranger.writer.write(chunk)
        assert_problem(await stranger.answer(), 400, "bad_http")
    assert (await client.snapshot(plan))["pages"][0]["state"] == "queued"


async def test_what_comes_before_something_that_is_not_http_is_answered(client: NarrationClient) -> None:
    stranger = await Stranger.of(client)
    stranger.writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + b"\x16\x03\x01 GARBAGE\r\n\r\n")
    status, headers, _ = await stranger.answer()
    assert (status, headers["connection"]) == (200, "close")


async def test_a_viewer_that_says_what_is_not_http_is_hung_up_on(client: NarrationClient) -> None:
    plan = await client.start(1)
    stranger = await Stranger.of(client)
    stranger.writer.write(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % httpx.URL(plan["status_sse"]).raw_path)
    while b"page_status" not in await stranger.some(100_000):
        pass
    stranger.writer.write(b"\x16\x03\x01 GARBAGE\r\n\r\n")
    await stranger.rest()
