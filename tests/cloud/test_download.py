"""Filling the volume: what is asked for, each in its folder, and kept whatever comes after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.cloud import download, images
from backend.errors import ConfigurationError, Unavailable
from backend.weights.magi import Inspection


class Volume:
    """Counts commits."""

    def __init__(self) -> None:
        self.commits = 0

    def commit(self) -> None:
        self.commits += 1


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders the weights were fetched into."""
    found: list[Path] = []

    def fetch(to: Path, **_: Any) -> Inspection:
        found.append(to)
        return Inspection(True, "whole")

    for source in (download.magi, download.manga_ocr, download.sovits, download.whisper):
        monkeypatch.setattr(source, "fetch", fetch)
    return found


def test_all_weights_lie_where_the_containers_look_for_them(fetched: list[Path]) -> None:
    volume = Volume()
    download.download([], images.WEIGHTS, commit=volume.commit, magi_revision=None)
    folders = [str(folder) for folder in fetched]
    named = images._ENGINE_ENV
    assert folders == [named["MAGI_DIR"], f"{named['MAGI_DIR']}/manga-ocr", named["SOVITS_DIR"], named["SPEECH_CHECK_MODEL"]]
    assert volume.commits == 1


def test_what_arrived_before_a_failure_is_committed_so_that_the_next_run_goes_on(
    fetched: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: Any, **__: Any) -> Inspection:
        raise Unavailable("The hub does not answer.")

    monkeypatch.setattr(download.sovits, "fetch", fail)
    volume = Volume()
    with pytest.raises(Unavailable):
        download.download([], str(tmp_path), commit=volume.commit, magi_revision=None)
    assert (len(fetched), volume.commits) == (2, 1)


def test_a_name_that_is_none_of_them_is_answered_with_those_there_are(fetched: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="choose from magi, manga-ocr, sovits, whisper"):
        download.download(["whisperer"], str(tmp_path), commit=Volume().commit, magi_revision=None)
    assert not fetched
