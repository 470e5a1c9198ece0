"""Strangers: who may call, how often, and what hostile input gets. Never a 5xx, never a hang, never an echo."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.api.clients import client_address
from backend.api.guard import Guard
from backend.settings import Settings
from tests.conftest import Serve
from tests.support.engines import page

START = "/v1/narration/session/start"
BODY = {"chapter_id": "a:b"}


def assert_problem(reply: httpx.Response, status: int, code: str | None = None) -> None:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    found = reply.json()
    assert {"type", "title", "status", "detail", "code", "instance"} <= found.keys()
    assert found["status"] == status
    assert code is None or found["code"] == code
    assert "Traceback" not in reply.text
    assert "/backend/" not in reply.text


async def test_keys_are_asked_of_starts_and_not_of_a_jobs_own_routes(serve: Serve) -> None:
    client = await serve(api_keys=("secret-one", "secret-two"))
    assert_problem(await client.http.post(START, json=BODY), 401, "unauthorized")
    assert_problem(await client.http.post(START, json=BODY, headers={"X-API-Key": "secret-thre"}), 401)
    reply = await client.http.post(START, json=BODY, headers={"X-API-Key": "secret-two"})
    assert reply.status_code == 200
    assert (await client.http.get(reply.json()["snapshot_url"])).status_code == 200


async def test_every_call_that_is_documented_to_need_a_key_is_refused_without_one(serve: Serve) -> None:
    client = await serve(api_keys=("secret",))
    refused = []
    for path, operations in (await client.http.get("/openapi.json")).json()["paths"].items():
        for method, operation in operations.items():
            if "security" not in operation:
                continue
            named = path.replace("{voice_id}", "sovits:mc-v1").replace("{sha256}", "0" * 64)
            place = re.sub(r"\{\w+\}", "1", named)
            assert_problem(await client.http.request(method, place, json={}), 401, "unauthorized")
            refused.append(f"{method} {path}")
    assert {"post /v1/narration/session/next", "post /v1/voices/register", "get /v1/voices", "delete /v1/pages/{sha256}"} <= set(
        refused
    )
    assert len(refused) > 15


async def test_start_and_next_have_limits_of_their_own(serve: Serve) -> None:
    client = await serve(rate_limit_start_max=3, rate_limit_next_max=2)
    for k in range(3):
        assert (await client.http.post(START, json={"chapter_id": f"a:{k}"})).status_code == 200
    refused = await client.http.post(START, json=BODY)
    assert_problem(refused, 429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.headers["ratelimit-limit"] == "3"
    assert refused.headers["ratelimit-remaining"] == "0"
    for _ in range(2):
        assert (await client.http.post("/v1/narration/session/next", json=BODY)).status_code == 200
    assert_problem(await client.http.post("/v1/narration/session/next", json=BODY), 429)


async def test_equal_limits_of_start_and_next_are_still_two(serve: Serve) -> None:
    client = await serve(rate_limit_start_max=2, rate_limit_next_max=2)
    for path in (START, "/v1/narration/session/next"):
        assert [(await client.http.post(path, json=BODY)).status_code for _ in range(3)] == [200, 200, 429]


async def test_puts_to_a_live_job_are_not_counted_but_its_bytes_are(serve: Serve) -> None:
    data = [page(k) for k in range(40)]
    client = await serve(rate_limit_start_max=1, max_job_bytes=sum(map(len, data)))
    plan = await client.start(1)
    for item in data:
        assert (await client.put(plan, 0, item)).is_success
    assert_problem(await client.put(plan, 0, page(77)), 429, "quota_exceeded")


async def test_a_client_may_have_only_so_many_open_windows(serve: Serve) -> None:
    client = await serve(max_open_jobs=2)
    plans = [await client.start(1, chapter_id=f"a:{k}") for k in range(2)]
    assert_problem(await client.http.post(START, json={"chapter_id": "a:9"}), 429, "quota_exceeded")
    await client.upload(plans[0], [1])
    await client.until_done(plans[0])
    assert (await client.http.post(START, json={"chapter_id": "a:9"})).status_code == 200


def request_from(peer: tuple[str, int], forwarded: str) -> Request:
    """`forwarded` has the header's lines."""
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded.splitlines()]
    return Request({"type": "http", "client": peer, "headers": headers, "method": "GET", "path": "/"})


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "expected"),
    [
        (("203.0.113.9", 5000), "198.51.100.1", "", "203.0.113.9"),
        (("10.0.0.2", 5000), "198.51.100.1", "10.0.0.0/8", "198.51.100.1"),
        (("10.0.0.2", 5000), "1.2.3.4, 198.51.100.1", "10.0.0.0/8", "198.51.100.1"),
        (("10.0.0.2", 5000), "198.51.100.1, 10.0.0.3", "10.0.0.0/8", "198.51.100.1"),
        (("10.0.0.2", 5000), "nonsense", "10.0.0.0/8", "10.0.0.2"),
        # uvicorn has believed a local caller's header and left port 0 behind: the caller was a local one.
        (("198.51.100.1", 0), "198.51.100.1", "", "127.0.0.1"),
        (("198.51.100.1", 0), "198.51.100.1", "127.0.0.1", "198.51.100.1"),
        (("::ffff:10.0.0.2", 5000), "::ffff:198.51.100.1", "10.0.0.0/8", "198.51.100.1"),
        (("::ffff:10.0.0.2", 5000), "198.51.100.1", "::ffff:10.0.0.0/104", "198.51.100.1"),
        (("10.0.0.2", 5000), "2001:DB8:0::1", "10.0.0.0/8", "2001:db8::1"),
        # A proxy that adds a line of its own below the caller's, as HAProxy does.
        (("10.0.0.2", 5000), "1.2.3.4\n198.51.100.1", "10.0.0.0/8", "198.51.100.1"),
        (("10.0.0.2", 5000), "1.2.3.4\n198.51.100.1, 10.0.0.3\n10.0.0.4", "10.0.0.0/8", "198.51.100.1"),
    ],
)
def test_only_trusted_proxies_say_who_calls(peer: tuple[str, int], forwarded: str, proxies: str, expected: str) -> None:
    settings = Settings(_env_file=None, trusted_proxies=proxies)
    assert client_address(request_from(peer, forwarded), settings) == expected


async def test_changing_the_address_within_a_network_of_ipv6_does_not_escape_the_limit(serve: Serve) -> None:
    client = await serve(rate_limit_start_max=2, trusted_proxies="127.0.0.1")

    async def start(address: str) -> httpx.Response:
        reply: httpx.Response = await client.http.post(START, json=BODY, headers={"X-Forwarded-For": address})
        return reply

    replies = [await start(address) for address in ("2001:db8::1", "2001:db8::2", "2001:db8::ffff:1", "2001:db8:0:1::1")]
    assert [reply.status_code for reply in replies] == [200, 200, 429, 200]
    assert len({reply.json()["job_id"] for reply in replies if reply.is_success}) == 3, (
        "they are counted together and share nothing"
    )
    others = ("192.0.2.1", "192.0.2.2", "192.0.2.3", "::ffff:192.0.2.4")
    assert [(await start(address)).status_code for address in others] == [200] * 4


async def test_a_key_may_have_letters_beyond_ascii(serve: Serve) -> None:
    client = await serve(api_keys=("schlüssel",))
    for key, status in (("schlüssel", 200), ("schlussel", 401)):
        assert (await client.http.post(START, json=BODY, headers={"X-API-Key": key.encode()})).status_code == status


async def test_other_origins_are_let_in_only_by_name(serve: Serve) -> None:
    client = await serve(cors_origins=("https://reader.example", "aidoku://app"))
    for origin, allowed in (("https://reader.example", True), ("aidoku://app", True), ("https://evil.example", False)):
        reply = await client.http.options(
            START,
            headers={"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"},
        )
        assert (reply.headers.get("access-control-allow-origin") == origin) is allowed
        assert "access-control-allow-credentials" not in reply.headers


HOSTILE: list[tuple[bytes, int]] = [
    (b"", 422), (b"{", 400), (b"[]", 422), (b"null", 422), (b"NaN", 422), (b'"x"', 422),
    (b'{"chapter_id": NaN}', 422),
    (b'{"chapter_id": "\\ud800"}', 422),
    (b'{"chapter_id": "a\\u0000b"}', 422),
    (b'{"chapter_id": ""}', 422),
    (b'{"chapter_id": "' + b"x" * 600 + b'"}', 422),
    (b'{"chapter_id": 7}', 422),
    (b'{"chapter_id": "a:b", "window": {"size": 0}}', 422),
    (b'{"chapter_id": "a:b", "window": {"size": 51}}', 422),
    (b'{"chapter_id": "a:b", "window": {"size": -1}}', 422),
    (b'{"chapter_id": "a:b", "window": {"size": 1e400}}', 422),
    (b'{"chapter_id": "a:b", "window": {"size": ' + b"9" * 5000 + b"}}", 422),
    (b'{"chapter_id": "a:b", "window": {"start_index": -1}}', 422),
    (b'{"chapter_id": "a:b", "voice_pack": {"MC": null}}', 422),
    (b'{"chapter_id": "a:b", "voice_pack": {"\\ud800": "sovits:mc-v1"}}', 422),
    (b'{"chapter_id": "a:b", "voice_pack": {"MC": "../../etc/passwd"}}', 422),
    (b'{"chapter_id": "a:b", "voice_pack": []}', 422),
    (b'{"chapter_id": "a:b", "options": {"speed": NaN}}', 422),
    (b'{"chapter_id": "a:b", "options": {"direction": "up"}}', 422),
    (b'{"chapter_id": "a:b", "client": 3}', 422),
    (b"[" * 100_000, 400),
    (b'{"a":' * 50_000, 400),
    (b"\xff\xfe\x00", 400),
    (gzip.compress(b" " * 1_000_000), 400),
    (b'{"chapter_id": "a:b", "chapter_id": "a:b", "unknown": [1, 2, {"x": null}]}', 200),
    (b'{"chapter_id": "../../../etc/passwd"}', 200),
    (b'{"chapter_id": "a:b", "window": {"size": 20.0}}', 200),
]  # fmt: skip


async def test_hostile_bodies_get_a_clear_answer_and_are_never_repeated(serve: Serve) -> None:
    client = await serve(rate_limit_start_max=0)
    for body, status in HOSTILE:
        for path in (START, "/session/next"):
            reply = await client.http.post(path, content=body, headers={"Content-Type": "application/json"})
            assert reply.status_code in ({status, 422, 400} if status >= 400 else {status}), (body[:80], reply.text)
            if status >= 400:
                assert_problem(reply, reply.status_code)
                assert b"passwd" not in reply.content
                assert len(reply.content) < 3000


async def test_validation_errors_point_at_what_is_wrong(serve: Serve) -> None:
    client = await serve()
    reply = await client.http.post(START, json={"chapter_id": "a:b", "window": {"size": "many"}, "options": {"speed": 9}})
    assert_problem(reply, 422, "invalid_request")
    assert {item["pointer"] for item in reply.json()["errors"]} == {"/window/size", "/options/speed"}


async def test_a_body_without_its_content_type_is_told_what_it_lacks(serve: Serve) -> None:
    client = await serve()
    reply = await client.http.post(
        START, content=b'{"chapter_id": "a:b"}', headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert_problem(reply, 422, "invalid_request")
    assert reply.json()["errors"] == [
        {"pointer": "/", "detail": "must be a JSON object, sent with Content-Type: application/json"}
    ]


async def test_a_body_of_ten_megabytes_is_refused(serve: Serve) -> None:
    client = await serve()
    big = b'{"chapter_id": "' + b"x" * 10_000_000 + b'"}'
    try:
        reply = await client.http.post(START, content=big)
        assert_problem(reply, 413, "body_too_large")
    except httpx.TransportError:
        pass  # the server may hang up before all of it is sent
    assert (await client.http.get("/healthz")).status_code == 200


async def test_unknown_paths_and_methods_are_problems_too(serve: Serve) -> None:
    client = await serve()
    assert_problem(await client.http.get("/nothing/here"), 404)
    assert_problem(await client.http.get(START), 405)
    assert_problem(await client.http.request("PATCH", START), 405)
    for job_id in ("x" * 200, "%00", "..%2F..", "job_%F0%9F%98%80", "a b", "%2E", "%2E%2E", "%C0%AF", "%", "%ED%A0%80"):
        for route in (
            "snapshot",
            "events",
            "audio/window.m3u8",
            "audio/page-0/index.m3u8",
            "audio/page-0/0123456789abcdef/cues.json",
        ):
            assert_problem(await client.http.get(f"/v1/narration/jobs/{job_id}/{route}"), 404)


async def test_every_reply_forbids_sniffing_and_says_how_long_it_may_be_kept(serve: Serve) -> None:
    client = await serve()
    plan, _ = await client.narrated(1)
    replies = [
        await client.http.get(plan["snapshot_url"]),
        await client.http.get("/healthz"),
        await client.http.get("/nothing"),
        await client.http.post(START, json=BODY),
    ]
    for reply in replies:
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil\\.example", "a b", "<script>", "ex ample:80", "x/y"])
async def test_a_host_header_that_cannot_stand_in_a_url_is_refused(serve: Serve, host: str) -> None:
    client = await serve()
    reply = await client.http.post(START, json=BODY, headers={"Host": host})
    assert reply.status_code in (400, 422)


async def run_guarded(
    messages: list[dict[str, Any]], pause_s: float, idle_s: float, whole_body_s: float = 300
) -> list[dict[str, Any]]:
    """What `Guard` sends for a body that arrives in `messages`, each after `pause_s`."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await Response("fine")(scope, receive, send)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause_s)
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "PUT", "headers": [], "raw_path": b"/x", "path": "/x"}
    await Guard(app, idle_s=idle_s, whole_body_s=whole_body_s)(scope, receive, send)
    return sent


async def test_a_body_that_drips_is_given_up() -> None:
    drops = [{"type": "http.request", "body": b"x", "more_body": True} for _ in range(100)]
    slow = await run_guarded(list(drops), 0.05, idle_s=0.01)
    dripping = await run_guarded(list(drops), 0.01, idle_s=1, whole_body_s=0.1)
    for sent in (slow, dripping):
        assert sent[0]["status"] == 408
        assert json.loads(sent[1]["body"])["code"] == "request_timeout"


async def test_clients_that_vanish_in_every_phase_cost_nothing(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(2)
    url = httpx.URL(plan["status_sse"])
    put = httpx.URL(plan["upload"]["pages"][0]["put_url"]).raw_path.decode()
    halves = [
        b"",
        b"GET /",
        f"PUT {put} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc".encode(),
        f"PUT {put} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nabc".encode(),
        f"GET {url.raw_path.decode()} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ]
    for data in halves * 5:
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.transport.abort()
    await client.upload(plan, [1, 2])
    assert (await client.until_done(plan))[-1].data["ok"] is True


async def test_windows_nobody_came_back_to_are_removed(serve: Serve) -> None:
    client = await serve(job_ttl_seconds=10, rate_limit_start_max=0, max_open_jobs=1000)
    services = client.app.state.services
    keeper = services.keeper
    for k in range(20):
        await client.start(1, chapter_id=f"a:{k}")
    tasks = len(asyncio.all_tasks())
    assert len(await services.log.job_ids()) == 20
    now = keeper._clock()
    keeper._clock = lambda: now + 3600.0
    keeper._earlier.set()  # wakes it up; its look at the clock finds all of them due
    async with asyncio.timeout(5):
        while await services.log.job_ids():
            await asyncio.sleep(0.02)
    assert len(asyncio.all_tasks()) <= tasks, "an abandoned window has no task of its own"
