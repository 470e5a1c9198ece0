"""Voices brought over HTTP, and stand-ins that note how they are used."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import numpy as np

from backend.errors import SpeechFailed
from backend.synthesizers.base import Speech, Utterance
from backend.voices.training import Report, TrainingJob
from tests.support.engines import ToneSynthesizer
from tests.support.narration_client import NarrationClient
from tests.support.recordings import encoded, phrase, rest

CONSENT = {"statement": "I agree that my voice is cloned for reading to me.", "by": "Aya"}
WORDS = "This is what I say in the recording, word by word."


def recording(pitch_hz: float = 220.0, seed: int = 0) -> bytes:
    return encoded(
        np.concatenate([rest(0.3), phrase(2.4, pitch_hz, seed), rest(0.3), phrase(2.4, pitch_hz, seed + 50), rest(0.3)]), "wav"
    )


async def registered(client: NarrationClient, name: str = "Aya", **more: Any) -> dict[str, Any]:
    reply = await client.http.post("/v1/voices/register", json={"name": name, "consent": CONSENT, "lang_hint": "en", **more})
    assert reply.status_code == 201, reply.text
    found: dict[str, Any] = reply.json()
    return found


def place(voice: dict[str, Any], part: str) -> str:
    return f"/v1/voices/{voice['voice_id']}/upload/{part}"


async def ready(client: NarrationClient, name: str = "Aya", pitch_hz: float = 220.0) -> dict[str, Any]:
    voice = await registered(client, name, transcript=WORDS)
    reply = await client.http.put(place(voice, "reference"), content=recording(pitch_hz))
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def problem(reply: httpx.Response, status: int, code: str) -> None:
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text


class VoiceNotes(ToneSynthesizer):
    """Notes the voice of every line."""

    def __init__(self) -> None:
        super().__init__()
        self.voices: list[tuple[str, str]] = []

    def _speak(self, utterance: Utterance) -> Speech | SpeechFailed:
        self.voices.append((utterance.voice.id, utterance.voice.revision))
        return super()._speak(utterance)


class StandInTrainer:
    """Trains nothing, tells everything, and fails where it is told to."""

    def __init__(self, fail: bool = False) -> None:
        self.fail = fail
        self.jobs: list[TrainingJob] = []
        self.forgotten: list[str] = []

    async def train(self, job: TrainingJob, report: Report) -> str:
        self.jobs.append(job)
        for step in range(1, 4):
            await report(step / 4, f"Step {step} of 3.")
        if self.fail:
            raise RuntimeError("no memory")
        return f"{job.name}-1"

    async def forget(self, checkpoint: str) -> None:
        self.forgotten.append(checkpoint)


async def few_shot(client: NarrationClient, clips: int = 6) -> dict[str, Any]:
    voice = await registered(client, "Ken", mode="few_shot")
    lines = [json.dumps({"clip": f"{k}.wav", "text": WORDS}) for k in range(clips)]
    await client.http.put(place(voice, "transcripts.jsonl"), content="\n".join(lines))
    for k in range(clips):
        assert (await client.http.put(place(voice, f"{k}.wav"), content=recording(seed=k))).status_code == 200
    state: dict[str, Any] = {}
    while state.get("status") not in ("ready", "failed"):
        await asyncio.sleep(0.02)
        state = (await client.http.get(f"/v1/voices/{voice['voice_id']}")).json()
    return state
