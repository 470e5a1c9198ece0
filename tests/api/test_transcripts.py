"""Recordings without a transcript are written down by a recogniser, where there is one; its stand-in here says what it is told to."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.acoustics import Samples
from backend.settings import Settings
from backend.synthesizers.sovits import hearing
from backend.transcriber import make_transcriber
from tests.conftest import Serve
from tests.support.narration_client import NarrationClient
from tests.support.server import frames
from tests.support.voices import WORDS, place, problem, recording, registered


class Ear:
    """Hears `said` in everything."""

    def __init__(self, said: str = WORDS) -> None:
        self.said = said
        self.heard: list[tuple[float, str]] = []

    def __call__(self, samples: Samples, sample_rate: int, lang: str) -> str:
        self.heard.append((round(len(samples) / sample_rate, 1), lang))
        return self.said


async def transcript(client: NarrationClient, voice: dict[str, Any]) -> str:
    """What the voice is cloned with."""
    manifest = await client.app.state.services.voices.store.manifest("", voice["voice_id"])
    assert manifest.reference is not None
    said: str = manifest.reference.transcript
    return said


async def test_a_recording_is_enough_where_a_recogniser_writes_it_down(serve: Serve) -> None:
    client = await serve(transcribe=(ear := Ear()), stream_linger_seconds=0.1)
    voice = await registered(client)
    required = {part["name"]: part["required"] for part in voice["upload"]["parts"]}
    assert (required["transcript"], required["reference"]) == (False, True)
    reply = await client.http.put(place(voice, "reference"), content=recording())
    assert reply.json()["status"] == "ready"
    assert ear.heard == [(5.7, "en")]
    assert await transcript(client, voice) == WORDS
    told = [frame.data async for frame in frames(client.http, voice["status_sse"])]
    assert WORDS in told[-1]["detail"], "who uploaded it can see what was heard"


async def test_a_transcript_that_comes_later_replaces_what_was_heard(serve: Serve) -> None:
    client = await serve(transcribe=Ear("This is not at all what was said in it."))
    voice = await registered(client)
    await client.http.put(place(voice, "reference"), content=recording())
    reply = await client.http.put(place(voice, "transcript"), content=WORDS)
    assert (reply.status_code, reply.json()["status"]) == (200, "ready")
    assert await transcript(client, voice) == WORDS


async def test_a_given_transcript_is_never_guessed_at(serve: Serve) -> None:
    client = await serve(transcribe=(ear := Ear("something else")))
    voice = await registered(client, transcript=WORDS)
    await client.http.put(place(voice, "reference"), content=recording())
    assert await transcript(client, voice) == WORDS
    assert not ear.heard


async def test_where_nothing_is_heard_the_words_are_asked_for(serve: Serve) -> None:
    client = await serve(transcribe=Ear("..."))
    voice = await registered(client)
    reply = await client.http.put(place(voice, "reference"), content=recording())
    problem(reply, 422, "invalid_request")
    assert "write down" in reply.json()["detail"]


@pytest.mark.parametrize("hears", [True, False])
async def test_clips_to_train_with_may_come_without_text_where_somebody_hears_them(serve: Serve, hears: bool) -> None:
    client = await serve(transcribe=Ear() if hears else None)
    voice = await registered(client, "Ken", mode="few_shot")
    for k in range(6):
        await client.http.put(place(voice, f"{k}.wav"), content=recording(seed=k))
    lines = "\n".join(json.dumps({"clip": f"{k}.wav"}) for k in range(6))
    reply = await client.http.put(place(voice, "transcripts.jsonl"), content=lines)
    if not hears:
        problem(reply, 422, "invalid_request")
        return
    async with asyncio.timeout(15):
        while (state := (await client.http.get(f"/v1/voices/{voice['voice_id']}")).json())["status"] == "checking":
            await asyncio.sleep(0.02)
    assert state["status"] == "ready"
    manifest = await client.app.state.services.voices.store.manifest("", voice["voice_id"])
    assert {item.clip.transcript for item in manifest.clips} == {WORDS}


def test_the_model_of_the_settings_hears_once_it_is_needed(
    settings: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_transcriber(settings()) is None
    assert make_transcriber(settings(speech_check_model=tmp_path)) is None, "no model lies there"
    (tmp_path / "model.bin").write_bytes(b"")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    opened: list[Path] = []

    class Recogniser:
        def __init__(self, model: Path) -> None:
            opened.append(model)

        def transcribe(self, samples: Samples, sample_rate: int, lang: str) -> str:
            return f"{len(samples)} {sample_rate} {lang}"

    monkeypatch.setattr(hearing, "WhisperRecogniser", Recogniser)
    transcribe = make_transcriber(settings(speech_check_model=tmp_path))
    assert transcribe is not None
    assert not opened
    assert [transcribe(np.zeros(5, np.float32), 32_000, "ja") for _ in range(2)] == ["5 32000 ja"] * 2
    assert opened == [tmp_path]
