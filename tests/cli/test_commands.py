"""The command line as a person meets it: results on standard output, one sentence for what is wrong, never a trace."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from backend.cli.narrate import _said
from tests.support.engines import page

ROOT = Path(__file__).parents[2]


def tanoshi(*arguments: str | Path, data_dir: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend.cli", *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**clean, "DATA_DIR": str(data_dir), "SYNTHESIZER": "draft", "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_read_prints_one_json_object_a_page_with_spoken_boxes_apart(tmp_path: Path) -> None:
    image = ROOT / "samples" / "en" / "page-02.png"
    done = tanoshi("read", image, "--json", "--direction", "ltr", data_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert (found["image"], found["width"], found["height"]) == ("page-02.png", 1100, 1560)
    assert found["boxes"]
    for box in found["boxes"] + found["unspoken"]:
        assert box.keys() == {"box", "text", "kind", "speaker", "lang", "confidence", "speaker_confidence", "scores"}
        assert len(box["box"]) == 4
    assert found["scores"] is None, "the embedded reader has no numbers for single decisions"


def test_read_goes_on_after_files_that_are_not_there_or_no_pages(tmp_path: Path) -> None:
    image = ROOT / "samples" / "en" / "page-02.png"
    (tmp_path / "empty.png").touch()
    done = tanoshi("read", tmp_path / "gone.png", tmp_path / "empty.png", image, "--json", data_dir=tmp_path)
    assert done.returncode == 2, "as many as could not be read"
    assert [json.loads(line)["image"] for line in done.stdout.splitlines()] == ["page-02.png"]
    assert "gone.png cannot be opened: No such file or directory." in done.stderr
    assert "empty.png is an empty file." in done.stderr


def test_an_archive_with_junk_in_it_is_narrated_and_the_junk_is_named(tmp_path: Path) -> None:
    book = tmp_path / "chapter 1.cbz"
    sample = (ROOT / "samples" / "en" / "page-03.png").read_bytes()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("page 10.png", sample)
        archive.writestr("page 9.png", page(1))
        archive.writestr("notes.txt", "not a page")
        archive.writestr("page 11.png", page(2)[:50])
        archive.writestr("ComicInfo.xml", "<ComicInfo><Manga>No</Manga></ComicInfo>")
    done = tanoshi("narrate", book, "-o", tmp_path / "out", data_dir=tmp_path / "data")
    assert "notes.txt" in done.stderr
    transcript = json.loads((tmp_path / "out" / "transcript.json").read_text(encoding="utf-8"))
    assert transcript["direction"] == "ltr"
    assert [entry["name"] for entry in transcript["pages"]][:2] == ["page 9.png", "page 10.png"]
    assert transcript["pages"][1]["lines"]
    assert (tmp_path / "out" / "chapter 1.m4b").stat().st_size > 1000
    assert (tmp_path / "out" / "pages" / "page-002" / "index.m3u8").exists()
    assert "page 11.png" in done.stderr, "a page that is damaged is named wherever it is noticed"
    assert not (tmp_path / "data" / "narration").exists() or not list((tmp_path / "data" / "narration").rglob("*.ts"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["narrate", "nowhere.cbz", "-o", "x"], "There is no file or folder named nowhere.cbz."),
        (["narrate", "Makefile", "-o", "x"], "Makefile is neither a folder, a CBZ, ZIP or PDF file, nor a page"),
        (["read", "nowhere.png"], "nowhere.png cannot be opened"),
        (
            ["read", "samples/en"],
            "samples/en is no page image: `tanoshi read` takes single pages, `tanoshi narrate` whole chapters.",
        ),
        (["read", "a.cbz"], "`tanoshi narrate` whole chapters"),
        (["narrate", "samples/en/page-01.png", "-o", "/dev/null/x"], "/dev/null/x cannot be made"),
        (["narrate", "samples/en/page-01.png", "-o", "/tmp", "--voice", "MC=sovits:mc-v9"], "sovits:mc-v1"),
        (["narrate", "samples/en/page-01.png", "-o", "/dev/null/x", "--lang", "french"], "--lang"),
        (["voices", "import", "Makefile"], "Makefile"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    done = tanoshi(*arguments, data_dir=tmp_path)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("bad_image", "these bytes are not an image that can be decoded (bad_image)"),
        ("reading_failed", "the page could not be read (reading_failed)"),
        ("not_uploaded", "not uploaded"),
    ],
)
def test_why_a_page_has_no_sound_is_said_in_words(reason: str, said: str) -> None:
    assert _said(reason) == said


def test_a_port_that_is_taken_is_said_so_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = tanoshi("serve", "--port", str(port), data_dir=tmp_path)
    assert done.returncode == 2
    assert f"Port {port} of 127.0.0.1 cannot be listened on (Address already in use); choose another with --port." in done.stderr
    assert "Traceback" not in done.stderr
    assert "startup" not in done.stderr


def test_settings_that_cannot_work_are_refused_by_name_without_their_value(tmp_path: Path) -> None:
    done = tanoshi("doctor", data_dir=tmp_path, CORS_ORIGINS="*", JOB_TTL_SECONDS="soon")
    assert done.returncode == 2
    assert "CORS_ORIGINS" in done.stderr
    assert "JOB_TTL_SECONDS" in done.stderr
    assert "soon" not in done.stderr


def test_doctor_says_what_works_and_what_is_not_there(tmp_path: Path) -> None:
    done = tanoshi("doctor", data_dir=tmp_path / "data")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "READER=embedded loads" in done.stdout
    assert "SYNTHESIZER=draft loads" in done.stdout
    assert "English voices are not imported" in done.stdout
    bad = tanoshi("doctor", data_dir=Path("/dev/null/data"))
    assert bad.returncode == 1
    assert "DATA_DIR" in bad.stdout


def test_doctor_says_what_is_wrong_with_a_folder_of_weights_and_states_its_licence(tmp_path: Path) -> None:
    done = tanoshi("doctor", data_dir=tmp_path / "data", MAGI_DIR=str(tmp_path / "magi"), SOVITS_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "non-commercial" in done.stdout
    assert "GPT-SoVITS" in done.stdout
    assert "Traceback" not in done.stderr


def test_voices_are_listed(tmp_path: Path) -> None:
    done = tanoshi("voices", "list", data_dir=tmp_path)
    assert "sovits:narrator-v1" in done.stdout
    assert "sovits:mc-v1" in done.stdout
