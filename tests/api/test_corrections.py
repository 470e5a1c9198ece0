"""Corrections of a line: who says it, its words, its voice, whether it is heard; and what is voiced again for it."""

from __future__ import annotations

from typing import Any

import pytest

from backend.errors import Unavailable
from backend.readers.base import Kind
from tests.api.test_series import CAST, cues, narrated, problem
from tests.conftest import Serve
from tests.support.characters import FacesReader, RecordingSynthesizer, SceneReader
from tests.support.engines import page
from tests.support.narration_client import NarrationClient
from tests.support.scenes import line
from tests.support.scenes import page as drawn


def line_of(plan: dict[str, Any], index: int = 0, number: int | str = 0) -> str:
    return f"/v1/narration/jobs/{plan['job_id']}/pages/{index}/lines/{number}"


async def test_a_line_gets_another_speaker_text_and_voice_or_is_skipped(serve: Serve) -> None:
    client, plan, synthesizer = await narrated(serve, size=1)
    line = f"/v1/narration/jobs/{plan['job_id']}/pages/0/lines"
    synthesizer.said.clear()
    reply = await client.http.patch(f"{line}/0", json={"text": "Good evening.", "voice": "sovits:child-v1"})
    assert reply.json()["revision"] == 2
    await client.until_done(plan)
    assert synthesizer.said == [("Good evening.", "sovits:child-v1")]
    for change in ({"speaker": "Ken"}, {"text": None, "voice": None}):
        await client.http.patch(f"{line}/0", json=change)  # the second does not wait for the first
    await client.until_done(plan)
    assert [(cue["text"], cue["speaker"]) for cue in await cues(client, plan, 0)] == [
        ("Line 0 of page 1.", "Ken"),
        ("Line 1 of page 1.", "character-2"),
    ]
    await client.http.patch(f"{line}/0", json={"skip": True})
    await client.until_done(plan)
    assert [cue["text"] for cue in await cues(client, plan, 0)] == ["Line 1 of page 1."]


async def test_a_correction_brings_new_sound_with_the_events_of_a_new_revision_and_other_pages_stay(serve: Serve) -> None:
    client, plan, synthesizer = await narrated(serve)
    before = await client.snapshot(plan)
    synthesizer.said.clear()
    await client.http.patch(f"/v1/narration/jobs/{plan['job_id']}/pages/1/lines/1", json={"text": "Good evening."})
    told = await client.until_done(plan, last_event_id=str(before["cursor"]))
    assert [text for text, _ in synthesizer.said] == ["Good evening."], "the other line is known"
    steps = [(frame.name, frame.data.get("state")) for frame in told]
    assert steps == [
        ("page_status", "queued"),
        ("progress", None),
        *(("page_status", state) for state in ("extracting", "tts")),
        ("page_ready", None),
        ("page_status", "ready"),
        ("progress", None),
        ("job_done", None),
    ]
    assert {frame.data["revision"] for frame in told if "revision" in frame.data} == {2}
    after = await client.snapshot(plan)
    assert after["pages"][0] == before["pages"][0]
    assert after["pages"][1]["audio"] != before["pages"][1]["audio"]
    assert (await client.http.get(after["pages"][1]["audio"])).status_code == 200


async def test_a_corrected_page_is_right_for_the_next_reader(serve: Serve) -> None:
    client, plan, _ = await narrated(serve, size=1)
    await client.http.patch(f"/v1/narration/jobs/{plan['job_id']}/pages/0/lines/0", json={"text": "Corrected."})
    await client.until_done(plan)
    later = await client.start(1, chapter_id="source:next")
    await client.put(later, 0, page(1))
    await client.until_done(later)
    assert (await cues(client, later, 0))[0]["text"] == "Corrected."


async def test_what_cannot_be_corrected_is_refused_and_changes_nothing(serve: Serve) -> None:
    client = await serve(reader=FacesReader(), synthesizer=(synthesizer := RecordingSynthesizer()))
    plan, _ = await client.narrated(1)
    empty = await client.start(2, chapter_id="source:empty")
    before, said = await client.snapshot(plan), len(synthesizer.said)
    for place, change, status, code in (
        (line_of(plan, 0, 9), {"skip": True}, 404, "not_found"),
        (line_of(plan, 0, "01"), {"skip": True}, 404, "not_found"),
        (line_of(plan, 7), {"skip": True}, 404, "page_not_in_window"),
        (line_of(empty, 1), {"skip": True}, 409, "conflict"),
        (line_of({"job_id": "job_nobody"}), {"skip": True}, 404, "job_not_found"),
        (line_of(plan), {"voice": "sovits:nobody"}, 422, "unknown_voice"),
        (line_of(plan), {"voice": ""}, 422, "unknown_voice"),
        (line_of(plan), {"text": 5}, 422, "invalid_request"),
        (line_of(plan), {"text": "a\u0000"}, 422, "invalid_request"),
        (line_of(plan), {"text": "x" * 2001}, 422, "invalid_request"),
        (line_of(plan), {"skip": "yes"}, 422, "invalid_request"),
        (line_of(plan), {"skip": 1}, 422, "invalid_request"),
        (line_of(plan), {"speaker": ["Aya"]}, 422, "invalid_request"),
        (line_of(plan), {"speaker": "  "}, 422, "invalid_request"),
        (line_of(plan), {"speaker": "MC"}, 422, "invalid_request"),
        (line_of(plan), {"speaker": "character-99"}, 422, "invalid_request"),
        (line_of(plan), None, 422, "invalid_request"),
        (line_of(plan), [], 422, "invalid_request"),
        (line_of(plan), "x", 422, "invalid_request"),
    ):
        problem(await client.http.patch(place, json=change), status, code)
    problem(await client.http.patch(line_of(plan)), 422, "invalid_request")
    assert (await client.snapshot(plan), len(synthesizer.said)) == (before, said)


async def test_a_correction_that_says_nothing_new_does_not_voice_the_page_again(serve: Serve) -> None:
    client, plan, _ = await narrated(serve, size=1)
    for change in ({}, {"skip": None}, {"speaker": None, "text": None, "voice": None}, {"unknown": 1}):
        reply = await client.http.patch(line_of(plan), json=change)
        assert (reply.status_code, reply.json()) == (200, {"index": 0, "state": "ready", "revision": 1})
    for _ in range(3):
        assert (await client.http.patch(line_of(plan), json={"text": "Good evening."})).json()["revision"] == 2
    await client.until_done(plan)
    assert (await client.http.patch(line_of(plan), json={"text": "Good evening."})).json()["revision"] == 2
    assert (await client.http.patch(line_of(plan), json={"text": None})).json()["revision"] == 3, "null takes it back"


async def test_a_line_goes_to_the_narrator_to_nobody_or_to_somebody_new_and_back(serve: Serve) -> None:
    client, plan, _ = await narrated(serve, size=1)
    for speaker, label, voice in (
        ("narrator", "Narrator", "sovits:narrator-v1"),
        ("", None, "sovits:neutral-v1"),
        ("CHARACTER-2", "character-2", "sovits:man-low-v1"),
        (" Ken\n", "Ken", None),
        (None, "character-1", "sovits:mc-v1"),
    ):
        await client.http.patch(line_of(plan), json={"speaker": speaker})
        await client.until_done(plan)
        cue = (await cues(client, plan, 0))[0]
        assert cue["speaker"] == label
        assert voice is None or cue["voice"] == voice
    assert "Ken" in [one["label"] for one in (await client.http.get(CAST)).json()["characters"]]


async def test_a_page_that_stands_in_several_places_is_corrected_in_each_that_is_asked_for(serve: Serve) -> None:
    """The reader client puts one page into all its slots, and a chapter is opened again while its last window lives."""
    client = await serve(reader=FacesReader())
    plan = await client.start(3)
    await client.upload(plan, [1, 1, 1])
    await client.until_done(plan)
    later = await client.start(1, chapter_id="source:next")
    await client.upload(later, [1])
    await client.until_done(later)

    async def heard() -> list[str]:
        places = ((plan, 0), (plan, 1), (plan, 2), (later, 0))
        return [(await cues(client, window, index))[0]["text"] for window, index in places]

    async def corrected(window: dict[str, Any], index: int) -> None:
        reply = await client.http.patch(line_of(window, index), json={"text": "Good evening."})
        assert reply.json()["revision"] == 2, reply.text
        await client.until_done(window)

    before = "Line 0 of page 1."
    await corrected(plan, 1)
    assert await heard() == [before, "Good evening.", before, before], "none is changed silently"
    await corrected(plan, 0)
    await corrected(later, 0)
    assert await heard() == ["Good evening.", "Good evening.", before, "Good evening."]


async def test_a_change_of_voice_reaches_a_page_everywhere_it_is_heard_but_no_window_that_is_over(serve: Serve) -> None:
    client = await serve(reader=FacesReader())
    plan = await client.start(2)
    await client.upload(plan, [1, 1])
    await client.until_done(plan)
    gone, _ = await client.narrated(1, chapter_id="source:gone")
    await client.http.delete(f"/v1/narration/jobs/{gone['job_id']}")
    edit = {"characters": [{"id": 2, "voice": "sovits:old-man-v1"}], "revoice": True}
    reply = (await client.http.put(CAST, json=edit)).json()
    assert reply["touched"] == reply["revoiced"] == [{"job_id": plan["job_id"], "index": index} for index in (0, 1)]
    await client.until_done(plan)
    assert [(await cues(client, plan, index))[1]["voice"] for index in (0, 1)] == ["sovits:old-man-v1"] * 2


async def test_a_box_that_is_not_heard_is_heard_when_asked_for_and_a_page_may_lose_all_its_lines(serve: Serve) -> None:
    boxes = (line("BOOM", kind=Kind.SFX), line("Hello"))
    client: NarrationClient = await serve(reader=SceneReader(lambda _: drawn(*boxes)))
    plan, _ = await client.narrated(1)
    assert [cue["number"] for cue in await cues(client, plan, 0)] == [1]
    await client.http.patch(line_of(plan), json={"skip": False})
    await client.until_done(plan)
    assert [cue["number"] for cue in await cues(client, plan, 0)] == [0, 1]
    for number in (0, 1):
        await client.http.patch(line_of(plan, 0, number), json={"skip": True})
    await client.until_done(plan)
    assert await cues(client, plan, 0) == []
    assert (await client.snapshot(plan))["pages"][0]["state"] == "ready"


async def test_a_correction_whose_call_broke_off_is_made_when_it_is_repeated(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, plan, _ = await narrated(serve, size=1)

    async def unavailable(*_: object) -> None:
        raise Unavailable("The store of the jobs does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(client.app.state.services.log, "commit", unavailable)
        problem(await client.http.patch(line_of(plan), json={"text": "Good evening."}), 503, "unavailable")
    assert (await client.http.patch(line_of(plan), json={"text": "Good evening."})).json()["revision"] == 2
    await client.until_done(plan)
    assert (await cues(client, plan, 0))[0]["text"] == "Good evening."
