"""What is damaged or missing is known when the engine loads, and by its name; and what a GPU is asked for."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.errors import ConfigurationError, SpeechFailed, Unavailable
from backend.synthesizers.base import Speech
from backend.synthesizers.sovits import directory as layout
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.booth import Booth, Models
from tests.synthesizers.sovits.fake_gsv import FakeGsv
from tests.synthesizers.sovits.test_booth import BASE, TEXT, line

HUBERT = "chinese-hubert-base/model.safetensors"


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    """A SOVITS_DIR of this test's own; its files are to be replaced, not written to."""
    return Path(shutil.copytree(tiny, tmp_path / "sovits", copy_function=os.link))


def replaced(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("name", [HUBERT, layout.SPEAKER_ENCODER])
@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_an_encoder_that_is_cut_short_is_named_when_the_engine_loads(copy: Path, name: str, kept: float) -> None:
    whole = (copy / name).read_bytes()
    replaced(copy / name, whole[: round(kept * len(whole))])

    with pytest.raises(ConfigurationError, match="GPT-SoVITS does not load from"):
        gsv.open_tts(copy, "cpu")


def test_a_content_encoder_that_lacks_a_tensor_is_refused_and_not_made_up(copy: Path) -> None:
    from safetensors.torch import load_file, save

    weights = load_file(copy / HUBERT)
    weights.pop("feature_projection.projection.weight")
    replaced(copy / HUBERT, save(weights, {"format": "pt"}))

    with pytest.raises(ConfigurationError, match=r"lacks 1 tensors, feature_projection\.projection\.weight"):
        gsv.open_tts(copy, "cpu")


@pytest.mark.parametrize("half", ["gpt", "sovits"])
def test_a_damaged_few_shot_checkpoint_fails_its_own_lines_and_leaves_nothing_behind(half: str) -> None:
    from safetensors import SafetensorError

    class Damaged(FakeGsv):
        def load_gpt_model(self, *model_paths: str) -> None:
            self._load("gpt", *model_paths)

        def load_sovits_model(self, *model_paths: str) -> None:
            self._load("sovits", *model_paths)

        def _load(self, part: str, *model_paths: str) -> None:
            if part == half:
                raise SafetensorError("Error while deserializing header: incomplete metadata, file not fully covered")
            self.loaded.extend(model_paths)

    engine = Damaged()
    booth = Booth(engine, BASE, seed=engine.seed)

    failed, spoken = booth.speak([line(TEXT, models=Models("t/gpt", "t/sovits", "t")), line(TEXT)])

    assert isinstance(failed, SpeechFailed)
    assert "checkpoint does not load" in failed.detail
    assert isinstance(spoken, Speech)
    assert engine.loaded == []
    booth.close()


def test_a_gpu_lost_while_a_checkpoint_loads_is_not_taken_for_a_bad_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gsv, "is_device_fault", lambda error: isinstance(error, RuntimeError))
    engine = FakeGsv(unloadable={"t/gpt"})
    booth = Booth(engine, BASE, seed=engine.seed)

    with pytest.raises(Unavailable, match="GPU is lost"):
        booth.speak([line(TEXT, models=Models("t/gpt", "t/sovits", "t"))])
    booth.close()


@pytest.mark.parametrize(
    ("device", "precision", "graphs"), [("cuda", "float16", gsv.CUDA_GRAPHS), ("cpu", "float32", gsv.PLAIN_CACHES)]
)
def test_a_gpu_is_asked_for_half_precision_graphs_and_equal_results(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, device: str, precision: str, graphs: tuple[tuple[int, int], ...]
) -> None:
    import torch

    gsv.prepare_import()
    engine = sys.modules["gsv_tts.TTS"]
    asked: dict[str, object] = {}

    class Recorded(FakeGsv):
        def __init__(self, **wanted: object) -> None:
            super().__init__()
            asked.update(wanted)
            self.cnhubert_path = self.sv_path = tiny
            self.tts_config = SimpleNamespace(device=device)

    monkeypatch.setattr(engine, "TTS", Recorded)
    monkeypatch.setattr(gsv, "_content_encoder", lambda *_: None)
    monkeypatch.setattr(gsv, "_speaker_encoder", lambda *_: None)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)

    gsv.open_tts(tiny, device)

    assert (asked["device"], asked["dtype"], asked["gpt_cache"]) == (device, precision, list(graphs))
    assert torch.backends.cudnn.deterministic is (device == "cuda"), "or the vocoder's sums differ from call to call"
