"""Training with GPT-SoVITS' own programs: what they are asked fits what they read, and a whole training runs on stand-ins."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from backend.errors import ConfigurationError
from backend.flac import to_flac
from backend.storage.objects import Objects
from backend.voices.training import TrainingJob
from backend.voices.upstream import (
    COMMIT,
    S1_BASE,
    S2_BASE,
    STAGES,
    Upstream,
    arguments,
    as_yaml,
    s1_config,
    s2_config,
    variables,
)
from backend.voices.upstream_trainer import TrainingFailed, UpstreamTrainer
from tests.support.upstream_programs import flat, read

KNOWN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/gpt_sovits_programs.json").read_text(encoding="utf-8"))
SET_BY_DISTRIBUTED_TRAINING = {"LOCAL_RANK"}
READ_ELSEWHERE = {"save_weight_dir", "version", "train.grad_ckpt"}
"""By process_ckpt.py, and by the programs of other versions."""


def test_the_names_are_those_of_the_pinned_commit() -> None:
    assert KNOWN["commit"] == COMMIT


def test_the_names_are_what_the_programs_read() -> None:
    checkout = os.environ.get("GPT_SOVITS_CHECKOUT")
    if not checkout:
        pytest.skip(f"needs GPT_SOVITS_CHECKOUT, a checkout of GPT-SoVITS at {COMMIT[:12]}")
    assert read(Path(checkout)) == KNOWN


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_each_program_gets_the_variables_and_arguments_it_reads_and_no_others(stage: Any) -> None:
    wanted = set(KNOWN["environment"][stage.program]) - SET_BY_DISTRIBUTED_TRAINING
    assert set(stage.variables) == wanted
    assert wanted <= variables(Upstream(Path("/checkout")), Path("/experiment"), "aya").keys()
    options = {argument for argument in arguments(stage, Path("/experiment")) if argument.startswith("--")}
    assert options <= set(KNOWN["arguments"].get(stage.program, ()))


def nested(names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        group, _, key = name.partition(".")
        if key:
            found.setdefault(group, {})[key] = 0
        else:
            found[group] = 0
    return found


@pytest.mark.parametrize(("make", "base", "reads"), [(s1_config, "s1_base", "s1_read"), (s2_config, "s2_base", "s2_read")])
def test_each_configuration_has_every_key_that_is_read_and_sets_none_in_vain(make: Any, base: str, reads: str) -> None:
    before = nested(KNOWN[base])
    after = set(flat(make(before, Upstream(Path("/checkout")), Path("/experiment"), "aya", 20)))
    assert set(KNOWN[reads]) <= after
    assert after - set(KNOWN[base]) <= set(KNOWN[reads]) | READ_ELSEWHERE


@pytest.mark.parametrize("value", [1e-05, 0.01, 1, True, None, "16-mixed", 'a "b": c', [1, 0.8], {"a": {"b": 1e-09}}, ""])
def test_yaml_is_read_back_as_it_was(value: Any) -> None:
    assert (
        yaml.safe_load(as_yaml(value)) == pytest.approx(value)
        if isinstance(value, float)
        else yaml.safe_load(as_yaml(value)) == value
    )


PROGRAM = """
import glob, json, os, sys, yaml
out = os.environ.get("opt_dir", "")
def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").write(text)
name = os.path.basename(sys.argv[0])
assert "API_KEYS" not in os.environ
if name.startswith(("1-", "2-", "3-")):
    lines = open(os.environ["inp_text"], encoding="utf8").read().strip().split("\\n")
    for line in lines:
        wav, speaker, lang, text = line.split("|")
        assert os.path.getsize(os.path.join(os.environ.get("inp_wav_dir", out + "/clips"), wav)) > 1000
        if name == "2-get-hubert-wav32k.py": write(f"{out}/4-cnhubert/{wav}.pt", "tensor")
        if name == "2-get-sv.py": write(f"{out}/7-sv_cn/{wav}.pt", "tensor")
    if name == "1-get-text.py": write(f"{out}/2-name2text-0.txt", "\\n".join(lines))
    if name == "3-get-semantic.py": write(f"{out}/6-name2semantic-0.tsv", "clip-0000.wav\\t1 2 3")
elif name == "s2_train.py":
    config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
    for epoch in range(1, config["train"]["epochs"] + 1): print("====> Epoch:", epoch, flush=True)
    write(config["save_weight_dir"] + "/" + config["name"] + "_e8_s80.pth", "weights")
else:
    config = yaml.safe_load(open(sys.argv[sys.argv.index("--config_file") + 1]))
    assert open(config["train_semantic_path"]).readline() == "item_name\\tsemantic_audio\\n"
    assert open(config["train_phoneme_path"]).read().strip()
    assert config["optimizer"]["lr_init"] == 0.00001
    write(config["train"]["half_weights_save_dir"] + "/" + config["train"]["exp_name"] + "-e15.ckpt", "weights")
"""


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    """A checkout whose programs check what they are given, and write what the true ones write."""
    found = Upstream(tmp_path / "checkout")
    for name in [stage.program for stage in STAGES]:
        path = found.checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PROGRAM, encoding="utf-8")
    (found.checkout / "GPT_SoVITS/configs").mkdir()
    (found.checkout / S2_BASE).write_text(json.dumps(nested(KNOWN["s2_base"])), encoding="utf-8")
    base = nested(KNOWN["s1_base"])
    base["optimizer"]["lr_init"] = 1e-5
    (found.checkout / S1_BASE).write_text(yaml.dump(base), encoding="utf-8")
    for name in ("chinese-roberta-wwm-ext-large", "chinese-hubert-base", "sv", "v2Pro"):
        (found.pretrained / name).mkdir(parents=True)
    for name in ("sv/pretrained_eres2netv2w24s4ep4.ckpt", "v2Pro/s2Gv2ProPlus.pth", "v2Pro/s2Dv2ProPlus.pth", "s1v3.ckpt"):
        (found.pretrained / name).write_bytes(b"weights")
    return found


async def training(upstream: Upstream, tmp_path: Path) -> tuple[UpstreamTrainer, TrainingJob]:
    objects = Objects.in_memory()
    clip = to_flac((0.1 * np.sin(np.arange(16_000) / 20)).astype(np.float32), 32_000)
    for k in range(3):
        await objects.put(f"clips/{k}.flac", clip)
    job = TrainingJob("aya-1", "ja", {f"clips/{k}.flac": "これは|試験\nです。" for k in range(3)})

    def convert(checkpoint: Path, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(checkpoint.read_bytes())

    trainer = UpstreamTrainer(upstream, objects, tmp_path / "trained", convert_gpt=convert, convert_sovits=convert)
    return trainer, job


async def test_a_whole_training_writes_a_checkpoint_and_tells_of_its_progress(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEYS", "secret")
    trainer, job = await training(upstream, tmp_path)
    told: list[float] = []

    async def report(progress: float, _: str) -> None:
        told.append(progress)

    assert await trainer.train(job, report) == "aya-1"
    found = sorted(str(path.relative_to(tmp_path / "trained")) for path in (tmp_path / "trained").rglob("*") if path.is_file())
    assert found == ["aya-1/gpt/model.safetensors", "aya-1/sovits/model.safetensors"]
    assert told == sorted(told)
    assert 0.65 in [round(progress, 2) for progress in told], told
    assert len(told) >= len(STAGES) + 2
    await trainer.forget("aya-1")
    assert not (tmp_path / "trained/aya-1").exists()


@pytest.mark.parametrize(("program", "change"), [(0, "sys.exit(0)"), (4, "sys.exit(3)"), (5, "raise RuntimeError('no memory')")])
async def test_a_stage_that_fails_or_writes_nothing_is_named_and_leaves_nothing(
    upstream: Upstream, tmp_path: Path, program: int, change: str
) -> None:
    (upstream.checkout / STAGES[program].program).write_text(f"import sys\n{change}\n", encoding="utf-8")
    trainer, job = await training(upstream, tmp_path)

    async def report(_: float, __: str) -> None:
        return

    with pytest.raises(TrainingFailed, match=STAGES[program].name) as caught:
        await trainer.train(job, report)
    assert str(tmp_path) not in str(caught.value)
    assert not list((tmp_path / "trained").glob("*"))


async def test_a_cancelled_training_ends_its_program(upstream: Upstream, tmp_path: Path) -> None:
    marker = tmp_path / "alive"
    sleeper = f"import time\nopen({str(marker)!r}, 'w').close()\ntime.sleep(1)\nopen({str(marker)!r}, 'w').write('ended')\n"
    (upstream.checkout / STAGES[0].program).write_text(sleeper, encoding="utf-8")
    trainer, job = await training(upstream, tmp_path)

    async def report(_: float, __: str) -> None:
        return

    running = asyncio.create_task(trainer.train(job, report))
    while not marker.exists():
        await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.sleep(1.2)
    assert marker.read_text() == ""


def test_a_checkout_without_weights_is_refused_with_what_is_missing(upstream: Upstream, tmp_path: Path) -> None:
    (upstream.pretrained / "s1v3.ckpt").unlink()

    def convert(_: Path, __: Path) -> None:
        return

    with pytest.raises(ConfigurationError, match=r"s1v3\.ckpt"):
        UpstreamTrainer(upstream, Objects.in_memory(), tmp_path, convert_gpt=convert, convert_sovits=convert)
    assert upstream.python == sys.executable
