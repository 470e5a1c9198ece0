"""What `tanoshi doctor` says of the check by ear: one sentence for its model, one for what runs it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.cli.doctor import Verdict, check_by_ear
from backend.settings import Settings

FILES = ("model.bin", "config.json", "tokenizer.json")


def said(model: Path, **how: str) -> list[str]:
    asked = Settings.model_validate({"speech_check": "asr", "speech_check_model": model, **how})
    return [f"{finding.verdict} {finding.sentence}" for finding in check_by_ear(asked)]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """faster-whisper, which loads for seconds, as far as doctor looks at it."""
    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(__version__="1.2.3"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with the files of a model."""
    for name in FILES:
        (tmp_path / name).write_bytes(b"{}")
    return tmp_path


def test_a_model_and_its_library_are_one_good_sentence_each(installed: None, model: Path) -> None:
    of_model, of_library = said(model)
    assert of_model == f"{Verdict.GOOD} SPEECH_CHECK_MODEL: {model} holds a Whisper model in CTranslate2 format."
    assert of_library == f"{Verdict.GOOD} faster-whisper 1.2.3, which SPEECH_CHECK=asr needs, can be imported."


def test_a_folder_that_is_not_there_is_bad_with_the_remedy(installed: None, tmp_path: Path) -> None:
    wrong, good = said(tmp_path / "nowhere")
    assert wrong.startswith(f"{Verdict.BAD} SPEECH_CHECK_MODEL: There is no directory {tmp_path / 'nowhere'}.")
    assert f"tanoshi weights whisper --to {tmp_path / 'nowhere'}" in wrong
    assert good.startswith(Verdict.GOOD)


@pytest.mark.parametrize("missing", FILES)
def test_a_file_that_is_missing_is_named(installed: None, model: Path, missing: str) -> None:
    (model / missing).unlink()
    wrong, _ = said(model)
    assert wrong.startswith(str(Verdict.BAD))
    assert f"{missing} is missing" in wrong
    assert not any(name in wrong for name in FILES if name != missing)


def test_a_library_that_cannot_be_imported_is_bad_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    good, wrong = said(model)
    assert good.startswith(Verdict.GOOD)
    assert wrong.startswith(str(Verdict.BAD))
    assert "pip install tanoshi-narration[check]" in wrong


def test_where_nobody_listens_nothing_is_said(installed: None, tmp_path: Path) -> None:
    assert said(tmp_path, speech_check="none") == []
