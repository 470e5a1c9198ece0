"""Fetching the recogniser's model from a local hub, and what is pinned of all models."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from backend.errors import ConfigurationError
from backend.weights import magi, manga_ocr, whisper
from tests.support.hub import LocalHub, local_hub

FILES = {name: name.encode() * 10_000 for name in whisper.CHECKSUMS}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local hub's files are the published ones."""
    monkeypatch.setattr(whisper, "CHECKSUMS", {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()})


def a_hub(hub: LocalHub) -> LocalHub:
    hub.commit = whisper.COMMIT
    return hub


def test_one_command_fills_the_folder_and_says_what_it_is(known: None, tmp_path: Path) -> None:
    said: list[str] = []
    with local_hub({whisper.REPOSITORY: dict(FILES)}) as hub:
        result = whisper.fetch(tmp_path, endpoint=a_hub(hub).url, say=said.append)
        served = len(hub.served)
        whisper.fetch(tmp_path, endpoint=hub.url)
        assert len(hub.served) == served == len(FILES), "a second run fetches nothing"
    assert result.usable
    assert said[0] == whisper.LICENCE_NOTICE
    assert whisper.COMMIT in said[1]
    assert "SPEECH_CHECK=asr" in said[-1]


def test_a_model_that_is_not_the_one_we_know_is_refused(tmp_path: Path) -> None:
    with local_hub({whisper.REPOSITORY: dict(FILES)}) as hub, pytest.raises(ConfigurationError, match=r"config\.json"):
        whisper.fetch(tmp_path, endpoint=a_hub(hub).url)
    assert not (tmp_path / "model.bin").exists()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    found = whisper.inspect(tmp_path)
    assert not found.usable
    assert "config.json, tokenizer.json is missing" in found.sentence


def test_revisions_are_commits_and_checksums_are_whole() -> None:
    assert {len(commit) for commit in (magi.COMMIT, manga_ocr.COMMIT, whisper.COMMIT)} == {40}
    sums = [magi.CHECKSUM, *manga_ocr.CHECKSUMS.values(), *whisper.CHECKSUMS.values()]
    assert len(set(sums)) == len(sums)
    assert all(len(value) == 64 and set(value) <= set("0123456789abcdef") for value in sums)
