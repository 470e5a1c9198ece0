"""The Modal app that trains few-shot voices, apart from the service: its image takes long to build, and few installations want it.

    modal volume put tanoshi-narration-weights GPT-SoVITS/GPT_SoVITS/pretrained_models /sovits-pretrained
    modal deploy -m backend.cloud.training

The published weights come from an operator's own checkout, by the first command. GPT-SoVITS' programs have a Python of their own, because
their libraries are older than ours; they run as on any machine (`backend/voices/upstream_trainer.py`). What they make lies on the volume
that SovitsSpeaker loads from, which looks there again when a voice's checkpoint is new to it (`trained.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import modal

from backend.cloud import images
from backend.cloud.app import SECRET, VOLUME
from backend.cloud.sizing import load_sizes
from backend.cloud.trainer import TRAINING_APP
from backend.errors import ConfigurationError
from backend.settings import Settings
from backend.storage.objects import Objects
from backend.trainer import make_trainer
from backend.voices.manifest import VoiceStatus
from backend.voices.store import VoiceStore
from backend.voices.training import Report, TrainingJob, Trainings, VoiceTrainer
from backend.voices.upstream import COMMIT

CHECKOUT: Final = "/opt/gpt-sovits"
UPSTREAM_PYTHON: Final = "/opt/gpt-sovits-python"
PRETRAINED: Final = f"{images.WEIGHTS}/sovits-pretrained"
TRAINED: Final = f"{images.WEIGHTS}/sovits-trained"
SOURCE: Final = "https://github.com/RVC-Boss/GPT-SoVITS.git"
TORCH: Final = ("torch==2.8.0", "torchaudio==2.8.0")
"""For the programs, which name no release. Older than 2.6, their transformers refuses the published `.bin` files; from 2.9 on, torchaudio
reads no file without torchcodec. That they resolve with the programs' requirements is what `resolve.py` says; this image was not built."""
BUILD: Final = (
    f"git init -q {CHECKOUT} && git -C {CHECKOUT} fetch -q --depth 1 {SOURCE} {COMMIT} && git -C {CHECKOUT} checkout -q FETCH_HEAD",
    f"rm -rf {CHECKOUT}/GPT_SoVITS/pretrained_models && ln -s {PRETRAINED} {CHECKOUT}/GPT_SoVITS/pretrained_models",
    f"python -m venv {UPSTREAM_PYTHON}",
    f"{UPSTREAM_PYTHON}/bin/pip install --no-cache-dir {' '.join(TORCH)}",
    f"{UPSTREAM_PYTHON}/bin/pip install --no-cache-dir {' '.join(TORCH)} -r {CHECKOUT}/requirements.txt",
    # What the text front ends would fetch while a training runs: word classes and pronunciations of English, the dictionary of Japanese.
    f"{UPSTREAM_PYTHON}/bin/python -m nltk.downloader -d {UPSTREAM_PYTHON}/nltk_data averaged_perceptron_tagger"
    " averaged_perceptron_tagger_eng cmudict",
    f"{UPSTREAM_PYTHON}/bin/python -c 'import pyopenjtalk; pyopenjtalk.g2p(\"a\")'",
)
LIBRARIES: Final = (*images.LIBRARIES["api"], *images.SPEAKER_PINS)
"""Of the function itself, which prepares clips, tells progress and converts what the programs wrote."""
TIMEOUT_S: Final = 4 * 3600

sizes = load_sizes()
app = modal.App(TRAINING_APP, include_source=False)
secret = modal.Secret.from_name(SECRET)
weights = modal.Volume.from_name(VOLUME, create_if_missing=True, version=2)
image = (
    modal.Image.debian_slim(python_version=images.PYTHON)
    .apt_install("build-essential", "cmake", "ffmpeg", "git")
    .run_commands(*BUILD)
    .pip_install(*LIBRARIES)
    .env(
        {
            "SOVITS_TRAINER_DIR": CHECKOUT,
            "SOVITS_TRAINER_PYTHON": f"{UPSTREAM_PYTHON}/bin/python",
            "SOVITS_TRAINED_DIR": TRAINED,
            "DATA_DIR": "/tmp/tanoshi",  # noqa: S108 - a container's own
            "PYTHONUNBUFFERED": "1",
        }
    )
    .add_local_python_source("backend", ignore=["**/__pycache__/**", "**/*.pyc"])
)


class Kept:
    """A trainer whose checkpoints are on the volume for all containers before anybody is told of them."""

    def __init__(self, trainer: VoiceTrainer, commit: Callable[[], Awaitable[object]]) -> None:
        self._trainer = trainer
        self._commit = commit

    async def train(self, job: TrainingJob, report: Report) -> str:
        checkpoint = await self._trainer.train(job, report)
        await self._commit()
        return checkpoint

    async def forget(self, checkpoint: str) -> None:
        await self._trainer.forget(checkpoint)
        await self._commit()


async def train_here(  # noqa: PLR0917 - called once
    settings: Settings,
    objects: Objects,
    store: VoiceStore,
    client: str,
    voice_id: str,
    commit: Callable[[], Awaitable[object]],
    make: Callable[[Settings, Objects], VoiceTrainer | None] = make_trainer,
) -> None:
    """Trains with what the settings name; what is missing of it is the training's failure, told to the voice's owner."""
    try:
        trainer = make(settings, objects)
    except ConfigurationError as error:
        manifest = await store.manifest(client, voice_id)
        await store.move(client, manifest.slug, VoiceStatus.FAILED, error.detail)
        return
    assert trainer is not None, "the image names a checkout"
    trainings = Trainings(store, Kept(trainer, commit))
    try:
        await trainings.run(client, voice_id)
    finally:
        await trainings.aclose()


@app.function(
    image=image,
    gpu=list(sizes.speaker_gpu) or None,
    secrets=[secret],
    volumes={images.WEIGHTS: weights},
    timeout=TIMEOUT_S,
    scaledown_window=2,  # nothing is kept for the next training, and the GPU is paid for while it idles
    max_containers=1,
    cpu=4,
    memory=32_768,
)
async def train_voice(client: str, voice_id: str) -> None:
    """Follows a training that the API has begun to its end; progress and result go into the voice's events."""
    from backend.app import owners  # noqa: PLC0415
    from backend.cloud.container import container_settings  # noqa: PLC0415
    from backend.stores import make_objects  # noqa: PLC0415

    settings = container_settings()
    objects = make_objects(settings)
    try:
        await train_here(settings, objects, VoiceStore(objects, owners(settings)), client, voice_id, weights.commit.aio)
    finally:
        await objects.aclose()


@app.function(image=images.api_image, volumes={images.WEIGHTS: weights}, timeout=300)
def forget_checkpoint(checkpoint: str) -> None:
    """Removes a checkpoint from the volume."""
    shutil.rmtree(Path(TRAINED) / Path(checkpoint).name, ignore_errors=True)
    weights.commit()
