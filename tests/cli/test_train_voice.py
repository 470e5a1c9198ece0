"""`tanoshi train-voice`: whose voice is trained, and what it says when that cannot be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

import backend.trainer
from backend.cli import app
from backend.errors import ConfigurationError
from backend.storage.objects import Objects
from backend.voices.owners import Owners, identity_of_key
from backend.voices.store import VoiceStore
from tests.voices.test_training import Trainer, a_store


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with two keys; a voice that can be trained belongs to the second one."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("API_KEYS", "one,two")
    monkeypatch.setattr(backend.trainer, "make_trainer", lambda *_, **__: Trainer())

    async def given() -> None:
        voice = await (await a_store()).manifest("", "sovits:aya")
        await VoiceStore(Objects.in_folder(tmp_path), Owners(by_key=True)).add(identity_of_key(b"two"), voice)

    asyncio.run(given())
    return tmp_path


def test_a_voice_is_trained_for_the_owner_whose_key_is_named(data_dir: Path) -> None:
    done = CliRunner().invoke(app, ["train-voice", "sovits:aya", "--owner", "two"])
    assert done.exit_code == 0, done.exception
    assert "sovits:aya speaks from the checkpoint aya-" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"), [([], "--owner with one of API_KEYS"), (["--owner", "one"], "no voice with that id")]
)
def test_a_voice_that_is_nobodys_or_somebody_elses_is_not_trained(data_dir: Path, arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["train-voice", "sovits:aya", *arguments])
    assert done.exit_code != 0
    assert said in str(done.exception)
    assert isinstance(done.exception, ConfigurationError) == (not arguments)
