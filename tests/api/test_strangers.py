"""What one caller cannot do to another: hand out foreign addresses, or grow a window's log without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.jobs import decisions
from tests.conftest import Serve
from tests.support.voices import problem

START = "/v1/narration/session/start"
PAGE = Path(__file__).resolve().parents[2] / "samples" / "en" / "page-01.png"
BODY = {"chapter_id": "a:1", "window": {"size": 2}}


async def test_an_equal_start_is_never_answered_with_a_host_that_somebody_else_named(serve: Serve) -> None:
    client = await serve()
    poisoned = (await client.http.post(START, json=BODY, headers={"Host": "evil.example"})).json()
    assert poisoned["status_sse"].startswith("http://evil.example/")
    own = (await client.http.post(START, json=BODY)).json()
    assert own["job_id"] == poisoned["job_id"]
    urls = [
        own["status_sse"],
        own["snapshot_url"],
        own["audio_url_template"],
        *(slot["put_url"] for slot in own["upload"]["pages"]),
    ]
    assert len(urls) == 5
    assert all(url.startswith(str(client.http.base_url)) for url in urls)


@pytest.mark.parametrize("host", ["a:b:c]", "[", "x:y", ":80", "a:123456", "a/b", "-"])
async def test_a_host_that_makes_no_url_is_refused(serve: Serve, host: str) -> None:
    client = await serve()
    problem(await client.http.post(START, json=BODY, headers={"Host": host}), 422, "invalid_request")


@pytest.mark.parametrize("host", ["reader.example", "reader.example:8080", "192.168.1.7:80", "[fd00::1]:8080", "my_laptop.local"])
async def test_names_and_addresses_with_and_without_port_are_hosts(serve: Serve, host: str) -> None:
    client = await serve()
    reply = await client.http.post(START, json=BODY, headers={"Host": host})
    assert reply.json()["status_sse"].startswith(f"http://{host}/")


async def test_wishes_end_where_a_log_has_grown_long_and_uploads_go_on(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "MOST_ENTRIES", 12)
    client = await serve()
    plan = (await client.http.post(START, json=BODY)).json()
    focus = f"/jobs/{plan['job_id']}/focus"
    replies = [await client.http.post(focus, json={"index": number % 2}) for number in range(20)]
    assert {reply.status_code for reply in replies[:8]} == {200}
    problem(replies[-1], 429, "quota_exceeded")
    assert replies[-1].headers["Retry-After"]
    cursor = (await client.http.get(f"/jobs/{plan['job_id']}/snapshot")).json()["cursor"]
    assert int(cursor) <= 12
    reply = await client.http.put(plan["upload"]["pages"][0]["put_url"], content=PAGE.read_bytes())
    assert reply.status_code == 200
