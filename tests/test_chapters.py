"""Chapters narrated by the engines of a plain installation, in a process that cannot reach any network.

A chapter here is pages of a sample chapter that tests/samples/test_chapter_is_heard.py does not narrate: between them the two modules
narrate every page of both, one with each embedded synthesizer.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from backend.books.decode import decode_segments
from backend.language.distance import edits

ROOT = Path(__file__).parents[1]
DIRECTIONS = {"ja": "rtl", "en": "ltr"}
PAGES = {"ja": ("page-01", "page-02", "page-03"), "en": ("page-01", "page-03")}

_REFUSE = """
import socket
def refused(*_args, **_kwargs):
    raise PermissionError("this test allows no network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refused
"""


def without_network(command: list[str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command for which every connection fails: by Python's sockets, and by the kernel where it lets us."""
    guard = tmp_path / "guard"
    guard.mkdir(exist_ok=True)
    (guard / "sitecustomize.py").write_text(_REFUSE)
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    unshare = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode != 0:
        unshare = []
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": f"{guard}:{ROOT}",
        "DATA_DIR": str(tmp_path / "data"),
    }
    return subprocess.run(
        [*unshare, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def narrated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder each sample chapter was narrated into."""
    found = {}
    for lang, direction in DIRECTIONS.items():
        place = tmp_path_factory.mktemp(lang)
        chapter = place / "chapter"
        chapter.mkdir()
        for page in PAGES[lang]:
            shutil.copy(ROOT / "samples" / lang / f"{page}.png", chapter)
        command = [
            sys.executable,
            "-m",
            "backend.cli",
            "narrate",
            str(chapter),
            "-o",
            "out",
            "--direction",
            direction,
        ]
        done = without_network(command, place)
        assert done.returncode == 0, done.stderr
        found[lang] = place / "out"
    return found


def transcript(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "transcript.json").read_text(encoding="utf-8"))
    return found


def letters(text: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text).lower())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lang", PAGES)
def test_at_most_one_character_in_twenty_of_the_sample_text_is_missing_or_wrong(narrated: dict[str, Path], lang: str) -> None:
    errors = characters = 0
    for page, name in zip(transcript(narrated[lang])["pages"], PAGES[lang], strict=True):
        blocks = json.loads((ROOT / "samples" / lang / f"{name}.json").read_text(encoding="utf-8"))["blocks"]
        wanted = letters(
            "".join(block["text"] for block in blocks if block["kind"] in ("speech", "caption", "narration", "thought"))
        )
        got = letters("".join(line["text"] for line in page["lines"]))
        errors += edits(wanted, got)
        characters += len(wanted)
    assert errors <= 0.05 * characters, f"{errors} errors in {characters} characters"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lang", PAGES)
def test_every_page_sounds_and_its_cues_lie_inside_the_sound_and_on_the_page(narrated: dict[str, Path], lang: str) -> None:
    for page in transcript(narrated[lang])["pages"]:
        assert page["error"] is None
        folder = (narrated[lang] / page["audio"]).parent
        samples = decode_segments(sorted(folder.glob("*.ts")))
        rate = 24_000
        assert len(samples) / rate == pytest.approx(page["duration"], abs=0.05)
        assert page["lines"] or np.abs(samples).max() < 1e-3, "a page on which nothing is said is silent"
        for line in page["lines"]:
            assert 0 <= line["start"] < line["end"] <= page["duration"]
            heard = samples[round(line["start"] * rate) : round(line["end"] * rate)]
            assert np.sqrt(np.square(heard).mean()) > 0.01, f"{line['text']} is not heard"
            x0, y0, x1, y1 = line["box"]
            assert 0 <= x0 < x1 <= page["width"]
            assert 0 <= y0 < y1 <= page["height"]


@pytest.mark.timeout(600)
def test_the_audio_book_has_a_chapter_for_every_page_and_lasts_as_long_as_they_do(narrated: dict[str, Path]) -> None:
    pages = transcript(narrated["ja"])["pages"]
    (book,) = narrated["ja"].glob("*.m4b")
    with av.open(str(book), "r") as container:
        assert len(container.chapters()) == len(pages)
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(sum(page["duration"] for page in pages), abs=0.5)


@pytest.mark.timeout(600)
def test_narration_and_speech_have_different_voices_and_sound_effects_none(narrated: dict[str, Path]) -> None:
    lines = [line for lang in PAGES for page in transcript(narrated[lang])["pages"] for line in page["lines"]]
    voices = {kind: {line["voice"] for line in lines if line["kind"] == kind} for kind in ("narration", "speech")}
    assert voices["narration"] == {"sovits:narrator-v1"}
    assert voices["speech"]
    assert not voices["speech"] & voices["narration"]
    assert not [line for line in lines if line["kind"] in ("sfx", "other")]
