"""Voices over HTTP: listed, heard, brought with consent, checked, used in a window."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from backend.flac import from_flac
from backend.voices import registration
from backend.voices.builtin import BUILTIN_VOICES
from backend.voices.manifest import slug_of
from backend.voices.registration import MOST_VOICES
from tests.conftest import Serve
from tests.support.recordings import encoded, phrase, rest
from tests.support.server import frames
from tests.support.voices import CONSENT, WORDS, VoiceNotes, place, problem, ready, recording, registered


async def test_every_builtin_voice_is_listed_with_what_one_wants_to_know(serve: Serve) -> None:
    client = await serve()
    found = (await client.http.get("/v1/voices")).json()["voices"]
    assert [voice["voice_id"] for voice in found] == list(BUILTIN_VOICES)
    assert len(found) >= 14
    assert {"sovits:narrator-v1", "sovits:mc-v1"} <= {voice["voice_id"] for voice in found}
    for voice in found:
        assert voice["description"]
        assert voice["status"] == "ready"
        assert voice["languages"] == ["ja", "en"]
        assert (await client.http.get(f"/v1/voices/{voice['voice_id']}")).json() == voice


async def test_a_preview_is_spoken_once_in_each_language(serve: Serve) -> None:
    client = await serve(synthesizer=(synthesizer := VoiceNotes()))
    for lang in ("ja", "en", "ja", "en"):
        reply = await client.http.get(f"/v1/voices/sovits:mc-v1/preview?lang={lang}")
        assert reply.headers["content-type"] == "audio/flac"
        samples, _ = from_flac(reply.content)
        assert float(np.abs(samples).max()) > 0.1
    assert len(synthesizer.voices) == 2
    problem(await client.http.get("/v1/voices/sovits:mc-v1/preview?lang=fr"), 422, "invalid_request")


async def test_a_zero_shot_voice_is_registered_uploaded_heard_and_used(serve: Serve) -> None:
    client = await serve(synthesizer=(synthesizer := VoiceNotes()))
    voice = await registered(client, "Aya")
    assert (voice["voice_id"], voice["status"]) == ("sovits:aya", "awaiting_upload")
    parts = {part["name"]: part for part in voice["upload"]["parts"]}
    reply = await client.http.put(parts["reference"]["put_url"], content=recording())
    assert reply.json()["status"] == "awaiting_upload"
    reply = await client.http.put(parts["transcript"]["put_url"], content=WORDS)
    assert (reply.status_code, reply.json()["status"]) == (200, "ready"), reply.text
    assert (await client.http.get(reply.json()["preview"])).status_code == 200
    assert synthesizer.voices[-1][0] == "sovits:aya"
    assert (await client.http.get(f"{reply.json()['preview']}?lang=ja")).status_code == 200
    synthesizer.voices.clear()
    await client.narrated(1, voice_pack={"Others": "sovits:aya"})
    assert {voice_id for voice_id, _ in synthesizer.voices} == {"sovits:aya"}


@pytest.mark.parametrize("order", [("reference", "transcript"), ("transcript", "reference")])
async def test_a_recording_is_replaced_together_with_its_words_in_either_order(serve: Serve, order: tuple[str, str]) -> None:
    client = await serve(stream_linger_seconds=0.1)
    voice = await ready(client)
    store = client.app.state.services.voices.store
    before = await store.manifest("", voice["voice_id"])
    new = {"reference": recording(150.0, 5), "transcript": b"These are other words, said in another recording of mine."}
    reply = await client.http.put(place(voice, order[0]), content=new[order[0]])
    assert (reply.status_code, reply.json()["status"]) == (200, "ready")
    assert (await store.manifest("", voice["voice_id"])).reference == before.reference, "one half changes nothing"
    reply = await client.http.put(place(voice, order[1]), content=new[order[1]])
    assert (reply.status_code, reply.json()["status"]) == (200, "ready")
    after = await store.manifest("", voice["voice_id"])
    assert after.reference.transcript == new["transcript"].decode()
    assert after.pitch_hz == pytest.approx(150.0, rel=0.06)
    told = [frame.data.get("detail") async for frame in frames(client.http, voice["status_sse"])]
    assert f"Still to be uploaded to replace the recording: {order[1]}." in told


async def test_a_recording_that_was_sent_twice_is_not_for_words_that_come_later(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await serve()
    voice = await ready(client)
    store = client.app.state.services.voices.store
    assert (await client.http.put(place(voice, "reference"), content=recording())).status_code == 200
    later = store.clock() + 600
    monkeypatch.setattr(store, "clock", lambda: later)
    other = "These are other words, said in another recording of mine."
    assert (await client.http.put(place(voice, "transcript"), content=other)).status_code == 200
    assert (await store.manifest("", voice["voice_id"])).reference.transcript == WORDS
    assert (await client.http.put(place(voice, "reference"), content=recording(150.0, 5))).status_code == 200
    assert (await store.manifest("", voice["voice_id"])).reference.transcript == other


async def test_previews_of_a_new_voice_are_spoken_before_anybody_asks(serve: Serve) -> None:
    client = await serve(synthesizer=(synthesizer := VoiceNotes()))
    await ready(client)
    async with asyncio.timeout(10):
        while len(synthesizer.voices) < 2:
            await asyncio.sleep(0.01)
    assert {voice for voice, _ in synthesizer.voices} == {"sovits:aya"}


async def test_an_engine_that_cannot_clone_says_who_speaks_instead(serve: Serve) -> None:
    client = await serve()
    low, high = await ready(client, "Low", 90.0), await ready(client, "High", 330.0)
    assert low["cloned"] is high["cloned"] is False
    pitch = {voice["voice_id"]: BUILTIN_VOICES[voice["sounds_like"]].pitch_hz for voice in (low, high)}
    assert pitch["sovits:low"] < 130 < 250 < pitch["sovits:high"]


@pytest.mark.parametrize(
    "consent", [None, {}, {"statement": "yes"}, {"statement": " ", "by": "me"}, {"statement": "x", "by": ""}]
)
async def test_without_consent_no_voice_is_registered(serve: Serve, consent: Any) -> None:
    client = await serve()
    body = {"name": "Aya"} | ({"consent": consent} if consent is not None else {})
    problem(await client.http.post("/v1/voices/register", json=body), 422, "invalid_request")
    assert len((await client.http.get("/v1/voices")).json()["voices"]) == len(BUILTIN_VOICES)


@pytest.mark.parametrize(
    ("name", "voice_id"),
    [
        ("Aya Sato!", "sovits:aya-sato"),
        ("../../etc/passwd", "sovits:etc-passwd"),
        ("Zoë", "sovits:zoe"),
        ("<script>alert(1)</script>", "sovits:script-alert-1-script"),
        ("a" * 100, "sovits:" + "a" * 48),
    ],
)
def test_hostile_names_are_cleaned(name: str, voice_id: str) -> None:
    assert f"sovits:{slug_of(name)}" == voice_id


async def test_a_name_is_shown_without_what_cannot_be_seen_and_each_name_has_an_id_of_its_own(serve: Serve) -> None:
    client = await serve()
    names = ("さくら", "声", "123", "🎤", "声A", "花A", "A", "Aya \u202eevil\u2028 Sato", "builtin", "register")
    found = [await registered(client, name) for name in names]
    assert [voice["name"] for voice in found] == [*names[:7], "Aya evil Sato", *names[8:]]
    assert len({voice["voice_id"] for voice in found}) == len(names)
    for voice in found:
        assert (await client.http.get(f"/v1/voices/{voice['voice_id']}")).json()["name"] == voice["name"]
        assert all(voice["voice_id"] in part["put_url"] for part in voice["upload"]["parts"])
        assert voice["status_sse"].isascii()


async def test_names_nothing_can_be_made_of_are_refused(serve: Serve) -> None:
    client = await serve()
    for name in ("", "   ", "a\u0000b", "a\u0085b", "x" * 101, "\u202e", "\u200b\u200d", 5, None):
        reply = await client.http.post("/v1/voices/register", json={"name": name, "consent": CONSENT})
        problem(reply, 422, "invalid_request")
    reply = await client.http.post(
        "/v1/voices/register", content=b'{"name": "\\ud800", "consent": {"statement": "x", "by": "y"}}'
    )
    assert reply.status_code == 422


async def test_a_voice_tells_all_there_is_to_know_at_every_moment(serve: Serve) -> None:
    client = await serve()
    waiting = await registered(client, "Waiting")
    done = await ready(client)
    for voice_id, mode, status in (
        ("sovits:mc-v1", "builtin", "ready"),
        (waiting["voice_id"], "zero_shot", "awaiting_upload"),
        (done["voice_id"], "zero_shot", "ready"),
    ):
        voice = (await client.http.get(f"/v1/voices/{voice_id}")).json()
        assert (voice["voice_id"], voice["engine"], voice["mode"], voice["status"]) == (voice_id, "sovits", mode, status)
        assert sorted(voice["languages"]) == ["en", "ja"]
        assert voice["sample_rate"] == 24_000
        heard = await client.http.get(voice["preview"])
        assert heard.status_code == (200 if status == "ready" else 409), heard.text


async def test_a_voice_that_is_not_ready_is_named_so_and_not_as_one_that_does_not_exist(serve: Serve) -> None:
    client = await serve()
    voice = await registered(client, transcript=WORDS)
    body = {"chapter_id": "a:b", "voice_pack": {"MC": voice["voice_id"]}}
    reply = await client.http.post("/v1/narration/session/start", json=body)
    problem(reply, 422, "unknown_voice")
    assert reply.json()["detail"] == "This voice of yours is not ready yet: awaiting upload."
    assert [error["pointer"] for error in reply.json()["errors"]] == ["/voice_pack/MC"]
    await client.http.put(place(voice, "reference"), content=encoded(phrase(1.0), "wav"))
    reply = await client.http.post("/v1/narration/session/start", json=body)
    assert "has failed: Only" in reply.json()["detail"]


async def test_a_recording_that_is_sent_twice_at_once_makes_one_voice(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0.1)
    voice = await registered(client, transcript=WORDS)
    data = recording()
    replies = await asyncio.gather(*(client.http.put(place(voice, "reference"), content=data) for _ in range(4)))
    assert [reply.status_code for reply in replies] == [200] * 4, [reply.text for reply in replies]
    assert (await client.http.get(f"/v1/voices/{voice['voice_id']}")).json()["status"] == "ready"


async def test_a_voice_made_ready_by_another_process_is_known_at_once(serve: Serve) -> None:
    client, other = await serve(), await serve()
    start = {"chapter_id": "a:b", "voice_pack": {"MC": "sovits:aya"}}
    problem(await other.http.post("/v1/narration/session/start", json=start), 422, "unknown_voice")
    await ready(client)
    reply = await other.http.post("/v1/narration/session/start", json=start)
    assert reply.status_code == 200, reply.text


async def test_an_upload_that_is_too_large_is_refused_whatever_it_is(serve: Serve) -> None:
    client = await serve()
    voice = await registered(client, transcript=WORDS)
    reply = await client.http.put(place(voice, "transcript"), content=b"x" * 1_000_001)
    problem(reply, 413, "upload_too_large")
    assert "At most 1000000 bytes" in reply.json()["detail"]


async def test_a_builtin_voice_or_ones_own_is_not_registered_over(serve: Serve) -> None:
    client = await serve()
    await registered(client, "Aya")
    for name in ("Narrator v1", "ｎａｒｒａｔｏｒ－ｖ１", "mc_v1", "aya", "AYA ", "a\u0301ya"):
        reply = await client.http.post("/v1/voices/register", json={"name": name, "consent": CONSENT})
        problem(reply, 409, "conflict")
    for call in (client.http.delete("/v1/voices/sovits:mc-v1"), client.http.post("/v1/voices/sovits:mc-v1/train")):
        problem(await call, 409, "conflict")


async def test_an_owner_has_so_many_voices_and_room_again_when_one_is_deleted(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_VOICES == 30
    monkeypatch.setattr(registration, "MOST_VOICES", 6)
    client = await serve(api_keys="one,two")
    client.http.headers["X-API-Key"] = "one"
    bodies = [{"name": f"Voice {k}", "consent": CONSENT} for k in range(10)]
    await asyncio.gather(*(client.http.post("/v1/voices/register", json=body) for body in bodies))
    had = len((await client.http.get("/v1/voices")).json()["voices"]) - len(BUILTIN_VOICES)
    for k in range(6 - had):
        await registered(client, f"Late {k}")
    body = {"name": "One more", "consent": CONSENT}
    problem(await client.http.post("/v1/voices/register", json=body), 429, "quota_exceeded")
    client.http.headers["X-API-Key"] = "two"
    await registered(client, "One more")
    client.http.headers["X-API-Key"] = "one"
    own = (await client.http.get("/v1/voices")).json()["voices"][-1]["voice_id"]
    await client.http.delete(f"/v1/voices/{own}")
    await registered(client, "One more")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encoded(phrase(1.0), "wav"), "at least 3"),
        (encoded(rest(5.0), "wav"), "silent"),
        (b"MZ not sound", "decoded"),
    ],
)
async def test_a_recording_that_cannot_be_used_is_refused_with_a_reason_and_may_be_sent_again(
    serve: Serve, data: bytes, reason: str
) -> None:
    client = await serve()
    voice = await registered(client, transcript=WORDS)
    reply = await client.http.put(place(voice, "reference"), content=data)
    problem(reply, 422, "invalid_request")
    assert reason in reply.json()["detail"]
    state = (await client.http.get(f"/v1/voices/{voice['voice_id']}")).json()
    assert (state["status"], state["reason"]) == ("failed", reply.json()["detail"])
    problem(await client.http.get(f"/v1/voices/{voice['voice_id']}/preview"), 409, "conflict")
    again = await client.http.put(place(voice, "reference"), content=recording())
    assert (again.status_code, again.json()["status"]) == (200, "ready")


@pytest.mark.parametrize("part", ["manifest", "..%2f..%2fmanifest", "clip.wav", "transcripts.jsonl", ""])
async def test_a_zero_shot_voice_has_no_other_parts(serve: Serve, part: str) -> None:
    client = await serve()
    voice = await registered(client)
    assert (await client.http.put(place(voice, part), content=b"x")).status_code == 404


async def test_events_tell_the_whole_story_and_resume(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0.2)
    voice = await registered(client, transcript=WORDS)
    await client.http.put(place(voice, "reference"), content=encoded(phrase(1.0), "wav"))
    await client.http.put(place(voice, "reference"), content=recording())
    found = [frame async for frame in frames(client.http, voice["status_sse"])]
    assert [frame.data["status"] for frame in found] == ["awaiting_upload", "checking", "failed", "checking", "ready"]
    rest_of_it = [frame async for frame in frames(client.http, voice["status_sse"], last_event_id=found[2].id)]
    assert [frame.id for frame in rest_of_it] == [frame.id for frame in found[3:]]


async def test_a_subscriber_hears_what_happens_later(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0.2)
    voice = await registered(client, transcript=WORDS)

    async def subscribed() -> list[str]:
        return [frame.data["status"] async for frame in frames(client.http, voice["status_sse"])]

    listening = asyncio.create_task(subscribed())
    await asyncio.sleep(0.1)
    await client.http.put(place(voice, "reference"), content=recording())
    assert await listening == ["awaiting_upload", "checking", "ready"]


async def test_voices_belong_to_their_api_key(serve: Serve) -> None:
    client = await serve(synthesizer=(synthesizer := VoiceNotes()), api_keys="one,two")
    problem(await client.http.get("/v1/voices"), 401, "unauthorized")
    revisions = []
    for key, pitch in (("one", 150.0), ("two", 300.0)):
        client.http.headers["X-API-Key"] = key
        assert len((await client.http.get("/v1/voices")).json()["voices"]) == len(BUILTIN_VOICES)
        await ready(client, pitch_hz=pitch)
        await client.narrated(1, voice_pack={"Others": "sovits:aya"})
        revisions.append(synthesizer.voices[-1])
    assert revisions[0] != revisions[1]
    client.http.headers["X-API-Key"] = "three"
    problem(await client.http.get("/v1/voices/sovits:aya"), 401, "unauthorized")


async def test_an_unknown_voice_of_a_pack_is_refused_with_ones_own_near_names(serve: Serve) -> None:
    client = await serve()
    await ready(client, "Hanako")
    body = {"chapter_id": "a:b", "voice_pack": {"Narrator": "sovits:hanaka"}}
    reply = await client.http.post("/v1/narration/session/start", json=body)
    problem(reply, 422, "unknown_voice")
    assert "sovits:hanako" in reply.json()["detail"]
