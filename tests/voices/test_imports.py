"""Importing official English vectors: what comes in, and what hostile files cannot do."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.voices import imports
from backend.voices.imports import import_vectors, kokoro_directory


def vector(value: float = 0.1) -> bytes:
    return (value * np.sin(np.arange(510 * 256, dtype="<f4"))).astype("<f4").tobytes()


def archive(path: Path, entries: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for name, content in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
    return path


def test_an_npm_archive_brings_its_english_vectors_and_nothing_else(tmp_path: Path) -> None:
    entries = {f"package/voices/{name}.bin": vector() for name in ("am_michael", "bf_emma", "jf_alpha", "zf_xiaobei")}
    source = archive(tmp_path / "kokoro-js-1.2.1.tgz", {**entries, "package/README.md": b"hello"})
    done = import_vectors([source], tmp_path / "data")
    assert done.names == ("am_michael", "bf_emma")
    assert done.skipped == ("jf_alpha.bin", "zf_xiaobei.bin")
    assert done.directory == kokoro_directory(tmp_path / "data")
    assert sorted(path.name for path in done.directory.iterdir()) == ["am_michael.bin", "bf_emma.bin"]
    assert (done.directory / "bf_emma.bin").read_bytes() == vector()


def test_a_folder_and_single_files_do_as_well_and_newer_files_replace_older_ones(tmp_path: Path) -> None:
    voices = tmp_path / "node_modules" / "package" / "voices"
    voices.mkdir(parents=True)
    (voices / "af_heart.bin").write_bytes(vector())
    assert import_vectors([tmp_path / "node_modules"], tmp_path / "data").names == ("af_heart",)
    (tmp_path / "af_heart.bin").write_bytes(vector(0.2))
    (tmp_path / "am_puck.bin").write_bytes(vector())
    done = import_vectors([tmp_path / "af_heart.bin", tmp_path / "am_puck.bin"], tmp_path / "data")
    assert done.names == ("af_heart", "am_puck")
    assert (done.directory / "af_heart.bin").read_bytes() == vector(0.2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        vector()[:-4],
        vector() + b"more",
        np.full(510 * 256, np.nan, "<f4").tobytes(),
        np.full(510 * 256, 1e9, "<f4").tobytes(),
        np.zeros(510 * 256, "<f4").tobytes(),
    ],
    ids=["empty", "short", "long", "not a number", "huge values", "constant"],
)
def test_one_damaged_vector_and_nothing_is_imported(tmp_path: Path, content: bytes) -> None:
    source = archive(tmp_path / "a.tgz", {"voices/af_heart.bin": vector(), "voices/am_puck.bin": content})
    with pytest.raises(InvalidRequest, match="am_puck"):
        import_vectors([source], tmp_path / "data")
    assert not kokoro_directory(tmp_path / "data").exists()


def test_paths_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    entries = {
        "../../af_escape.bin": vector(),
        "/etc/am_root.bin": vector(),
        "x\\..\\af_windows.bin": vector(),
        "voices/.af_hidden.bin": vector(),
    }
    done = import_vectors([archive(tmp_path / "a.tgz", entries)], tmp_path / "data")
    assert done.names == ("af_escape", "am_root")
    everything = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert everything == {"a.tgz", "data/voices/kokoro/af_escape.bin", "data/voices/kokoro/am_root.bin"}


def test_links_and_devices_in_an_archive_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(vector())
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as out:
        for name, kind in (("af_link.bin", tarfile.SYMTYPE), ("af_hard.bin", tarfile.LNKTYPE), ("af_dev.bin", tarfile.CHRTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, str(secret)
            out.addfile(entry)
    with pytest.raises(InvalidRequest, match="No English voice"):
        import_vectors([tmp_path / "a.tgz"], tmp_path / "data")


def test_an_archive_that_unpacks_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "_MOST_BYTES", 4 * 1024 * 1024)
    source = archive(tmp_path / "bomb.tgz", {"package/zeros": bytes(16 * 1024 * 1024), "voices/af_heart.bin": vector()})
    assert source.stat().st_size < 600_000
    with pytest.raises(InvalidRequest, match="unpacks to more"):
        import_vectors([source], tmp_path / "data")
    monkeypatch.setattr(imports, "_MOST_BYTES", 256 * 1024 * 1024)
    monkeypatch.setattr(imports, "_MOST_ENTRIES", 10)
    with pytest.raises(InvalidRequest, match="more than 10 entries"):
        import_vectors([archive(tmp_path / "many.tgz", {f"{number}": b"" for number in range(20)})], tmp_path / "data")


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", gzip.compress(b"not a tar" * 100, mtime=0), gzip.compress(b"x" * 5000, mtime=0)[:-20]],
    ids=["empty", "text", "packed text", "cut off"],
)
def test_what_is_no_archive_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tgz").write_bytes(content)
    with pytest.raises(InvalidRequest):
        import_vectors([tmp_path / "a.tgz"], tmp_path / "data")


def test_what_does_not_exist_or_holds_no_voice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no file or folder"):
        import_vectors([tmp_path / "missing.tgz"], tmp_path / "data")
    with pytest.raises(InvalidRequest, match="No English voice"):
        import_vectors([tmp_path], tmp_path / "data")
    with pytest.raises(InvalidRequest, match="No English voice"):
        import_vectors([], tmp_path / "data")
