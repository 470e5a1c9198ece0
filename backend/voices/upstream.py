"""What GPT-SoVITS' own training programs are asked: which programs, with which variables, arguments and configurations.

`STAGES` and the two configurations name every variable and key they are given; tests compare them with what the programs read at
the pinned commit (tests/data/gpt_sovits_programs.json). `upstream_trainer.py` runs them.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.errors import ConfigurationError

COMMIT: Final = "48b1a0169a28582a8984402f82cf438d3bfa6aca"
"""Of RVC-Boss/GPT-SoVITS; what this module was checked against."""
VERSION: Final = "v2ProPlus"
SOVITS_EPOCHS, GPT_EPOCHS = 8, 15


@dataclass(frozen=True, slots=True)
class Stage:
    """One program: its file in the checkout, the variables it reads, what it must have written."""

    name: str
    program: str
    variables: tuple[str, ...]
    writes: str
    """Glob below the experiment's folder; the stage failed when nothing non-empty is there."""
    share: float
    """Of the whole time, roughly."""


_DATA: Final = ("inp_text", "inp_wav_dir", "exp_name", "i_part", "all_parts", "opt_dir", "is_half", "_CUDA_VISIBLE_DEVICES")
_PREPARE: Final = "GPT_SoVITS/prepare_datasets"
STAGES: Final = (
    Stage("phonemes", f"{_PREPARE}/1-get-text.py", (*_DATA, "bert_pretrained_dir", "version"), "2-name2text-0.txt", 0.05),
    Stage("content", f"{_PREPARE}/2-get-hubert-wav32k.py", (*_DATA, "cnhubert_base_dir"), "4-cnhubert/*.pt", 0.05),
    Stage("speaker", f"{_PREPARE}/2-get-sv.py", (*_DATA, "sv_path"), "7-sv_cn/*.pt", 0.05),
    Stage(
        "semantic tokens",
        f"{_PREPARE}/3-get-semantic.py",
        (*(name for name in _DATA if name != "inp_wav_dir"), "pretrained_s2G", "s2config_path"),
        "6-name2semantic-0.tsv",
        0.05,
    ),
    Stage("voice", "GPT_SoVITS/s2_train.py", ("version",), "weights/*.pth", 0.45),
    Stage("speech", "GPT_SoVITS/s1_train.py", ("_CUDA_VISIBLE_DEVICES", "hz", "version"), "weights/*.ckpt", 0.3),
)
S2_BASE, S1_BASE = "GPT_SoVITS/configs/s2v2ProPlus.json", "GPT_SoVITS/configs/s1longer-v2.yaml"


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the operator has the programs and the published weights they start from."""

    checkout: Path
    python: str = sys.executable
    gpu: str = "0"
    half: bool = True

    @property
    def pretrained(self) -> Path:
        return self.checkout / "GPT_SoVITS/pretrained_models"

    def require(self) -> None:
        """Raises ConfigurationError: a program or published weights are not there."""
        needed = [self.checkout / stage.program for stage in STAGES] + [self.checkout / S2_BASE, self.checkout / S1_BASE]
        needed += [self.pretrained / name for name in _PRETRAINED.values()]
        if missing := [path for path in needed if not path.exists()]:
            raise ConfigurationError(
                f"The GPT-SoVITS checkout lacks {len(missing)} of what training needs, {missing[0].relative_to(self.checkout)} "
                f"among them; check out commit {COMMIT[:12]} and put the published weights into GPT_SoVITS/pretrained_models."
            )


def find_python(name: str | None) -> str:
    """The absolute path of a Python (programs run in the checkout's folder); None: the one that runs this.

    Raises:
        ConfigurationError: there is no such program.
    """
    if name is None:
        return sys.executable
    found = shutil.which(name)
    if found is None:
        raise ConfigurationError("SOVITS_TRAINER_PYTHON names no program that can be run.")
    return str(Path(found).absolute())  # not resolved: a virtual environment's Python is a link


_PRETRAINED: Final = {
    "bert_pretrained_dir": "chinese-roberta-wwm-ext-large",
    "cnhubert_base_dir": "chinese-hubert-base",
    "sv_path": "sv/pretrained_eres2netv2w24s4ep4.ckpt",
    "pretrained_s2G": "v2Pro/s2Gv2ProPlus.pth",
    "pretrained_s2D": "v2Pro/s2Dv2ProPlus.pth",
    "pretrained_s1": "s1v3.ckpt",
}


def variables(upstream: Upstream, experiment: Path, name: str) -> Mapping[str, str]:
    """Every variable any stage is given."""
    return {
        "inp_text": str(experiment / "clips.list"),
        "inp_wav_dir": str(experiment / "clips"),
        "exp_name": name,
        "opt_dir": str(experiment),
        "i_part": "0",
        "all_parts": "1",
        "is_half": str(upstream.half),
        "_CUDA_VISIBLE_DEVICES": upstream.gpu,
        "version": VERSION,
        "hz": "25hz",
        "s2config_path": S2_BASE,
        **{key: str(upstream.pretrained / path) for key, path in _PRETRAINED.items()},
    }


def arguments(stage: Stage, experiment: Path) -> tuple[str, ...]:
    """What stands on a program's command line."""
    if "s2_train" in stage.program:
        return "--config", str(experiment / "s2.json")
    if "s1_train" in stage.program:
        return "--config_file", str(experiment / "s1.yaml")
    return ()


def s2_config(base: Mapping[str, Any], upstream: Upstream, experiment: Path, name: str, clips: int) -> dict[str, Any]:
    """The configuration of the voice's training: the published one, and what is ours to say."""
    train = {
        "batch_size": max(1, min(8, clips // 2)),
        "epochs": SOVITS_EPOCHS,
        "save_every_epoch": SOVITS_EPOCHS,
        "if_save_latest": True,
        "if_save_every_weights": True,
        "fp16_run": upstream.half,
        "gpu_numbers": upstream.gpu,
        "grad_ckpt": False,
        "text_low_lr_rate": 0.4,
        "pretrained_s2G": str(upstream.pretrained / _PRETRAINED["pretrained_s2G"]),
        "pretrained_s2D": str(upstream.pretrained / _PRETRAINED["pretrained_s2D"]),
    }
    return {
        **base,
        "train": {**base["train"], **train},
        "data": {**base["data"], "exp_dir": str(experiment)},
        "model": {**base["model"], "version": VERSION},
        "s2_ckpt_dir": str(experiment),
        "save_weight_dir": str(experiment / "weights"),
        "name": name,
        "version": VERSION,
    }


def s1_config(base: Mapping[str, Any], upstream: Upstream, experiment: Path, name: str, clips: int) -> dict[str, Any]:
    """The configuration of the speech's training."""
    train = {
        "batch_size": max(1, min(8, clips // 2)),
        "epochs": GPT_EPOCHS,
        "save_every_n_epoch": GPT_EPOCHS,
        "if_save_latest": True,
        "if_save_every_weights": True,
        "if_dpo": False,
        "precision": "16-mixed" if upstream.half else "32",
        "half_weights_save_dir": str(experiment / "weights"),
        "exp_name": name,
    }
    return {
        **base,
        "train": {**base["train"], **train},
        "pretrained_s1": str(upstream.pretrained / _PRETRAINED["pretrained_s1"]),
        "train_semantic_path": str(experiment / "6-name2semantic.tsv"),
        "train_phoneme_path": str(experiment / "2-name2text.txt"),
        "output_dir": str(experiment / f"logs_s1_{VERSION}"),
    }


def as_yaml(value: Any) -> str:
    """JSON that a YAML 1.1 parser reads the same way: it would take 1e-05 for text."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {as_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_yaml, value)) + "]"
    return f"{value:.12f}" if isinstance(value, float) else json.dumps(value)
