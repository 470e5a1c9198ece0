"""What no request can do with its body, whichever way its path is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest

from backend.api import guard
from tests.conftest import Serve
from tests.support.voices import problem

MEGABYTE = b"a" * 1_000_000


async def chunks(count: int, sent: list[int]) -> AsyncIterator[bytes]:
    for number in range(count):
        sent.append(number)
        yield MEGABYTE


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/series/x/cas%74"),
        ("PUT", "/v1/series/x/lexico%6e"),
        ("PUT", "/v1/series/x/cast"),
        ("PUT", "/v1/series/a/bank/cast"),
        ("POST", "/v1/narration/session/start"),
        ("POST", "/session/star%74"),
        ("POST", "/v1/voices/register"),
        ("POST", "/jobs/x/focus"),
        ("PATCH", "/jobs/x/pages/0/lines/0"),
        ("PUT", "/nowhere"),
    ],
)
async def test_no_body_but_a_files_may_be_large_and_the_answer_says_so(serve: Serve, method: str, path: str) -> None:
    client = await serve()
    sent: list[int] = []
    reply = await client.http.request(method, path, content=chunks(3, sent), headers={"Content-Type": "application/json"})
    if reply.status_code in (404, 405):  # nobody reads a body there
        assert path == "/nowhere"
        return
    problem(reply, 413, "body_too_large")
    assert reply.headers["connection"] == "close"


async def test_a_refused_body_is_read_on_for_a_while_so_that_the_answer_is_heard(serve: Serve) -> None:
    client = await serve()
    sent: list[int] = []
    reply = await client.http.post("/session/start", content=chunks(20, sent), headers={"Content-Type": "application/json"})
    problem(reply, 413, "body_too_large")
    assert len(sent) == 20
    reply = await client.http.put("/jobs/x/pages/0", content=chunks(8, sent), headers={"Content-Encoding": "gzip"})
    problem(reply, 415, "unsupported_encoding")


async def test_a_refused_body_is_not_read_for_ever(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "DRAIN_BYTES", 2_000_000)
    client = await serve()
    sent: list[int] = []
    with suppress(httpx.TransportError):  # the connection is closed while the client goes on sending
        await client.http.post("/session/start", content=chunks(200, sent), headers={"Content-Type": "application/json"})
    assert len(sent) < 100
