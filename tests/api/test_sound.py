"""What a ready page sounds like over HTTP (contract C20), and what becomes of pages and lines that cannot be heard."""

from __future__ import annotations

import asyncio

import av
import httpx
import pytest

from tests.conftest import Serve
from tests.support.engines import InstantReader, ToneSynthesizer


async def test_c20_the_audio_of_a_page_plays_and_lasts_as_long_as_announced(serve: Serve) -> None:
    client = await serve()
    plan, events = await client.narrated(1)
    ready = next(frame for frame in events if frame.name == "page_ready")
    for address in (ready.data["audio"], plan["audio_url_template"].replace("{index}", "0")):
        reply = await client.http.get(address)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/vnd.apple.mpegurl"
        assert reply.text.rstrip().endswith("#EXT-X-ENDLIST")
        segments = [line for line in reply.text.splitlines() if not line.startswith("#")]
        assert segments
        for segment in segments:
            found = await client.http.get(str(httpx.URL(address).join(segment)))
            assert (found.status_code, found.headers["content-type"]) == (200, "video/mp2t")
    duration = await asyncio.to_thread(decoded_duration_s, ready.data["audio"])
    assert duration == pytest.approx(ready.data["duration"], abs=0.1)


def decoded_duration_s(url: str) -> float:
    with av.open(url, "r") as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


async def test_c20_cues_and_captions_are_linked_and_lie_inside_the_audio(serve: Serve) -> None:
    client = await serve()
    _, events = await client.narrated(1)
    ready = next(frame for frame in events if frame.name == "page_ready").data
    cues = (await client.http.get(ready["cues"])).json()
    assert [cue["text"] for cue in cues["cues"]] == ["Line 0 of page 1.", "Line 1 of page 1."]
    assert all(0 <= cue["start"] < cue["end"] <= ready["duration"] for cue in cues["cues"])
    captions = await client.http.get(ready["captions"])
    assert captions.headers["content-type"].startswith("text/vtt")
    assert captions.text.startswith("WEBVTT")


async def test_a_page_whose_reading_or_voicing_fails_is_an_error_with_a_reason_and_the_rest_goes_on(serve: Serve) -> None:
    client = await serve(InstantReader(broken=[2], raising=[3]), ToneSynthesizer(mute=["page 4"]))
    _, events = await client.narrated(5)
    assert events[-1].data == {
        "ok": False,
        "run": 1,
        "errors": [
            {"index": 1, "reason": "reading_failed"},
            {"index": 2, "reason": "internal_error"},
            {"index": 3, "reason": "speech_failed"},
        ],
    }
    assert {frame.data["index"] for frame in events if frame.name == "page_ready"} == {0, 4}


async def test_a_line_that_cannot_be_spoken_is_named_and_the_page_is_heard_without_it(serve: Serve) -> None:
    client = await serve(synthesizer=ToneSynthesizer(mute=["Line 1"]))
    plan, events = await client.narrated(1)
    ready = next(frame for frame in events if frame.name == "page_ready").data
    assert ready["failed_lines"] == [1]
    assert (await client.snapshot(plan))["pages"][0]["failed_lines"] == [1]
