"""What a start request may say: options that reach the engines, keys that make it the same start, sizes."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any

import pytest

from backend.errors import ReadingFailed, SpeechFailed
from backend.readers.base import Direction, Kind, Reading, ReadOptions, TextBox
from backend.synthesizers.base import Speech, Utterance
from tests.conftest import Serve
from tests.support.engines import InstantReader, ToneSynthesizer

START = "/v1/narration/session/start"
NEXT = "/v1/narration/session/next"


class NoisyReader(InstantReader):
    """Finds a line and a sound effect on every page, and remembers what it was told about the book."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[ReadOptions] = []

    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed]:
        self.told.append(options)
        return [self._page() for _ in pages]

    def _page(self) -> Reading:
        line = TextBox(box=(4, 4, 40, 20), text="Come here, quickly.", kind=Kind.SPEECH, lang="en", confidence=1)
        bang = TextBox(box=(4, 30, 40, 50), text="Bang!", kind=Kind.SFX, lang="en", confidence=1)
        return Reading(width=64, height=96, boxes=(line, bang))


class ListeningSynthesizer(ToneSynthesizer):
    """Remembers what it was asked to speak."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Utterance] = []

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
        self.asked += utterances
        return await super().speak(utterances)


async def narrated(serve: Serve, **start: Any) -> tuple[NoisyReader, list[Utterance]]:
    reader, synthesizer = NoisyReader(), ListeningSynthesizer()
    client = await serve(reader, synthesizer)
    pack = {"Narrator": "sovits:narrator-v1", "MC": "sovits:mc-v1", "Unknown": "sovits:mc-v1"}
    _, events = await client.narrated(1, voice_pack=pack, **start)
    assert events[-1].data["ok"] is True
    return reader, synthesizer.asked


async def test_without_options_a_manga_is_read_from_right_to_left_and_its_sound_effects_are_not_spoken(serve: Serve) -> None:
    reader, asked = await narrated(serve)
    assert reader.told == [ReadOptions(direction=Direction.RTL, lang=None)]
    assert [utterance.text for utterance in asked] == ["Come here, quickly."]
    assert (asked[0].speed, asked[0].voice.id) == (1.0, "sovits:mc-v1")


async def test_sound_effects_are_spoken_if_the_reader_wants_them(serve: Serve) -> None:
    _, asked = await narrated(serve, options={"sfx": "speak"})
    assert len(asked) == 2


async def test_everything_in_one_voice_is_the_narrators(serve: Serve) -> None:
    _, asked = await narrated(serve, options={"single_voice": True, "sfx": "speak"})
    assert {utterance.voice.id for utterance in asked} == {"sovits:narrator-v1"}


async def test_the_speed_reaches_every_line(serve: Serve) -> None:
    _, asked = await narrated(serve, options={"speed": 1.5})
    assert {utterance.speed for utterance in asked} == {1.5}


async def test_the_language_and_the_direction_reach_the_reader(serve: Serve) -> None:
    reader, _ = await narrated(serve, options={"lang": "en", "direction": "ltr"})
    assert reader.told == [ReadOptions(direction=Direction.LTR, lang="en")]


async def test_the_direction_may_stand_beside_the_options(serve: Serve) -> None:
    reader, _ = await narrated(serve, direction="vertical")
    assert reader.told[0].direction is Direction.VERTICAL


async def test_equal_idempotency_keys_are_one_window_whatever_the_body_says(serve: Serve) -> None:
    client = await serve()
    ids = []
    for key, chapter in (("one", "a:1"), ("one", "a:2"), ("two", "a:1"), (None, "a:1")):
        headers = {"Idempotency-Key": key} if key else {}
        ids.append((await client.http.post(START, json={"chapter_id": chapter}, headers=headers)).json()["job_id"])
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


async def test_what_a_client_says_of_itself_does_not_make_another_window(serve: Serve) -> None:
    client = await serve()
    bodies: list[dict[str, Any]] = [{"chapter_id": "a:b", "client": {"app_version": version}} for version in ("1.0", "1.1")]
    ids = {(await client.http.post(START, json=body)).json()["job_id"] for body in bodies}
    assert len(ids) == 1


async def test_an_idempotency_key_of_another_client_is_another_key(serve: Serve) -> None:
    client = await serve(api_keys=("first", "second"))
    ids = {
        (await client.http.post(START, json={"chapter_id": "a:b"}, headers={"X-API-Key": key, "Idempotency-Key": "same"})).json()[
            "job_id"
        ]
        for key in ("first", "second")
    }
    assert len(ids) == 2


async def test_an_idempotency_key_that_is_too_long_is_refused(serve: Serve) -> None:
    client = await serve()
    reply = await client.http.post(START, json={"chapter_id": "a:b"}, headers={"Idempotency-Key": "x" * 201})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


async def test_start_and_next_of_equal_bodies_are_two_windows(serve: Serve) -> None:
    client = await serve()
    ids = {(await client.http.post(path, json={"chapter_id": "a:b"})).json()["job_id"] for path in (START, NEXT, START, NEXT)}
    assert len(ids) == 2


@pytest.mark.parametrize(("window", "size"), [(None, 20), ({"size": 1}, 1), ({"size": 50}, 50), ({"start_index": 40}, 20)])
async def test_the_plan_has_as_many_slots_as_the_window_has_pages(serve: Serve, window: dict[str, int] | None, size: int) -> None:
    client = await serve()
    body: dict[str, Any] = {"chapter_id": "a:b"} | ({"window": window} if window else {})
    plan = (await client.http.post(START, json=body)).json()
    assert [slot["index"] for slot in plan["upload"]["pages"]] == list(range(size))
    assert len((await client.snapshot(plan))["pages"]) == size


async def test_every_key_is_compared_in_constant_time_also_after_one_fits(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await serve(api_keys=("first", "second", "third"))
    compared = []
    real = hmac.compare_digest

    def counting(given: Any, known: Any) -> bool:
        compared.append(known)
        return real(given, known)

    monkeypatch.setattr("backend.api.clients.hmac.compare_digest", counting)
    assert (await client.http.post(START, json={"chapter_id": "a:b"}, headers={"X-API-Key": "first"})).status_code == 200
    assert compared == [b"first", b"second", b"third"]


async def test_a_start_that_is_repeated_prepares_nobody_once_the_window_has_ended(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere that would keep GPUs awake for somebody who only asks again and again."""
    client = await serve()
    prepared: list[str] = []

    async def prepare(job_id: str) -> None:
        prepared.append(job_id)

    monkeypatch.setattr(client.app.state.services.runner, "prepare", prepare)
    plan, _ = await client.narrated(1)
    assert prepared == [plan["job_id"]]
    assert (await client.start(1))["job_id"] == plan["job_id"]
    assert len(prepared) == 1
