"""The note of where a folder of weights comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import ConfigurationError
from backend.weights import manga_ocr, whisper
from backend.weights.hub import Commit
from backend.weights.source import SOURCE, known_commit, write_source
from tests.support.hub import local_hub

COMMIT = Commit("a/b", "c" * 40, {})


def fetch_whisper(to: Path, endpoint: str) -> None:
    whisper.fetch(to, endpoint=endpoint)


def fetch_manga_ocr(to: Path, endpoint: str) -> None:
    manga_ocr.fetch(to, endpoint=endpoint)


def test_what_is_noted_is_known_of_its_repository_and_of_no_other(tmp_path: Path) -> None:
    assert known_commit(tmp_path) is None
    write_source(tmp_path, COMMIT)
    assert known_commit(tmp_path) == known_commit(tmp_path, "a/b") == COMMIT.commit
    assert known_commit(tmp_path, "a/c") is None


def test_a_note_that_cannot_be_finished_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_source(tmp_path, COMMIT)
    write = Path.write_text

    def full(path: Path, text: str, **how: str) -> int:
        write(path, text[:5], **how)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ConfigurationError, match=r"source\.json cannot be written: No space left on device\."):
        write_source(tmp_path, Commit("a/b", "d" * 40, {}))
    assert known_commit(tmp_path) == COMMIT.commit
    assert [path.name for path in tmp_path.iterdir()] == [SOURCE]


@pytest.mark.parametrize("text", ["", '{"commit": "c0ff', "[]", '{"commit": "c0ffee"}'])
def test_a_note_that_is_none_is_nothing_known(tmp_path: Path, text: str) -> None:
    (tmp_path / SOURCE).write_text(text)
    assert known_commit(tmp_path, "a/b") is None


@pytest.mark.parametrize(("fetch", "of"), [(fetch_whisper, whisper), (fetch_manga_ocr, manga_ocr)], ids=["whisper", "manga-ocr"])
def test_where_the_note_cannot_be_written_the_command_says_so_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetch: Callable[[Path, str], None], of: object
) -> None:
    files = {name: name.encode() * 10_000 for name in of.CHECKSUMS}  # type: ignore[attr-defined]
    monkeypatch.setattr(of, "CHECKSUMS", {name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
    (tmp_path / SOURCE).mkdir()
    with local_hub({of.REPOSITORY: files}) as hub:  # type: ignore[attr-defined]
        hub.commit = of.COMMIT  # type: ignore[attr-defined]
        with pytest.raises(ConfigurationError, match=r"source\.json cannot be written"):
            fetch(tmp_path, hub.url)
