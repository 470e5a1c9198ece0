"""Few-shot training on Modal: begun by the API, followed to its end by a function in an app of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from modal import exception
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from backend.cloud import images, training
from backend.cloud.trainer import TRAINING_APP, CloudTrainer, cloud_trainer
from backend.errors import ConfigurationError, Conflict, Unavailable
from backend.settings import Settings
from backend.storage.objects import Objects
from backend.voices.manifest import VoiceStatus
from backend.voices.training import Trainings
from backend.voices.upstream import COMMIT
from tests.support.modal_cloud.cloud import LocalCloud
from tests.voices.test_training import Trainer, a_store


class Call:
    """A method of Modal's client that works or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[tuple[Any, ...]] = []

    async def aio(self, *arguments: Any) -> None:
        self.calls.append(arguments)
        if self.error is not None:
            raise self.error


class Function:
    """A deployed function, or one that is not."""

    def __init__(self, *, found: Exception | None = None, spawned: Exception | None = None) -> None:
        self.hydrate = Call(found)
        self.spawn = Call(spawned)


async def test_a_training_is_begun_here_and_followed_to_its_end_there() -> None:
    store = await a_store()
    train, forget = Function(), Function()
    here = Trainings(store, CloudTrainer(train, forget))
    assert (await here.begin("", "sovits:aya")).status is VoiceStatus.TRAINING
    await here.aclose()
    assert train.spawn.calls == [("", "sovits:aya")]
    order: list[str] = []

    async def commit() -> None:
        order.append((await store.manifest("", "sovits:aya")).status)

    settings = Settings(_env_file=None)
    await training.train_here(settings, store.objects, store, "", "sovits:aya", commit, make=lambda *_: Trainer())
    manifest = await store.manifest("", "sovits:aya")
    assert (manifest.status, [event.progress for event in manifest.events][-2:]) == (VoiceStatus.READY, [0.5, 1.0])
    assert order == [VoiceStatus.TRAINING], "the volume has the checkpoint before anybody is told of it"
    await training.train_here(settings, store.objects, store, "", "sovits:aya", commit, make=lambda *_: Trainer())
    assert len(order) == 1, "a call that Modal repeats trains nothing again"
    await here.forget(manifest)
    assert forget.spawn.calls == [(manifest.checkpoint,)]


async def test_where_no_trainer_is_deployed_the_reply_says_so_and_nothing_has_begun() -> None:
    store = await a_store()
    before = await store.manifest("", "sovits:aya")
    trainings = Trainings(store, CloudTrainer(Function(found=exception.NotFoundError("no such app")), Function()))
    with pytest.raises(Conflict, match="modal deploy"):
        await trainings.begin("", "sovits:aya")
    assert await store.manifest("", "sovits:aya") == before


async def test_a_training_that_cannot_be_spawned_is_told_as_failed() -> None:
    store = await a_store()
    trainings = Trainings(store, CloudTrainer(Function(spawned=exception.ConnectionError("away")), Function()))
    with pytest.raises(Unavailable):
        await trainings.begin("", "sovits:aya")
    assert (await store.manifest("", "sovits:aya")).status is VoiceStatus.FAILED


async def test_weights_that_are_missing_on_the_volume_are_told_to_the_owner() -> None:
    store = await a_store()
    await Trainings(store, CloudTrainer(Function(), Function())).begin("", "sovits:aya")

    def lacking(*_: object) -> None:
        raise ConfigurationError("The GPT-SoVITS checkout lacks s1v3.ckpt.")

    async def commit() -> None:
        return

    await training.train_here(Settings(_env_file=None), store.objects, store, "", "sovits:aya", commit, make=lacking)
    manifest = await store.manifest("", "sovits:aya")
    assert (manifest.status, manifest.speakable) == (VoiceStatus.FAILED, True)
    assert "s1v3.ckpt" in (manifest.reason or "")


def test_without_a_bucket_the_cloud_trains_nothing() -> None:
    assert cloud_trainer(Settings(_env_file=None), Objects.in_memory()) is None
    assert cloud_trainer(Settings(_env_file=None, bucket_name="b"), Objects.in_memory()) is not None


def test_the_image_has_the_programs_at_the_pinned_commit_and_writes_where_the_speaker_looks() -> None:
    assert training.app.name == TRAINING_APP
    assert any(COMMIT in command for command in training.BUILD)
    assert images._ENGINE_ENV["SOVITS_TRAINED_DIR"] == training.TRAINED


def test_the_programs_torch_can_load_the_published_weights_and_read_recordings() -> None:
    """Transformers loads `.bin` files from 2.6 on only; torchaudio's own readers went with 2.9."""
    torch, torchaudio = map(Requirement, training.TORCH)
    assert (torch.name, torchaudio.name) == ("torch", "torchaudio")
    assert torch.specifier == torchaudio.specifier
    assert SpecifierSet(">=2.6,<2.9").contains(str(torch.specifier).removeprefix("=="))
    assert all(command.count(" ".join(training.TORCH)) for command in training.BUILD if "pip install" in command)


def test_the_app_is_deployed_by_its_own_command(tmp_path: Path) -> None:
    with LocalCloud(tmp_path, {"tanoshi-narration": {}}) as cloud:
        done = cloud.modal("deploy", "-m", "backend.cloud.training")
        assert done.returncode == 0, done.stderr
        functions = cloud.state()["functions"]
    assert functions["train_voice"]["definition"]["autoscaler_settings"]["scaledown_window"] == 2, "no GPU idles after a training"
    gpus = {name: [one["gpu_config"]["gpu_type"] for one in found.get("ranked", [])] for name, found in functions.items()}
    assert gpus == {"train_voice": ["L4", "A10"], "forget_checkpoint": []}
