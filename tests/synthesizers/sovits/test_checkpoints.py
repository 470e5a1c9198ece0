"""Pickled checkpoints: read without running what is in them."""

from __future__ import annotations

import errno
import os
import sys
import types
from pathlib import Path

import pytest

from backend.errors import ConfigurationError
from backend.synthesizers.sovits import checkpoints
from backend.synthesizers.sovits.checkpoints import convert_gpt, convert_hubert, convert_sovits


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("convert", [convert_gpt, convert_sovits])
def test_code_in_a_checkpoint_never_runs(tmp_path: Path, tiny: Path, convert: object) -> None:
    import torch

    checkpoint, trace = tmp_path / "evil.ckpt", tmp_path / "it-ran"
    torch.save({"weight": {}, "config": Bomb(trace)}, checkpoint)

    with pytest.raises(ConfigurationError, match="read safely"):
        convert(checkpoint, tmp_path / "out")  # type: ignore[operator]

    assert not trace.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"06" + b"\0" * 100, b"not a checkpoint"])
def test_other_files_are_refused(tmp_path: Path, tiny: Path, content: bytes) -> None:
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(ConfigurationError):
        convert_gpt(tmp_path / "x.ckpt", tmp_path / "out")


def test_a_checkpoint_that_does_not_fit_says_so(tmp_path: Path, tiny: Path) -> None:
    import torch

    found = checkpoints._read(tiny / "published" / "s1v3.ckpt")
    found["weight"].pop(next(iter(found["weight"])))
    torch.save(found, tmp_path / "s1.ckpt")
    with pytest.raises(ConfigurationError, match="does not fit"):
        convert_gpt(tmp_path / "s1.ckpt", tmp_path / "out")


def test_another_version_is_refused_by_name(tmp_path: Path, tiny: Path) -> None:
    import torch

    found = checkpoints._read(tiny / "published" / "s2Gv2ProPlus.pth")
    found["config"]["model"]["version"] = "v2"
    torch.save(found, tmp_path / "s2.pth")
    with pytest.raises(ConfigurationError, match="is a GPT-SoVITS v2 model"):
        convert_sovits(tmp_path / "s2.pth", tmp_path / "out")


@pytest.mark.parametrize("module", ["utils", "GPT_SoVITS.utils"])
def test_settings_kept_in_upstreams_class_are_read(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """Upstream pickles its settings as `utils.HParams`; only that one class is let in, and ours stands in for it."""
    import torch

    class HParams:
        """As upstream's: attributes, some of them settings again."""

        def __init__(self, **settings: object) -> None:
            for name, value in settings.items():
                setattr(self, name, HParams(**value) if isinstance(value, dict) else value)

    HParams.__module__, HParams.__qualname__ = module, "HParams"
    settings = {"model": {"version": "v2ProPlus", "upsample_rates": [10, 8]}, "train": {"segment_size": 20480}}
    with monkeypatch.context() as there:
        for name in ("GPT_SoVITS", module):
            there.setitem(sys.modules, name, types.ModuleType(name))
        vars(sys.modules[module])["HParams"] = HParams
        vars(sys.modules["GPT_SoVITS"])["utils"] = sys.modules[module]
        torch.save({"config": HParams(**settings), "weight": {}}, tmp_path / "s2.pth")

    assert checkpoints._plain(checkpoints._read(tmp_path / "s2.pth")["config"]) == settings


def test_a_file_of_the_time_before_zips_is_read(tmp_path: Path, tiny: Path) -> None:
    import torch

    torch.save({"a": torch.ones(2)}, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert checkpoints._read(tmp_path / "pytorch_model.bin")["a"].tolist() == [1, 1]


@pytest.mark.parametrize("half", ["gpt", "hubert"])
def test_a_disk_that_is_full_is_what_the_system_says_and_not_an_error_of_the_library(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    import safetensors
    import safetensors.torch
    import torch

    def full(weights: object, path: Path | str, metadata: object = None) -> None:
        Path(path).write_bytes(b"half of it")
        raise safetensors.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    torch.save({"a": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OSError, match="No space left on device") as told:
        convert_gpt(tiny / "published" / "s1v3.ckpt", tmp_path) if half == "gpt" else convert_hubert(tmp_path)

    assert told.value.errno == errno.ENOSPC
    assert not list(tmp_path.glob("*safetensors*"))
