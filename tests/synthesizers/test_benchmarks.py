"""The benchmarks of speech start the way their first lines say: as files, from anywhere, without anything installed of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from backend.errors import SpeechFailed
from backend.synthesizers.base import Speech, Utterance
from benchmarks import intelligibility
from benchmarks.dialogue import LINES
from tests.synthesizers.sovits.fake_gsv import FakeGsv

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize("name", ["speech", "intelligibility"])
def test_a_benchmark_starts_as_a_file(name: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, BENCHMARKS / f"{name}.py", "--help"],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "--voices" in done.stdout


def test_the_lines_that_are_measured_are_a_hundred_of_each_language_each_once() -> None:
    assert {lang: len(set(said)) for lang, said in LINES.items()} == {"ja": 100, "en": 100}


async def test_gpt_sovits_is_timed_as_one_batch_and_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sovits = pytest.importorskip("benchmarks.sovits", reason="torch is not installed (the test extra brings it)")
    engine = FakeGsv()

    await sovits.measure(tmp_path, "cpu", 4, lambda: engine)

    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.endswith("x faster")]
    assert [row[:2] for row in rows] == [["1", "1"], ["4", "1"], ["4", "4"]]
    assert [len(batch) for batch in engine.batches] == [4, 1, 1, *([4] + [1] * 4) * 2], "all voices once; then each row twice"
    assert [len(set(call["spk_audio_paths"])) for call in engine.calls if len(call["texts"]) == 4] == [4, 1, 4]  # type: ignore[call-overload, arg-type]
    for row in rows:
        seconds_of_sound = [float(row[number]) for number in (4, 10)]
        assert seconds_of_sound[0] == seconds_of_sound[1] > 0
        assert row[7] == "-", "no GPU, no memory of one"


async def test_both_engines_are_heard_on_the_same_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken: dict[str, list[str]] = {}

    class Engine:
        """Fails the first line of each language."""

        def __init__(self, name: str) -> None:
            self.said = spoken.setdefault(name, [])

        async def load(self) -> None:
            """Nothing to load."""

        async def aclose(self) -> None:
            """Nothing to close."""

        async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
            self.said += [utterance.text for utterance in utterances]
            return [SpeechFailed("no"), *[Speech(np.zeros(100, np.float32), 32_000)] * (len(utterances) - 1)]

    class Parrot:
        """Hears what was said, but once nothing."""

        def __init__(self) -> None:
            self.heard = [""]

        def transcribe(self, samples: np.ndarray, sample_rate: int, lang: str) -> str:
            return self.heard.pop() if self.heard else LINES[lang][1]

    monkeypatch.setattr(intelligibility, "EmbeddedSynthesizer", lambda: Engine("embedded"))
    monkeypatch.setattr(intelligibility, "SovitsSynthesizer", lambda *_, **__: Engine("sovits"))

    await intelligibility.print_engines(Parrot(), Namespace(sovits=Path("weights"), device=None, lines=2))  # type: ignore[arg-type]

    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[:3] for row in rows] == [[name, lang, "1"] for name in ("embedded", "sovits") for lang in ("ja", "en")]
    assert [float(row[3]) for row in rows] == [1.0, 0.0, 0.0, 0.0], "the line of which nothing was heard"
    assert [row[-2:] for row in rows] == [["1", "1"], *[["0", "1"]] * 3]
    assert spoken["embedded"] == spoken["sovits"] == [*LINES["ja"][:2], *LINES["en"][:2]]
