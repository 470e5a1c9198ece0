"""Recordings without a transcript on Modal: the API asks the speaker's container, which has the recogniser; the check by ear, likewise."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from modal import exception

from backend.cloud import hearing, images, workers
from backend.cloud.hearing import cloud_transcriber
from backend.cloud.identity import fingerprint
from backend.cloud.workers import SpeakerWorker
from backend.errors import ConfigurationError, Unavailable
from backend.settings import Settings
from tests.cloud.test_calls import Method
from tests.support.engines import ToneSynthesizer

MakeSettings = Callable[..., Settings]
RECORDING = np.zeros(32_000, dtype=np.float32)


class Speaker:
    """Of the class only `transcribe` is asked."""

    def __init__(self, method: Method) -> None:
        self.transcribe = method


async def no_more() -> None:
    """A container that may end, or a volume that has nothing new."""


@pytest.fixture
def listening(settings: MakeSettings, tmp_path: Path) -> Settings:
    """Of an API's container on whose volume a recogniser lies."""
    (tmp_path / "model.bin").write_bytes(b"")
    return settings(speech_check_model=tmp_path)


async def heard(settings: Settings, method: Method) -> str:
    transcribe = cloud_transcriber(settings, Speaker(method))
    assert transcribe is not None
    return await asyncio.to_thread(transcribe, RECORDING, 32_000, "ja")


async def test_a_recording_is_written_down_by_the_speakers_container(listening: Settings) -> None:
    method = Method("静かな朝でした。")
    assert await heard(listening, method) == "静かな朝でした。"
    ((samples, sample_rate, lang),) = method.spawned
    assert (len(samples), sample_rate, lang) == (32_000, 32_000, "ja")


async def test_without_a_recogniser_on_the_volume_transcripts_are_required_and_the_log_says_what_to_do(
    settings: MakeSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for lacking in (settings(), settings(speech_check_model=tmp_path)):
        assert cloud_transcriber(lacking, Speaker(Method())) is None
    assert caplog.text.count("download_weights --which whisper") == 2


async def test_a_speaker_that_does_not_answer_is_unavailable(listening: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable):
        await heard(listening, Method(exception.RemoteError("it crashed")))
    assert hearing.WAIT_S < 150, "Modal answers for a reply that has not begun by then"
    monkeypatch.setattr(hearing, "WAIT_S", 0.05)
    method = Method(waits=True)
    with pytest.raises(Unavailable):
        await heard(listening, method)
    async with asyncio.timeout(5):
        while not method.cancelled:
            await asyncio.sleep(0.01)


async def test_the_speakers_container_loads_its_recogniser_for_the_first_recording_and_keeps_it(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings
) -> None:
    made: list[Settings] = []

    def make(settings: Settings) -> Any:
        made.append(settings)
        return lambda samples, sample_rate, lang: f"{len(samples)} {sample_rate} {lang}"

    monkeypatch.setattr(workers, "make_transcriber", make)
    monkeypatch.setattr(workers, "make_synthesizer", lambda _: ToneSynthesizer())
    worker = await SpeakerWorker.open(settings(), no_more, no_more)
    assert not made
    assert [await worker.transcribe(RECORDING, 32_000, "ja") for _ in range(2)] == ["32000 32000 ja"] * 2
    assert len(made) == 1
    await worker.aclose()


async def test_where_the_model_is_missing_each_recording_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings
) -> None:
    monkeypatch.setattr(workers, "make_synthesizer", lambda _: ToneSynthesizer())
    worker = await SpeakerWorker.open(settings(), no_more, no_more)
    answer = await worker.transcribe(RECORDING, 32_000, "ja")
    assert isinstance(answer, ConfigurationError)
    assert "--which whisper" in answer.detail
    await worker.aclose()


async def test_a_check_by_ear_without_its_model_is_the_reason_every_call_gets(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace())
    asked = settings(synthesizer="sovits", sovits_dir=tmp_path, speech_check="asr", speech_check_model=tmp_path / "whisper")
    worker = await SpeakerWorker.open(asked, no_more, no_more)
    error = worker.card().error or ""
    assert "SPEECH_CHECK_MODEL" in error
    assert "download_weights" in error
    await worker.aclose()


def test_the_speakers_image_has_the_recogniser_and_looks_for_its_model_on_the_volume() -> None:
    assert any(pin.startswith("faster-whisper==") for pin in images.RECOGNISER_PINS)
    assert images._ENGINE_ENV["SPEECH_CHECK_MODEL"] == f"{images.WEIGHTS}/whisper"


def test_what_is_spoken_under_a_check_is_not_taken_for_what_was_spoken_without(settings: MakeSettings, tmp_path: Path) -> None:
    how = {"synthesizer": "sovits", "sovits_dir": tmp_path, "speech_check_model": tmp_path}
    assert fingerprint("speaker", settings(**how)) != fingerprint("speaker", settings(**how, speech_check="asr"))
