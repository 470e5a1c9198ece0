"""Few-shot voices over HTTP: many clips with their words, checked, trained by a stand-in, counted."""

from __future__ import annotations

import json

import pytest

from backend.voices import parts, registration
from tests.conftest import Serve
from tests.support.server import frames
from tests.support.voices import WORDS, StandInTrainer, few_shot, place, problem, recording, registered


async def test_a_few_shot_voice_speaks_from_its_clips_and_is_trained(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0.2, trainer=(trainer := StandInTrainer()))
    voice = await few_shot(client)
    assert (voice["status"], voice["trained"], voice["styles"]) == ("ready", False, ["neutral"])
    assert (await client.http.post(f"/v1/voices/{voice['voice_id']}/train")).status_code == 202
    told = [frame.data async for frame in frames(client.http, voice["status_sse"], last_event_id="4")]
    assert [event["progress"] for event in told] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert (await client.http.get(f"/v1/voices/{voice['voice_id']}")).json()["trained"] is True
    assert set(trainer.jobs[0].clips.values()) == {WORDS}
    assert (await client.http.delete(f"/v1/voices/{voice['voice_id']}")).status_code == 204
    assert trainer.forgotten == [f"{trainer.jobs[0].name}-1"]


async def test_a_training_that_fails_leaves_a_voice_one_can_speak_with(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0.1, trainer=StandInTrainer(fail=True))
    voice = await few_shot(client)
    await client.http.post(f"/v1/voices/{voice['voice_id']}/train")
    told = [frame.data async for frame in frames(client.http, voice["status_sse"], last_event_id="4")]
    assert told[-1]["status"] == "failed"
    assert "no memory" not in told[-1]["detail"]
    assert (await client.http.get(voice["preview"])).status_code == 200


async def test_without_a_trainer_the_reply_says_so_and_the_voice_speaks_on(serve: Serve) -> None:
    client = await serve()
    voice = await few_shot(client)
    reply = await client.http.post(f"/v1/voices/{voice['voice_id']}/train")
    problem(reply, 409, "conflict")
    assert "has no trainer" in reply.json()["detail"]
    assert (await client.http.get(voice["preview"])).status_code == 200


async def test_trainings_are_counted(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0.05, trainer=StandInTrainer())
    voice = await few_shot(client)
    for _ in range(3):
        assert (await client.http.post(f"/v1/voices/{voice['voice_id']}/train")).status_code == 202
        assert [frame async for frame in frames(client.http, voice["status_sse"])][-1].data["status"] == "ready"
    reply = await client.http.post(f"/v1/voices/{voice['voice_id']}/train")
    problem(reply, 429, "quota_exceeded")
    assert int(reply.headers["retry-after"]) > 80_000


async def test_clips_that_are_too_few_are_refused_with_the_reason(serve: Serve) -> None:
    client = await serve()
    voice = await few_shot(client, clips=2)
    assert voice["status"] == "failed"
    assert "2 clips" in voice["reason"]


@pytest.mark.parametrize("lines", ['{"clip": "../x.wav", "text": "a"}', "[" * 10_000, '{"clip": 5}', "", '"x"', "\xff"])
async def test_transcripts_that_cannot_be_read_are_refused_by_line(serve: Serve, lines: str) -> None:
    client = await serve()
    voice = await registered(client, "Ken", mode="few_shot")
    reply = await client.http.put(place(voice, "transcripts.jsonl"), content=lines.encode("latin-1"))
    problem(reply, 422, "invalid_request")


async def test_clips_that_are_named_but_not_there_are_told_and_waited_for(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0.1)
    voice = await registered(client, "Ken", mode="few_shot")
    for k in range(6):
        await client.http.put(place(voice, f"{k}.wav"), content=recording(seed=k))
    names = [*(f"{k}.wav" for k in range(5)), "five.wav"]
    lines = "\n".join(json.dumps({"clip": name, "text": WORDS}) for name in names)
    reply = await client.http.put(place(voice, "transcripts.jsonl"), content=lines)
    assert (reply.status_code, reply.json()["status"]) == (200, "awaiting_upload")
    await client.http.put(place(voice, "five.wav"), content=recording(seed=5))
    told = [frame.data async for frame in frames(client.http, voice["status_sse"])]
    assert [event["status"] for event in told] == ["awaiting_upload", "awaiting_upload", "checking", "ready"]
    assert "five.wav" in told[1]["detail"]


async def test_nothing_is_uploaded_while_clips_are_checked_so_that_no_check_takes_them_from_another(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0.1)
    voice = await registered(client, "Ken", mode="few_shot")
    for k in range(6):
        await client.http.put(place(voice, f"{k}.wav"), content=recording(seed=k))
    lines = "\n".join(json.dumps({"clip": f"{k}.wav", "text": WORDS}) for k in range(6))
    assert (await client.http.put(place(voice, "transcripts.jsonl"), content=lines)).json()["status"] == "checking"
    again = await client.http.put(place(voice, "transcripts.jsonl"), content=lines)
    problem(again, 409, "conflict")
    assert "being checked" in again.json()["detail"]
    told = [frame.data async for frame in frames(client.http, voice["status_sse"])]
    assert [event["status"] for event in told] == ["awaiting_upload", "checking", "ready"]


async def test_clips_of_a_voice_have_a_number_and_a_size(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await serve()
    voice = await registered(client, "Ken", mode="few_shot")
    monkeypatch.setattr(parts, "MOST_CLIPS", 2)
    for name in ("a.wav", "b.wav", "a.wav"):
        assert (await client.http.put(place(voice, name), content=b"sound")).status_code == 200
    problem(await client.http.put(place(voice, "c.wav"), content=b"sound"), 429, "quota_exceeded")
    monkeypatch.setattr(parts, "MOST_UPLOAD_BYTES", 9)
    problem(await client.http.put(place(voice, "a.wav"), content=b"sound"), 429, "quota_exceeded")


async def test_clips_that_are_no_sound_are_left_out_and_named(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "CLIPS_A_WORD", 3)
    client = await serve(stream_linger_seconds=0.1)
    voice = await registered(client, "Ken", mode="few_shot")
    for k in range(6):
        await client.http.put(place(voice, f"{k}.wav"), content=recording(seed=k))
    await client.http.put(place(voice, "noise.wav"), content=b"no sound at all")
    lines = "\n".join(json.dumps({"clip": f"{name}.wav", "text": WORDS}) for name in (*range(6), "noise"))
    await client.http.put(place(voice, "transcripts.jsonl"), content=lines)
    told = [frame.data async for frame in frames(client.http, voice["status_sse"])]
    assert told[-1]["status"] == "ready"
    assert "noise.wav" in told[-1]["detail"]
    assert [(event["status"], event.get("detail"), event.get("progress")) for event in told[1:4]] == [
        ("checking", None, None),
        ("checking", "3 of 7 clips are checked.", 3 / 7),
        ("checking", "6 of 7 clips are checked.", 6 / 7),
    ]
