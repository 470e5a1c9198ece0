"""Files that are written whole or not at all."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from backend.errors import ConfigurationError
from backend.files import told_what_cannot_be_written, whole


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """The system refuses more bytes, as of a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    with whole(target) as path:
        path.write_text("{")
        assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, OSError])
def test_what_is_cut_off_leaves_what_was_there_and_nothing_else(tmp_path: Path, failure: type[BaseException]) -> None:
    def cut_off() -> None:
        with whole(target) as path:
            path.write_text("half")
            raise failure

    target = tmp_path / "a.json"
    target.write_text("before")
    with pytest.raises(failure):
        cut_off()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "before")]


def as_bytes(path: Path) -> None:
    path.write_bytes(b"x" * 100_000)


def as_tensors(path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"a": np.ones(100_000)}, path)


@pytest.mark.parametrize("write", [as_bytes, as_tensors])
def test_whoever_writes_it_a_disk_that_is_full_is_the_same_sentence(tmp_path: Path, write: Callable[[Path], None]) -> None:
    def written() -> None:
        with no_file_larger_than(10_000), told_what_cannot_be_written(target), whole(target) as path:
            write(path)

    if write is as_tensors:
        pytest.importorskip("safetensors", reason='safetensors is not installed; pip install "tanoshi-narration[gpu]"')
    target = tmp_path / "model.safetensors"
    with pytest.raises(ConfigurationError, match=r"model\.safetensors cannot be written: File too large\.$"):
        written()
    assert list(tmp_path.iterdir()) == []
