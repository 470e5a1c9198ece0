"""The check by ear, with a recogniser that hears what the test says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from backend.engines import make_synthesizer
from backend.errors import ConfigurationError, SpeechFailed
from backend.settings import Settings
from backend.synthesizers.base import Speech
from backend.synthesizers.sovits import SovitsSynthesizer
from backend.synthesizers.sovits.booth import Booth
from backend.synthesizers.sovits.conditioning import Reference
from backend.synthesizers.sovits.gate import CHECKS, Take
from backend.synthesizers.sovits.hearing import ByEar, WhisperRecogniser, error_rate
from backend.synthesizers.sovits.pieces import cut
from tests.synthesizers.sovits.fake_gsv import FakeGsv
from tests.synthesizers.sovits.test_booth import BASE, TEXT, line


class Listener:
    """Hears the given texts, one after the other, the last for ever."""

    def __init__(self, *heard: str) -> None:
        self.heard = list(heard)
        self.asked = 0

    def transcribe(self, samples: np.ndarray, sample_rate: int, lang: str) -> str:
        assert len(samples)
        assert sample_rate == 32_000
        assert lang in {"ja", "en"}
        self.asked += 1
        return self.heard.pop(0) if len(self.heard) > 1 else self.heard[0]


def booth(listener: Listener) -> Booth:
    engine = FakeGsv()
    return Booth(engine, BASE, seed=engine.seed, checks=(*CHECKS, ByEar(listener)))


def test_a_line_heard_as_something_else_is_spoken_again() -> None:
    listener = Listener("港の朝はいつも早い", "きょうはとてもいいてんきですね")
    (result,) = booth(listener).speak([line(TEXT)])
    assert isinstance(result, Speech)
    assert listener.asked == 2


def test_a_line_never_heard_rightly_is_reported() -> None:
    (result,) = booth(Listener("港の朝はいつも早い")).speak([line(TEXT)])
    assert isinstance(result, SpeechFailed)
    assert "heard as something else" in result.detail


def test_a_take_that_fails_the_cheap_checks_is_not_listened_to() -> None:
    listener = Listener(TEXT)
    engine = FakeGsv(faults={TEXT: ["silent", ""]})
    Booth(engine, BASE, seed=engine.seed, checks=(*CHECKS, ByEar(listener))).speak([line(TEXT)])
    assert listener.asked == 1


@pytest.mark.parametrize(
    ("said", "heard", "again"),
    [
        ("No.", "Noah", False),
        ("No.", "The harbour wakes early.", True),
        ("Wait for me at the station.", "Wait for me at the nation.", False),
        ("Wait for me at the station.", "The harbour wakes early.", True),
        ("Wait for me at the station.", "Noah", True),
    ],
)
def test_of_a_word_or_two_only_gross_differences_count(said: str, heard: str, again: bool) -> None:
    (piece,) = cut(said, "en")
    reference = Reference("", "", "en", 0.07, None, np.zeros((0, 24)))
    take = Take(np.zeros(100, np.float32), 32_000, piece, reference)

    assert (ByEar(Listener(heard))(take) is not None) is again


@pytest.mark.parametrize(
    ("said", "heard", "lang", "low", "high"),
    [
        ("今日はいい天気ですね。", "きょうはいいてんきですね", "ja", 0, 0.01),
        ("図書館へ行こう", "としょかんへいこー", "ja", 0, 0.15),
        ("今日はいい天気ですね。", "港の朝はいつも早い", "ja", 0.6, 2),
        ("Wait for me!", "wait for me", "en", 0, 0.01),
        ("Wait for me!", "", "en", 1, 1),
        ("No.", "No, it was a quiet morning.", "en", 3, 20),
    ],
)
def test_error_rates_compare_sounds_not_spelling(said: str, heard: str, lang: str, low: float, high: float) -> None:
    assert low <= error_rate(said, heard, lang) <= high


class WhisperModel:
    """Stands in for faster-whisper's class: hears one sentence in two segments."""

    asked: ClassVar[dict[str, object]] = {}

    def __init__(self, model: str, **wanted: object) -> None:
        self.asked.update(wanted, model=model)

    def transcribe(self, samples: np.ndarray, **wanted: object) -> tuple[Iterator[SimpleNamespace], None]:
        self.asked.update(wanted, samples=samples)
        return iter([SimpleNamespace(text=" Wait for"), SimpleNamespace(text=" me.")]), None


@pytest.fixture
def whisper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, and the library that reads it."""
    library = ModuleType("faster_whisper")
    vars(library)["WhisperModel"] = WhisperModel
    monkeypatch.setitem(sys.modules, "faster_whisper", library)
    (tmp_path / "model.bin").write_bytes(b"a model")
    return tmp_path


def test_the_recogniser_gets_what_its_model_was_trained_on_and_fetches_nothing(whisper: Path) -> None:
    heard = WhisperRecogniser(whisper).transcribe(np.zeros(64_000, np.float32), 32_000, "en")

    assert heard == "Wait for me."
    samples = WhisperModel.asked.pop("samples")
    assert isinstance(samples, np.ndarray)
    assert samples.shape == (32_000,), "two seconds at 16 kHz"
    assert samples.dtype == np.float32
    assert WhisperModel.asked["model"] == str(whisper)
    assert WhisperModel.asked["local_files_only"] is True
    assert (WhisperModel.asked["language"], WhisperModel.asked["temperature"]) == ("en", 0.0)


def test_with_speech_check_asr_every_take_is_listened_to_after_the_usual_checks(
    whisper: Path, settings: Callable[..., Settings]
) -> None:
    how = {"synthesizer": "sovits", "sovits_dir": whisper}
    without = make_synthesizer(settings(**how))
    checked = make_synthesizer(settings(**how, speech_check="asr", speech_check_model=whisper))

    assert isinstance(without, SovitsSynthesizer)
    assert isinstance(checked, SovitsSynthesizer)
    assert without._checks == CHECKS
    *usual, last = checked._checks
    assert tuple(usual) == CHECKS
    assert isinstance(last, ByEar)
    assert checked.fingerprint != without.fingerprint, "a line that nobody listened to is spoken again"


def test_a_model_directory_without_a_model_is_named(whisper: Path) -> None:
    (whisper / "model.bin").unlink()
    with pytest.raises(ConfigurationError, match=r"holds no Whisper model"):
        WhisperRecogniser(whisper)


def test_without_the_extra_the_setting_is_refused_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faster_whisper", None)
    with pytest.raises(ConfigurationError, match=r"extra \[check\]"):
        WhisperRecogniser(tmp_path)
