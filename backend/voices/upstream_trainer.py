"""Few-shot training with GPT-SoVITS' own programs, as an operator has them: a checkout at the pinned commit, with its own Python.

Nothing of them is imported: they run as programs, one stage after the other (`upstream.py` says which and how), and what they leave
is written anew as safetensors before anything here loads it.

The trap: the programs of the preparation print what goes wrong and end with success. So each stage is judged by what it wrote.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shutil
import signal
import tempfile
import wave
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from backend.errors import EngineError
from backend.flac import from_flac
from backend.storage.objects import Objects
from backend.voices.training import Report, TrainingJob
from backend.voices.upstream import (
    GPT_EPOCHS,
    S1_BASE,
    S2_BASE,
    SOVITS_EPOCHS,
    STAGES,
    VERSION,
    Stage,
    Upstream,
    arguments,
    as_yaml,
    s1_config,
    s2_config,
    variables,
)

logger = logging.getLogger(__name__)

STAGE_TIMEOUT_S: Final = 3 * 3600.0
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES")
"""Variables of this process the programs get; its secrets are not among them."""
_EPOCH: Final = re.compile(r"[Ee]poch:? +(\d+)")

Convert = Callable[[Path, Path], None]
"""Writes a trained checkpoint as the synthesizer loads it: (checkpoint file, folder)."""


class TrainingFailed(EngineError):
    code = "training_failed"
    title = "The training failed"


class UpstreamTrainer:
    """Implements VoiceTrainer.

    Args:
        trained: folder of trained checkpoints; the synthesizer must have the same.
        convert_gpt, convert_sovits: write what was trained as safetensors; what is pickled stays here and is deleted.

    Raises:
        ConfigurationError: see `Upstream.require`.
    """

    def __init__(
        self, upstream: Upstream, objects: Objects, trained: Path, *, convert_gpt: Convert, convert_sovits: Convert
    ) -> None:
        upstream.require()
        self._upstream = upstream
        self._objects = objects
        self._trained = trained
        self._convert = (convert_gpt, convert_sovits)

    async def train(self, job: TrainingJob, report: Report) -> str:
        work = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tanoshi-training-"))
        try:
            experiment = await self._written(job, work)
            done = 0.0
            for stage in STAGES:
                await self._run(stage, experiment, job.name, _within(report, stage, done))
                await asyncio.to_thread(_collect, stage, experiment)
                done += stage.share
            await report(done, "Storing what was learned.")
            await asyncio.to_thread(self._keep, experiment, job.name)
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        return job.name

    async def forget(self, checkpoint: str) -> None:
        """Removes a trained checkpoint."""
        await asyncio.to_thread(shutil.rmtree, self._trained / Path(checkpoint).name, ignore_errors=True)

    async def _written(self, job: TrainingJob, work: Path) -> Path:
        """The clips as WAV files, their list, and both configurations."""
        experiment = work / job.name
        (experiment / "clips").mkdir(parents=True)
        (experiment / "weights").mkdir()
        (experiment / f"logs_s2_{VERSION}").mkdir()
        lines = []
        for number, (key, text) in enumerate(job.clips.items()):
            name = f"clip-{number:04d}.wav"
            samples, rate = from_flac(await self._objects.get(key))
            await asyncio.to_thread(_write_wav, experiment / "clips" / name, samples, rate)
            lines.append(f"{name}|{job.name}|{job.lang}|{' '.join(text.replace('|', ' ').split())}")
        (experiment / "clips.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
        base = json.loads((self._upstream.checkout / S2_BASE).read_text(encoding="utf-8"))
        s2 = s2_config(base, self._upstream, experiment, job.name, len(lines))
        (experiment / "s2.json").write_text(json.dumps(s2), encoding="utf-8")
        s1 = s1_config(await self._yaml_base(), self._upstream, experiment, job.name, len(lines))
        (experiment / "s1.yaml").write_text(as_yaml(s1), encoding="utf-8")
        return experiment

    async def _yaml_base(self) -> dict[str, Any]:
        """Read by the checkout's Python, which has a YAML parser for certain."""
        program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
        process = await asyncio.create_subprocess_exec(
            self._upstream.python, "-c", program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate((self._upstream.checkout / S1_BASE).read_bytes())
        if process.returncode:
            raise TrainingFailed("The Python of the GPT-SoVITS checkout does not work.")
        found: dict[str, Any] = json.loads(out)
        return found

    async def _run(self, stage: Stage, experiment: Path, name: str, progress: Callable[[float], Awaitable[None]]) -> None:
        await progress(0.0)
        upstream = self._upstream
        known = variables(upstream, experiment, name)
        process = await asyncio.create_subprocess_exec(
            upstream.python,
            "-s",
            stage.program,
            *arguments(stage, experiment),
            cwd=upstream.checkout,
            env={
                **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                "PYTHONPATH": os.pathsep.join(map(str, (upstream.checkout, upstream.checkout / "GPT_SoVITS"))),
                "PYTHONUNBUFFERED": "1",
                **{name: known[name] for name in stage.variables},
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        tail: list[str] = []
        try:
            async with asyncio.timeout(STAGE_TIMEOUT_S):
                epochs = SOVITS_EPOCHS if "s2_train" in stage.program else GPT_EPOCHS
                seen, last = 0, ""
                while chunk := await process.stdout.read(4096):
                    text = chunk.decode("utf-8", "replace")
                    tail = [*tail, text][-8:]
                    last = last[-40:] + text  # a program may write a line in several pieces
                    if (found := _EPOCH.findall(last)) and seen < (epoch := min(int(found[-1]), epochs)):
                        seen = epoch
                        await progress(epoch / epochs)
                code = await process.wait()
        except TimeoutError:
            raise TrainingFailed(f"The stage “{stage.name}” took longer than {STAGE_TIMEOUT_S / 3600:.0f} hours.") from None
        finally:
            with suppress(ProcessLookupError):  # it and what it has started
                os.killpg(process.pid, signal.SIGKILL)
        if code or not _wrote(stage, experiment):
            logger.error("Training %s, stage %s, ended with %s:\n%s", name, stage.name, code, "".join(tail)[-4000:])
            raise TrainingFailed(f"The stage “{stage.name}” failed; the operator finds the reason in the log.")

    def _keep(self, experiment: Path, name: str) -> None:
        fresh = Path(tempfile.mkdtemp(prefix=".training-", dir=_made(self._trained)))
        try:
            for convert, kind, part in zip(self._convert, ("*.ckpt", "*.pth"), ("gpt", "sovits"), strict=True):
                convert(max((experiment / "weights").glob(kind), key=lambda path: path.stat().st_mtime), _made(fresh / part))
            fresh.rename(self._trained / name)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise


def _within(report: Report, stage: Stage, done: float) -> Callable[[float], Awaitable[None]]:
    """Tells of a stage's progress as part of the whole."""

    async def progress(share: float) -> None:
        await report(done + stage.share * share, f"Stage: {stage.name}.")

    return progress


def _collect(stage: Stage, experiment: Path) -> None:
    """The parts of a list as the trainings read it: one file, with a head where they expect one."""
    if stage.writes == "2-name2text-0.txt":
        (experiment / "2-name2text.txt").write_bytes((experiment / stage.writes).read_bytes())
    if stage.writes == "6-name2semantic-0.tsv":
        tokens = (experiment / stage.writes).read_text(encoding="utf-8").strip("\n")
        (experiment / "6-name2semantic.tsv").write_text(f"item_name\tsemantic_audio\n{tokens}\n", encoding="utf-8")


def _wrote(stage: Stage, experiment: Path) -> bool:
    """Whether there is more than a line's end in what the stage should have written."""
    return any(path.stat().st_size > 2 for path in experiment.glob(stage.writes))


def _write_wav(path: Path, samples: np.ndarray[Any, np.dtype[np.float32]], rate: int) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
