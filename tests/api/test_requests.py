"""What clients send by mistake, or slightly differently: taken where it means something, else refused with what to do."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.conftest import Serve
from tests.support.engines import page

START = "/v1/narration/session/start"


@pytest.mark.parametrize(
    "header", ["image/*", "*/*", "application/octet-stream", "binary/octet-stream", "IMAGE/PNG; charset=binary", ""]
)
async def test_a_header_that_says_nothing_does_not_disagree_with_the_bytes(serve: Serve, header: str) -> None:
    client = await serve()
    plan = await client.start(1)
    reply = await client.put(plan, 0, page(1), header)
    assert reply.status_code == 200, reply.text


async def test_a_form_is_told_to_send_the_image_itself(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    reply = await client.http.put(plan["upload"]["pages"][0]["put_url"], files={"file": ("page.png", page(1), "image/png")})
    assert (reply.status_code, reply.json()["code"]) == (415, "unsupported_image")
    assert "curl -T" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"single_voice": "yes"}, "/options/single_voice"),
        ({"single_voice": 1}, "/options/single_voice"),
        ({"speed": True}, "/options/speed"),
        ({"speed": "1.5"}, "/options/speed"),
        ({"sfx": 0}, "/options/sfx"),
        ({"lang": 7}, "/options/lang"),
    ],
)
async def test_an_option_of_another_type_is_refused_where_it_stands(serve: Serve, options: dict[str, Any], place: str) -> None:
    client = await serve()
    reply = await client.http.post(START, json={"chapter_id": "a:b", "options": options})
    assert reply.status_code == 422
    assert [error["pointer"] for error in reply.json()["errors"]] == [place]


async def test_a_speed_may_be_a_whole_number(serve: Serve) -> None:
    client = await serve()
    body = {"chapter_id": "a:b", "options": {"speed": 1, "single_voice": False}}
    assert (await client.http.post(START, json=body)).status_code == 200


@pytest.mark.parametrize(
    ("pack", "places"),
    [
        ({"MC": 5}, ["/voice_pack/MC"]),
        ({"MC": ""}, ["/voice_pack/MC"]),
        ({"Others": ["sovits:mc-v1", 5]}, ["/voice_pack/Others", "/voice_pack/Others/1"]),
        ({"Others": []}, ["/voice_pack/Others"]),
        ({"Others": {}}, ["/voice_pack/Others"]),
        ({"a/b~c": None}, ["/voice_pack/a~1b~0c"]),
        ({"": "sovits:mc-v1"}, ["/voice_pack/"]),
    ],
)
async def test_pointers_lead_into_the_request_and_name_nothing_of_ours(
    serve: Serve, pack: dict[str, Any], places: list[str]
) -> None:
    client = await serve()
    reply = await client.http.post(START, json={"chapter_id": "a:b", "voice_pack": pack})
    assert reply.status_code == 422
    assert sorted(error["pointer"] for error in reply.json()["errors"]) == sorted(places)
    assert "constrained" not in reply.text


async def test_what_is_missing_is_pointed_at_too(serve: Serve) -> None:
    client = await serve()
    reply = await client.http.post(START, json={"window": {}})
    assert [error["pointer"] for error in reply.json()["errors"]] == ["/chapter_id"]


@pytest.mark.parametrize(
    ("pack", "place"),
    [
        ({"Narrator": "sovits:narrator-v1", "Hana": "zzzzzzzz"}, "/voice_pack/Hana"),
        ({"Others": ["sovits:mc-v1", "zzzzzzzz"]}, "/voice_pack/Others/1"),
        ({"a/b": "sovits:mc-v2"}, "/voice_pack/a~1b"),
    ],
)
async def test_an_unknown_voice_is_pointed_at_by_its_role_and_known_ones_are_named(
    serve: Serve, pack: dict[str, Any], place: str
) -> None:
    client = await serve()
    reply = await client.http.post(START, json={"chapter_id": "a:b", "voice_pack": pack})
    assert (reply.status_code, reply.json()["code"]) == (422, "unknown_voice")
    assert [error["pointer"] for error in reply.json()["errors"]] == [place]
    assert "sovits:" in reply.json()["detail"]
    assert "GET /v1/voices" in reply.json()["detail"]


async def test_an_address_says_all_methods_it_takes(serve: Serve) -> None:
    client = await serve()
    plan = await client.start(1)
    job = f"/v1/narration/jobs/{plan['job_id']}"
    for method, address, allowed in (
        ("POST", f"{job}/snapshot", "GET, HEAD"),
        ("GET", START, "POST"),
        ("POST", "/v1/voices/sovits:mc-v1", "GET, HEAD, DELETE"),
        ("POST", "/v1/series/source/cast", "GET, HEAD, PUT, DELETE"),
        ("GET", f"{job}/pages/0", "PUT"),
    ):
        reply = await client.http.request(method, address)
        assert (reply.status_code, reply.json()["code"], reply.headers["allow"]) == (405, "method_not_allowed", allowed), address


async def test_a_preflight_that_is_denied_is_a_problem_and_one_that_is_not_is_not_sniffed(serve: Serve) -> None:
    client = await serve(cors_origins=("https://reader.example",))

    async def preflight(origin: str, method: str) -> httpx.Response:
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        found: httpx.Response = await client.http.options(START, headers=headers)
        return found

    for denied in (await preflight("https://evil.example", "POST"), await preflight("https://reader.example", "TRACE")):
        assert (denied.status_code, denied.json()["code"]) == (400, "preflight_refused")
        assert denied.headers["content-type"] == "application/problem+json"
        assert "Origin" in denied.headers["vary"]
        assert denied.headers["x-content-type-options"] == "nosniff"
    granted = await preflight("https://reader.example", "POST")
    assert (granted.status_code, granted.headers["x-content-type-options"]) == (200, "nosniff")


async def test_the_page_for_browsers_answers_ranges_as_audio_does(serve: Serve) -> None:
    client = await serve()
    whole = await client.http.get("/")
    assert whole.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in whole.headers["content-security-policy"]
    assert (await client.http.get("/", headers={"If-None-Match": whole.headers["etag"]})).status_code == 304
    behind = await client.http.get("/", headers={"Range": "bytes=99999999-"})
    assert (behind.status_code, behind.json()["code"]) == (416, "range_not_satisfiable")
    assert (await client.http.get("/nothing.js")).json()["code"] == "not_found"
