"""The adapter's life and queue, with a stand-in at the engine's seam: what needs no model."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from backend.engine import EngineState
from backend.errors import ConfigurationError, Unavailable
from backend.synthesizers.base import Speech
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.engine import SovitsSynthesizer
from tests.synthesizers.sovits.fake_gsv import FakeGsv
from tests.synthesizers.sovits.test_engine import clip_source, say


def standing_in(engine: FakeGsv, tmp_path: Path, **other: object) -> SovitsSynthesizer:
    return SovitsSynthesizer(tmp_path, clip_source, open_tts=lambda: engine, checks=(), **other)  # type: ignore[arg-type]


async def test_calls_come_to_the_engine_one_at_a_time_in_their_order(tmp_path: Path) -> None:
    engine = FakeGsv()
    synthesizer = standing_in(engine, tmp_path)
    texts = [f"これは{number}番目の言葉です。" for number in range(6)]

    await asyncio.gather(*(synthesizer.speak([say(text)]) for text in texts))

    assert [batch[0] for batch in engine.batches] == texts
    assert engine.most_inside == 1
    await synthesizer.aclose()


async def test_the_queue_is_bounded_and_says_so(tmp_path: Path) -> None:
    held = threading.Event()

    class Slow(FakeGsv):
        def infer_batched(self, **call: object) -> list[object]:  # type: ignore[override]
            held.wait(10)
            return super().infer_batched(**call)  # type: ignore[return-value]

    synthesizer = standing_in(Slow(), tmp_path, most_waiting=3)
    waiting = [asyncio.create_task(synthesizer.speak([say("はい、そうです。")])) for _ in range(3)]
    await asyncio.sleep(0.1)

    with pytest.raises(Unavailable, match="too many lines"):
        await synthesizer.speak([say("はい、そうです。")])

    held.set()
    assert [type(result) for (result,) in await asyncio.gather(*waiting)] == [Speech] * 3
    assert isinstance((await synthesizer.speak([say("はい、そうです。")]))[0], Speech)
    await synthesizer.aclose()


async def test_calls_that_wait_for_the_engine_to_load_count_too(tmp_path: Path) -> None:
    held = threading.Event()

    def open_tts() -> FakeGsv:
        held.wait(10)
        return FakeGsv()

    synthesizer = SovitsSynthesizer(tmp_path, clip_source, open_tts=open_tts, checks=(), most_waiting=2)
    waiting = [asyncio.create_task(synthesizer.speak([say("はい、そうです。")])) for _ in range(2)]
    await asyncio.sleep(0.05)

    with pytest.raises(Unavailable, match="too many lines"):
        await synthesizer.speak([say("はい、そうです。")])

    held.set()
    assert [type(result) for (result,) in await asyncio.gather(*waiting)] == [Speech] * 2
    await synthesizer.aclose()


async def test_the_queue_has_an_end_unless_told_otherwise(tmp_path: Path) -> None:
    held = threading.Event()

    def open_tts() -> FakeGsv:
        held.wait(10)
        return FakeGsv()

    synthesizer = SovitsSynthesizer(tmp_path, clip_source, open_tts=open_tts, checks=())
    waiting = [asyncio.create_task(synthesizer.speak([say("…")])) for _ in range(200)]
    await asyncio.sleep(0.05)
    held.set()
    refused = [isinstance(found, Unavailable) for found in await asyncio.gather(*waiting, return_exceptions=True)]
    assert 0 < refused.index(True) <= 100, "a page or two of lines for each of many readers, not more"
    assert all(refused[refused.index(True) :])
    await synthesizer.aclose()


async def test_loading_happens_once_however_many_ask(tmp_path: Path) -> None:
    opened: list[FakeGsv] = []

    def open_tts() -> FakeGsv:
        time.sleep(0.05)
        opened.append(FakeGsv())
        return opened[-1]

    synthesizer = SovitsSynthesizer(tmp_path, clip_source, open_tts=open_tts)
    assert synthesizer.state is EngineState.IDLE
    await asyncio.gather(synthesizer.load(), synthesizer.load(), synthesizer.load())
    assert len(opened) == 1
    assert synthesizer.state is EngineState.READY
    await synthesizer.aclose()


async def test_who_leaves_while_the_engine_loads_does_not_make_the_next_one_wait_for_it_anew(tmp_path: Path) -> None:
    opened: list[FakeGsv] = []
    held = threading.Event()

    def open_tts() -> FakeGsv:
        held.wait(10)
        opened.append(FakeGsv())
        return opened[-1]

    synthesizer = SovitsSynthesizer(tmp_path, clip_source, open_tts=open_tts, checks=())
    leaves = asyncio.create_task(synthesizer.speak([say("はい、そうです。")]))
    await asyncio.sleep(0.02)
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    assert synthesizer.state is EngineState.LOADING

    held.set()
    assert [type(result) for result in await synthesizer.speak([say("はい、そうです。")])] == [Speech]
    assert len(opened) == 1
    await synthesizer.aclose()


async def test_an_engine_that_did_not_load_is_tried_again(tmp_path: Path) -> None:
    tries: list[int] = []

    def open_tts() -> FakeGsv:
        tries.append(1)
        if len(tries) == 1:
            raise ConfigurationError("not mounted yet")
        return FakeGsv()

    synthesizer = SovitsSynthesizer(tmp_path, clip_source, open_tts=open_tts, checks=())
    with pytest.raises(ConfigurationError, match="not mounted yet"):
        await synthesizer.speak([say("はい、そうです。")])
    assert synthesizer.state is EngineState.FAILED

    assert [type(result) for result in await synthesizer.speak([say("はい、そうです。")])] == [Speech]
    assert synthesizer.state is EngineState.READY
    await synthesizer.aclose()


async def test_an_engine_that_fails_to_load_when_nobody_waits_any_more_says_so_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = threading.Event()
    tries: list[int] = []

    def open_tts() -> FakeGsv:
        tries.append(1)
        if len(tries) == 1:
            held.wait(10)
            raise ConfigurationError("not mounted yet")
        return FakeGsv()

    synthesizer = SovitsSynthesizer(tmp_path, clip_source, open_tts=open_tts, checks=())
    leaves = asyncio.create_task(synthesizer.load())
    await asyncio.sleep(0.02)
    leaves.cancel()
    await asyncio.gather(leaves, return_exceptions=True)
    held.set()
    async with asyncio.timeout(10):
        while synthesizer.state is EngineState.LOADING:
            await asyncio.sleep(0.005)
    assert synthesizer.state is EngineState.FAILED
    assert "not mounted yet" in caplog.text

    assert [type(result) for result in await synthesizer.speak([say("はい、そうです。")])] == [Speech]
    assert synthesizer.state is EngineState.READY
    await synthesizer.aclose()


@pytest.mark.parametrize("loaded", [True, False])
async def test_a_closed_engine_is_unavailable_and_says_so(tmp_path: Path, loaded: bool) -> None:
    synthesizer = standing_in(FakeGsv(), tmp_path)
    if loaded:
        await synthesizer.load()
    await synthesizer.aclose()
    for call in (synthesizer.load(), synthesizer.speak([say("はい、そうです。")])):
        with pytest.raises(Unavailable, match="closed"):
            await call
    assert synthesizer.state is EngineState.IDLE
    await synthesizer.aclose()


@pytest.mark.parametrize("opens", [True, False], ids=["while it loads", "while it speaks"])
async def test_calls_that_wait_when_the_engine_is_closed_are_told_so(tmp_path: Path, opens: bool) -> None:
    begun, held = threading.Event(), threading.Event()

    def busy() -> None:
        begun.set()
        held.wait(10)

    class Slow(FakeGsv):
        def infer_batched(self, **call: object) -> list[object]:  # type: ignore[override]
            busy()
            return super().infer_batched(**call)  # type: ignore[return-value]

    def open_tts() -> FakeGsv:
        if opens:
            busy()
        return Slow()

    synthesizer = SovitsSynthesizer(tmp_path, clip_source, open_tts=open_tts, checks=())
    calls = [asyncio.create_task(synthesizer.speak([say("はい、そうです。")])) for _ in range(3)]
    assert await asyncio.to_thread(begun.wait, 10)
    closing = asyncio.create_task(synthesizer.aclose())
    async with asyncio.timeout(10):
        while not synthesizer._worker._shutdown:
            await asyncio.sleep(0.005)
    held.set()
    found = await asyncio.gather(*calls, return_exceptions=True)
    await closing

    spoken = 0 if opens else 1  # what has begun is finished
    assert sorted(isinstance(result, Unavailable) for result in found) == [False] * spoken + [True] * (3 - spoken)
    assert synthesizer.state is EngineState.IDLE


async def test_missing_files_are_named_with_the_command_that_brings_them(tmp_path: Path) -> None:
    synthesizer = SovitsSynthesizer(tmp_path, clip_source, device="cpu")
    with pytest.raises(ConfigurationError, match=r"lacks chinese-hubert-base/config.json .* `tanoshi weights sovits --to"):
        await synthesizer.load()
    assert synthesizer.state is EngineState.FAILED
    await synthesizer.aclose()


async def test_without_the_extra_the_engine_refuses_at_once_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gsv, "PACKAGES", ("torch", "gsv_tts_is_not_here"))
    with pytest.raises(ConfigurationError, match=r"extra \[gpu\], of which gsv_tts_is_not_here is not installed"):
        SovitsSynthesizer(tmp_path, clip_source)


async def test_the_fingerprint_is_known_before_loading_and_follows_the_weights(tmp_path: Path) -> None:
    def fingerprint(content: bytes) -> str:
        (tmp_path / "s1v3").mkdir(exist_ok=True)
        (tmp_path / "s1v3" / "model.safetensors").write_bytes(content)
        return standing_in(FakeGsv(), tmp_path).fingerprint

    first, again, other = fingerprint(b"one"), fingerprint(b"one"), fingerprint(b"two")
    assert first == again != other
    assert set(first) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


async def test_what_was_spoken_with_another_clip_lexicon_or_listener_is_not_taken_for_what_would_be_spoken_now(
    tmp_path: Path,
) -> None:
    """An operator puts a recording in place of a built-in voice's clip: lines in the cache are in the old voice."""
    told = [standing_in(FakeGsv(), tmp_path).fingerprint, standing_in(FakeGsv(), tmp_path, listener="0123abc").fingerprint]
    for name in ("voices/sovits-mc-v1/neutral.ja.flac", "voices/sovits-mc-v1/neutral.ja.txt", "g2p/en/engdict-hot.rep"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        for content in (b"one", b"two"):
            (tmp_path / name).write_bytes(content)
            told.append(standing_in(FakeGsv(), tmp_path).fingerprint)

    assert len(set(told)) == len(told)
