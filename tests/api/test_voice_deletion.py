"""A voice that is deleted is gone: its recordings, its previews, and every line it has spoken."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import pytest

from backend.errors import SpeechFailed
from backend.narration.cache import CachedSynthesizer, Fresh
from backend.synthesizers.base import Speech, Utterance
from tests.conftest import Serve
from tests.support.narration_client import NarrationClient
from tests.support.voices import VoiceNotes, problem, ready, registered

SPEECH = "cache/utterances"


async def kept(client: NarrationClient, prefix: str) -> list[str]:
    return [key async for key in client.app.state.services.objects.keys(prefix)]


@pytest.fixture
def pages_kept(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever the lines of a page have been kept, which is after the page is ready."""
    done: list[int] = []
    keep = CachedSynthesizer.keep

    async def noted(self: CachedSynthesizer, fresh: Fresh) -> None:
        await keep(self, fresh)
        done.append(len(fresh))

    monkeypatch.setattr(CachedSynthesizer, "keep", noted)
    return done


async def until(pages_kept: list[int], count: int) -> None:
    async with asyncio.timeout(20):
        while len(pages_kept) < count:
            await asyncio.sleep(0.02)


async def test_a_deleted_voice_is_gone_with_all_that_was_uploaded(serve: Serve) -> None:
    client = await serve()
    voice = await ready(client)
    await client.http.get(voice["preview"])
    assert (await client.http.delete(f"/v1/voices/{voice['voice_id']}")).status_code == 204
    problem(await client.http.get(f"/v1/voices/{voice['voice_id']}"), 404, "not_found")
    problem(await client.http.delete(f"/v1/voices/{voice['voice_id']}"), 404, "not_found")
    objects = client.app.state.services.objects
    left = [key async for key in objects.keys("voices/everyone")]
    assert all("/manifest/" in key for key in left)
    kept = [await objects.get(key) for key in left]
    assert all(re.fullmatch(rb"(writes:[0-9a-f,]*\n)?", data) for data in kept)  # who wrote, nothing of what
    reply = await client.http.post("/v1/narration/session/start", json={"chapter_id": "a:b", "voice_pack": {"MC": "sovits:aya"}})
    problem(reply, 422, "unknown_voice")
    assert (await registered(client))["status"] == "awaiting_upload"


async def test_lines_a_deleted_voice_has_spoken_are_removed_and_those_of_others_stay(serve: Serve, pages_kept: list[int]) -> None:
    client = await serve()
    for name in ("Aya", "Mio"):
        await ready(client, name)
    for voice_id in ("sovits:aya", "sovits:mio", "sovits:old-man-v1"):
        await client.narrated(1, chapter_id=f"source:{voice_id}", voice_pack={"Unknown": voice_id})
    await until(pages_kept, 3)
    assert len(await kept(client, SPEECH)) == 6
    await client.http.delete("/v1/voices/sovits:aya")
    after = await kept(client, SPEECH)
    assert len(after) == 4
    assert not [key for key in after if "/aya/" in key]
    assert len([key for key in after if "/mio/" in key]) == 2


class Slow(VoiceNotes):
    """Speaks Aya's lines only when it is let; her preview at once."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
        if any(utterance.voice.id == "sovits:aya" and "of page" in utterance.text for utterance in utterances):
            self.begun.set()
            await self.go_on.wait()
        return await super().speak(utterances)


async def test_a_voice_deleted_while_it_speaks_leaves_no_line_behind(serve: Serve, pages_kept: list[int]) -> None:
    client = await serve(synthesizer=(synthesizer := Slow()))
    await ready(client)
    narrating = asyncio.create_task(client.narrated(1, voice_pack={"Unknown": "sovits:aya"}))
    await asyncio.wait_for(synthesizer.begun.wait(), 10)
    await client.http.delete("/v1/voices/sovits:aya")
    synthesizer.go_on.set()
    await narrating
    await until(pages_kept, 1)
    assert pages_kept == [2]
    assert await kept(client, SPEECH) == []


async def test_a_window_goes_on_in_the_default_voices_when_a_voice_of_its_pack_is_deleted(serve: Serve) -> None:
    client = await serve()
    await ready(client)
    plan = await client.start(1, voice_pack={"Narrator": "sovits:aya", "Unknown": "sovits:aya"})
    await client.http.delete("/v1/voices/sovits:aya")
    await client.upload(plan, [1])
    await client.until_done(plan)
    [page] = (await client.snapshot(plan))["pages"]
    cues = (await client.http.get(page["cues"])).json()
    assert page["state"] == "ready"
    assert {cue["voice"] for cue in cues["cues"]} == {"sovits:neutral-v1"}
