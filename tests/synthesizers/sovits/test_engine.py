"""The adapter over the real gsv_tts with a tiny random model: what the protocol promises holds, whatever the weights say."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from backend.errors import NotFound, SpeechFailed
from backend.synthesizers.base import ReferenceClip, Speech, Style, Utterance, Voice
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.builtin import voice_folder
from backend.synthesizers.sovits.engine import SovitsSynthesizer
from backend.synthesizers.sovits.gate import Take
from backend.voices.references import WHISPERED, prepare_reference
from tests.support.recordings import encoded, phrase, whispered

pytestmark = [
    # The engine's Japanese front end asks Sudachi in the old way.
    pytest.mark.filterwarnings("ignore:Dictionary.create.*:DeprecationWarning"),
    pytest.mark.asyncio(loop_scope="module"),
]

SAID = "港の朝はいつも早い。"
CLIPS = {
    "voices/a.flac": encoded(phrase(3.1, 180.0, seed=1), "flac"),
    "voices/b.flac": encoded(phrase(3.1, 120.0, seed=2), "flac"),
}


async def clip_source(key: str) -> bytes:
    try:
        return CLIPS[key]
    except KeyError as error:
        raise NotFound from error


def voice(key: str = "voices/a.flac", **other: object) -> Voice:
    clip = ReferenceClip(key=key, transcript=SAID, lang="ja")
    return Voice(id=f"sovits:{Path(key).stem}", references={Style.NEUTRAL: clip}, **other)  # type: ignore[arg-type]


def say(text: str, who: Voice | None = None, lang: str = "ja", **other: object) -> Utterance:
    return Utterance(text=text, lang=lang, voice=who or voice(), **other)  # type: ignore[arg-type]


def audible(take: Take) -> str | None:
    """Random weights speak no language, so only their level can be judged."""
    return None if np.abs(take.samples).max(initial=0) > 0.01 else "silent"


@pytest.fixture(scope="module")
def asked_for(tiny: Path) -> Iterator[list[str]]:
    """There is no network while the engine loads and speaks; what it would have asked for."""
    asked: list[str] = []

    def refuse(*address: object, **_: object) -> None:
        asked.append(repr(address))
        raise ConnectionRefusedError("There is no network here.")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", refuse)
        patched.setattr(socket, "create_connection", refuse)
        patched.setattr(socket.socket, "connect", refuse)
        yield asked


@pytest.fixture(scope="module")
def small_caches() -> object:
    kept, gsv.PLAIN_CACHES = gsv.PLAIN_CACHES, ((1, 320), (4, 320))  # type: ignore[misc]
    yield
    gsv.PLAIN_CACHES = kept  # type: ignore[misc]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def synthesizer(tiny: Path, small_caches: object, asked_for: list[str]) -> AsyncIterator[SovitsSynthesizer]:
    for lang, text in (("ja", SAID), ("en", "The sea is wide.")):
        folder = voice_folder(tiny / "voices", "sovits:narrator-v1")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"neutral.{lang}.flac").write_bytes(CLIPS["voices/b.flac"])
        (folder / f"neutral.{lang}.txt").write_text(text, encoding="utf-8")
    synthesizer = SovitsSynthesizer(tiny, clip_source, device="cpu", trained=tiny / "trained", checks=(audible,))
    await synthesizer.load()
    yield synthesizer
    await synthesizer.aclose()


async def test_a_page_is_spoken_in_both_languages_by_cloned_and_built_in_voices(synthesizer: SovitsSynthesizer) -> None:
    lines = [
        say("今日はいい天気ですね。"),
        say("The sea is wide.", lang="en"),
        say("はい。", voice("voices/b.flac")),
        say("行こう！", Voice(id="sovits:narrator-v1")),
    ]

    results = await synthesizer.speak(lines)

    for result in results:
        assert isinstance(result, Speech), result
        assert result.sample_rate == synthesizer.sample_rate == 32_000
        assert result.samples.dtype == np.float32
        assert result.samples.ndim == 1
        assert 0 < result.duration_s < 20
        assert np.abs(result.samples).max() <= 1


async def test_the_same_call_sounds_the_same_and_another_timbre_differs(synthesizer: SovitsSynthesizer) -> None:
    first, again, other = [
        (await synthesizer.speak([say("今日はいい天気ですね。", who)]))[0] for who in (voice(), voice(), voice("voices/b.flac"))
    ]
    assert isinstance(first, Speech)
    assert isinstance(again, Speech)
    assert isinstance(other, Speech)
    assert np.array_equal(first.samples, again.samples)
    assert not np.array_equal(first.samples, other.samples)


async def test_a_registered_voice_whispers_with_its_own_timbre(synthesizer: SovitsSynthesizer) -> None:
    """As `backend.voices` makes it: its reference, and a whisper that was checked as one."""
    prepared = prepare_reference(encoded(whispered(3.4, 1, peak=0.02), "wav"), SAID, WHISPERED)
    CLIPS["voices/whisper.flac"] = prepared.flac
    own, whisper = (ReferenceClip(key=f"voices/{name}.flac", transcript=SAID, lang="ja") for name in ("a", "whisper"))
    actor = voice().model_copy(update={"references": {Style.NEUTRAL: own, Style.WHISPER: whisper}})

    results = await synthesizer.speak([say("静かにしていて。", actor, style=style) for style in (Style.NEUTRAL, Style.WHISPER)])

    plain, quiet = (result.samples for result in results if isinstance(result, Speech))
    assert not np.array_equal(plain, quiet)


async def test_garbage_in_the_engines_caches_does_not_reach_the_voice(synthesizer: SovitsSynthesizer) -> None:
    """Unwritten or overflowed keys and values count even where they are masked; a line is tried again on clean ones."""
    import torch

    assert synthesizer._booth is not None
    decoder = next(iter(synthesizer._booth._engine.gpt_models.values())).t2s_model  # type: ignore[attr-defined]
    with torch.inference_mode():
        decoder.cuda_graph_buckets[1][-1].v_cache.fill_(float("nan"))
        gsv.reset(synthesizer._booth._engine)
        assert not decoder.cuda_graph_buckets[1][-1].v_cache.isnan().any()
        assert not decoder.cuda_graph_buckets[4][0].k_cache.isnan().any()


async def test_a_few_shot_checkpoint_of_ours_is_loaded_beside_the_base(synthesizer: SovitsSynthesizer, tiny: Path) -> None:
    from tests.support import tiny_gsv

    tiny_gsv.write_checkpoint(tiny / "trained" / "mine", seed=9)
    trained = voice(checkpoint="mine")

    ours, base = await synthesizer.speak([say("はい、そうです。", trained), say("はい、そうです。")])

    assert isinstance(ours, Speech)
    assert isinstance(base, Speech)


@pytest.mark.parametrize("place", ["{root}/uploads/theirs", "../uploads/theirs", ".."])
async def test_a_checkpoint_from_elsewhere_is_never_loaded(synthesizer: SovitsSynthesizer, tiny: Path, place: str) -> None:
    (tiny / "uploads" / "theirs").mkdir(parents=True, exist_ok=True)
    (result,) = await synthesizer.speak([say("はい。", voice(checkpoint=place.format(root=tiny)))])
    assert isinstance(result, SpeechFailed)
    assert "not trained here" in result.detail


async def test_a_pickled_checkpoint_is_never_loaded_even_where_ours_lie(synthesizer: SovitsSynthesizer, tiny: Path) -> None:
    (tiny / "trained" / "pickled").mkdir(parents=True, exist_ok=True)
    (tiny / "trained" / "pickled" / "gpt.ckpt").write_bytes(b"PK")
    (result,) = await synthesizer.speak([say("はい。", voice(checkpoint="pickled"))])
    assert isinstance(result, SpeechFailed)
    assert "not complete" in result.detail


async def test_lines_that_cannot_be_spoken_say_why_and_the_others_are_spoken(synthesizer: SovitsSynthesizer) -> None:
    results = await synthesizer.speak(
        [
            say("…"),
            say("안녕", lang="ko"),
            say("はい。", Voice(id="sovits:nobody")),
            say("はい。", voice("voices/gone.flac")),
            say("はい。"),
        ]
    )
    reasons = [result.detail for result in results[:-1] if isinstance(result, SpeechFailed)]
    assert len(reasons) == 4
    for reason, part in zip(
        reasons, ("nothing in this line", "'ko' is not spoken", "no reference clip", "not in the store"), strict=True
    ):
        assert part in reason
    assert isinstance(results[-1], Speech)


async def test_the_library_leaves_the_process_as_it_was(
    synthesizer: SovitsSynthesizer, capfd: pytest.CaptureFixture[str]
) -> None:
    await synthesizer.speak([say("秘密の言葉です。")])

    assert "utils" not in sys.modules
    assert not [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    output = capfd.readouterr()
    assert "秘密" not in output.out + output.err
    assert "it/s" not in output.err


def weights_of(directory: Path) -> set[Path]:
    return {path for path in directory.rglob("*") if "trained" not in path.parts and "uploads" not in path.parts}


async def test_nothing_is_ever_fetched_neither_to_load_nor_to_speak(
    synthesizer: SovitsSynthesizer, asked_for: list[str], tiny: Path
) -> None:
    before = weights_of(tiny)
    texts = [("初めて聞く言葉、躊躇う。", "ja"), ("Zyxwv, an unheard-of word!", "en")]

    assert [type(result) for result in await synthesizer.speak([say(text, lang=lang) for text, lang in texts])] == [Speech] * 2
    assert asked_for == []
    assert weights_of(tiny) == before


async def test_the_event_loop_is_free_while_the_engine_speaks(synthesizer: SovitsSynthesizer) -> None:
    waits: list[float] = []

    async def watch() -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.01)
            waits.append(time.perf_counter() - started)

    watching = asyncio.create_task(watch())
    await synthesizer.speak([say("今日はいい天気ですね。")])
    watching.cancel()
    # The engine's own Python holds the interpreter for moments; a call on the loop itself would take it for the whole line.
    assert np.median(waits) < 0.1
