"""The benchmarks of speech start the way their first lines say: as files, from anywhere, without anything installed of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.dialogue import LINES

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
