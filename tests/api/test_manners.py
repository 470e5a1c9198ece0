"""Manners a zero-shot voice offers besides its own: brought at any time, checked, heard where a line is printed so, taken away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.readers.base import Reading, ReadOptions
from backend.synthesizers.base import Speech, SpeechFailed, Style, Utterance
from tests.api.test_transcripts import Ear
from tests.conftest import Serve
from tests.support.engines import InstantReader
from tests.support.narration_client import NarrationClient
from tests.support.recordings import encoded, phrase, rest, whispered
from tests.support.server import frames
from tests.support.voices import WORDS, VoiceNotes, place, problem, ready, recording, registered

OTHER_WORDS = "And this is what I say when I speak in another manner."


def breath(seed: int = 0) -> bytes:
    """A whisper, too quiet for speech."""
    parts = [rest(0.3), whispered(2.4, seed, 0.03), rest(0.3), whispered(2.4, seed + 50, 0.03), rest(0.3)]
    return encoded(np.concatenate(parts), "wav")


async def bring(client: NarrationClient, voice: dict[str, Any], style: str, data: bytes, words: str = OTHER_WORDS) -> Any:
    """Both parts; the reply to the last."""
    assert (await client.http.put(place(voice, f"transcript-{style}"), content=words)).status_code == 200
    return await client.http.put(place(voice, f"reference-{style}"), content=data)


async def state(client: NarrationClient, voice: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.http.get(f"/v1/voices/{voice['voice_id']}")).json()
    return found


async def clips(client: NarrationClient, voice: dict[str, Any]) -> dict[Style, str]:
    """What is said in the clip of each manner the voice is spoken with."""
    manifest = await client.app.state.services.voices.store.manifest("", voice["voice_id"])
    return {style: clip.transcript for style, clip in manifest.voice().references.items()}


async def stored(client: NarrationClient) -> list[str]:
    """Recordings that are kept, raw and checked."""
    keys = [key async for key in client.app.state.services.objects.keys("voices/everyone")]
    return [key for key in keys if "/uploads/" in key or "/clips/" in key]


async def test_the_plan_offers_every_manner_and_requires_none(serve: Serve) -> None:
    client = await serve()
    voice = await registered(client)
    parts = {part["name"]: part for part in voice["upload"]["parts"]}
    for style in ("shout", "whisper", "sad"):
        for name, kind in ((f"reference-{style}", "audio/wav"), (f"transcript-{style}", "text/plain")):
            assert parts[name]["required"] is False
            assert kind in parts[name]["content_types"]
            assert parts[name]["put_url"].endswith(place(voice, name))
    assert "styles" not in voice


async def test_a_manner_is_offered_when_recording_and_words_are_there_in_either_order(serve: Serve) -> None:
    client = await serve(stream_linger_seconds=0.1)
    voice = await ready(client)
    assert voice["styles"] == ["neutral"]
    parts: list[tuple[str, bytes]] = [
        ("reference-whisper", breath()),
        ("transcript-whisper", OTHER_WORDS.encode()),
        ("transcript-sad", WORDS.encode()),
        ("reference-sad", recording(200.0, 3)),
    ]
    replies = [await client.http.put(place(voice, name), content=data) for name, data in parts]
    assert [(reply.status_code, reply.json()["status"]) for reply in replies] == [(200, "ready")] * 4
    styles = [["neutral"], ["neutral", "whisper"], ["neutral", "whisper"], ["neutral", "whisper", "sad"]]
    assert [reply.json()["styles"] for reply in replies] == styles
    assert await clips(client, voice) == {Style.NEUTRAL: WORDS, Style.WHISPER: OTHER_WORDS, Style.SAD: WORDS}
    assert not [key for key in await stored(client) if "/uploads/" in key]
    told = [frame.data async for frame in frames(client.http, voice["status_sse"])]
    assert [(event["status"], event.get("detail")) for event in told[-4:]] == [
        ("ready", "Still to be uploaded for the style whisper: transcript-whisper."),
        ("ready", "It offers the style whisper now."),
        ("ready", "Still to be uploaded for the style sad: reference-sad."),
        ("ready", "It offers the style sad now."),
    ]


@pytest.mark.parametrize("repeated", ["reference", "transcript"])
async def test_a_half_that_was_left_waiting_is_for_nothing_that_comes_later(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, repeated: str
) -> None:
    client = await serve()
    voice = await ready(client)
    store = client.app.state.services.voices.store
    first = {"transcript": b"These are words of long ago, which nobody says any more.", "reference": breath(3)}
    for part, data in (*first.items(), (repeated, first[repeated])):  # the reply to one was lost, so it came again
        assert (await client.http.put(place(voice, f"{part}-whisper"), content=data)).status_code == 200
    later = store.clock() + 600
    monkeypatch.setattr(store, "clock", lambda: later)
    other = {"reference": "transcript", "transcript": "reference"}[repeated]
    second = {"transcript": OTHER_WORDS.encode(), "reference": breath()}
    said = [
        (await client.http.put(place(voice, f"{part}-whisper"), content=second[part]), await clips(client, voice))
        for part in (other, repeated)
    ]
    assert [reply.status_code for reply, _ in said] == [200, 200]
    assert [texts[Style.WHISPER] for _, texts in said] == [first["transcript"].decode(), OTHER_WORDS]


async def test_manners_may_come_before_the_voice_is_ready_and_are_listed_in_their_order(serve: Serve) -> None:
    client = await serve()
    voice = await registered(client, transcript=WORDS)
    for style, data in (("sad", recording(200.0, 3)), ("shout", recording(400.0, 4))):
        reply = await bring(client, voice, style, data)
        assert (reply.status_code, reply.json()["status"]) == (200, "awaiting_upload"), reply.text
        assert "styles" not in reply.json()
    reply = await client.http.put(place(voice, "reference"), content=recording())
    assert (reply.json()["status"], reply.json()["styles"]) == ("ready", ["neutral", "shout", "sad"])


async def test_a_recording_that_is_refused_leaves_the_voice_as_it_was(serve: Serve) -> None:
    client = await serve()
    voice = await ready(client)
    good = {"shout": recording(480.0, 7), "whisper": breath(), "sad": recording(220.0, 7)}
    for style, data in good.items():
        assert (await bring(client, voice, style, data)).status_code == 200
    before, kept = await state(client, voice), await stored(client)
    bad = [
        ("whisper", encoded(rest(5.0), "wav"), "almost silent"),
        ("whisper", b"MZ not sound", "decoded"),
        ("shout", breath(), "almost silent"),
        ("shout", recording(95.0), "Another person seems to speak in the recording: at 9"),
        ("sad", good["shout"], "Another person seems to speak in the recording: at 4"),
    ]
    for style, data, reason in bad:
        reply = await bring(client, voice, style, data, "Something else that is said in it, and not at all good enough.")
        problem(reply, 422, "invalid_request")
        assert reason in reply.json()["detail"]
        assert await state(client, voice) == before
        assert await stored(client) == kept
        await client.http.put(place(voice, f"reference-{style}"), content=good[style])
        assert (await clips(client, voice))[Style(style)] == OTHER_WORDS, "a recording is never checked against words of another"
        await client.http.put(place(voice, f"transcript-{style}"), content=OTHER_WORDS)


async def test_a_bad_manner_does_not_mend_or_hide_what_a_voice_has_failed_for(serve: Serve) -> None:
    client = await serve()
    voice = await registered(client, transcript=WORDS)
    refused = await client.http.put(place(voice, "reference"), content=encoded(phrase(1.0), "wav"))
    before = await state(client, voice)
    problem(await bring(client, voice, "shout", b"MZ not sound"), 422, "invalid_request")
    assert (await bring(client, voice, "shout", recording(330.0))).status_code == 200
    assert await state(client, voice) == before
    assert (before["status"], before["reason"]) == ("failed", refused.json()["detail"])


async def test_another_upload_replaces_a_manner_and_taken_away_the_voice_is_what_it_was(serve: Serve) -> None:
    client = await serve()
    voice = await ready(client)
    store, where = client.app.state.services.voices.store, place(voice, "reference-whisper")
    before, kept = await store.manifest("", voice["voice_id"]), await stored(client)
    problem(await client.http.delete(where), 404, "not_found")
    revisions = [before.revision]
    for seed, words in ((1, OTHER_WORDS), (2, "Now I whisper something else, and I do it better.")):
        await bring(client, voice, "whisper", breath(seed), words)
        assert (await clips(client, voice))[Style.WHISPER] == words
        assert len(await stored(client)) == len(kept) + 1
        revisions.append((await store.manifest("", voice["voice_id"])).revision)
    assert len(set(revisions)) == 3
    assert (await client.http.delete(where)).status_code == 204
    problem(await client.http.delete(where), 404, "not_found")
    assert (await state(client, voice))["styles"] == ["neutral"]
    assert (await store.manifest("", voice["voice_id"])).revision == before.revision, "lines it spoke before are found again"
    assert await stored(client) == kept


async def test_only_manners_are_taken_away_with_what_waits_to_become_one_and_nothing_that_others_speak_from(serve: Serve) -> None:
    client = await serve()
    voice = await ready(client)
    kept = await stored(client)
    await bring(client, voice, "shout", recording(), WORDS)
    for part in ("reference", "transcript", "transcript-shout", "reference-neutral", "reference-happy", "a.wav"):
        problem(await client.http.delete(place(voice, part)), 404, "not_found")
    problem(await client.http.delete("/v1/voices/sovits:mc-v1/upload/reference-whisper"), 409, "conflict")
    assert (await state(client, voice))["styles"] == ["neutral", "shout"]
    await client.http.put(place(voice, "transcript-sad"), content=OTHER_WORDS)
    for style in ("shout", "sad"):
        assert (await client.http.delete(place(voice, f"reference-{style}"))).status_code == 204
    assert await stored(client) == kept, "the shout was the voice's own recording"


async def test_words_of_a_manner_are_words(serve: Serve) -> None:
    client = await serve()
    voice = await ready(client)
    for words, reason in ((b"\xff\xfe\xfd", "UTF-8"), (b"a" * 2001, "at most 2000 letters")):
        reply = await client.http.put(place(voice, "transcript-sad"), content=words)
        problem(reply, 422, "invalid_request")
        assert reason in reply.json()["detail"]
    problem(await client.http.put(place(voice, "transcript-sad"), content=b"x" * 1_000_001), 413, "upload_too_large")
    for part in ("reference-neutral", "reference-happy", "transcript-neutral"):
        problem(await client.http.put(place(voice, part), content=WORDS), 404, "not_found")


async def test_a_recording_is_enough_where_a_recogniser_writes_it_down_and_words_that_come_later_know_better(
    serve: Serve,
) -> None:
    client = await serve(transcribe=(ear := Ear(WORDS)), stream_linger_seconds=0.1)
    voice = await ready(client)
    reply = await client.http.put(place(voice, "reference-whisper"), content=breath())
    assert reply.json()["styles"] == ["neutral", "whisper"]
    assert (await clips(client, voice))[Style.WHISPER] == WORDS
    told = [frame.data async for frame in frames(client.http, voice["status_sse"])]
    assert told[-1]["detail"] == f"It offers the style whisper now. Heard as: {WORDS}"
    await client.http.put(place(voice, "transcript-whisper"), content=OTHER_WORDS)
    assert (await clips(client, voice))[Style.WHISPER] == OTHER_WORDS
    assert not [key for key in await stored(client) if "/uploads/" in key]
    assert len(ear.heard) == 1


async def test_a_part_of_that_name_is_a_clip_of_a_few_shot_voice(serve: Serve) -> None:
    client = await serve()
    voice = await registered(client, "Ken", mode="few_shot")
    assert (await client.http.put(place(voice, "transcript-shout"), content=b"\xff" * 1_000_001)).status_code == 200
    problem(await client.http.delete(place(voice, "reference-shout")), 404, "not_found")


class Whisperers(InstantReader):
    """Of the two lines of a page the second stands in brackets."""

    def _read(self, data: bytes, options: ReadOptions) -> Any:
        reading = super()._read(data, options)
        assert isinstance(reading, Reading)
        plain, other = reading.boxes
        return reading.model_copy(update={"boxes": (plain, other.model_copy(update={"text": f"({other.text})"}))})


class Listener(VoiceNotes):
    """Notes with which words each line is prompted."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: dict[str, str] = {}

    def _speak(self, utterance: Utterance) -> Speech | SpeechFailed:
        references = utterance.voice.references
        if Style.NEUTRAL in references:
            self.prompts[utterance.text] = references.get(utterance.style, references[Style.NEUTRAL]).transcript
        return super()._speak(utterance)


async def test_a_line_printed_as_a_whisper_is_spoken_with_the_whisper(serve: Serve) -> None:
    client = await serve(reader=Whisperers(), synthesizer=(synthesizer := Listener()))
    voice = await ready(client)
    await client.narrated(1, voice_pack={"Others": voice["voice_id"], "Unknown": voice["voice_id"]})
    lines = {text: words for text, words in synthesizer.prompts.items() if "of page" in text}
    assert list(lines.values()) == [WORDS, WORDS]
    await bring(client, voice, "whisper", breath())
    synthesizer.prompts.clear()
    await client.narrated(1, chapter_id="again:1", voice_pack={"Others": voice["voice_id"], "Unknown": voice["voice_id"]})
    lines = {text: words for text, words in synthesizer.prompts.items() if "of page" in text}
    assert sorted(lines.values()) == [OTHER_WORDS, WORDS]
    assert "Line 1" in next(text for text, words in lines.items() if words == OTHER_WORDS)


async def test_a_manner_that_is_checked_while_its_voice_is_deleted_leaves_nothing_behind(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await serve()
    voice = await ready(client)
    uploads = client.app.state.services.voices.manners._uploads
    prepare = uploads.prepared

    async def prepared(*given: Any) -> Any:
        found = await prepare(*given)
        await client.http.delete(f"/v1/voices/{voice['voice_id']}")
        return found

    monkeypatch.setattr(uploads, "prepared", prepared)
    problem(await bring(client, voice, "whisper", breath()), 404, "not_found")
    assert await stored(client) == []


async def test_a_manner_brought_again_while_it_is_taken_away_is_whole_or_gone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await serve()
    voice = await ready(client)
    await bring(client, voice, "whisper", breath())
    manners = client.app.state.services.voices.manners
    keep = manners._uploads.kept

    async def kept(*given: Any) -> Any:
        clip = await keep(*given)
        monkeypatch.setattr(manners._uploads, "kept", keep)
        assert (await client.http.delete(place(voice, "reference-whisper"))).status_code == 204
        return clip

    monkeypatch.setattr(manners._uploads, "kept", kept)
    assert (await bring(client, voice, "whisper", breath())).json()["styles"] == ["neutral", "whisper"]
    manifest = await client.app.state.services.voices.store.manifest("", voice["voice_id"])
    assert manifest.clip_keys <= set(await stored(client))
