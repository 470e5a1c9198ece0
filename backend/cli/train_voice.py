"""`tanoshi train-voice`: trains a registered few-shot voice on this machine, with GPT-SoVITS' own programs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from backend.cli.owner import owner_named
from backend.errors import ConfigurationError, TanoshiError
from backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from backend.voices.store import VoiceStore
    from backend.voices.training import VoiceTrainer


class TrainingEnded(TanoshiError):
    code = "training_failed"
    title = "The training failed"


def train_voice(  # noqa: PLR0917 - typer makes options of parameters
    voice_id: Annotated[str, typer.Argument(help="A few_shot voice whose clips are uploaded and checked, such as sovits:aya.")],
    upstream: Annotated[
        Path | None, typer.Option(help="Checkout of GPT-SoVITS at the pinned commit; default: SOVITS_TRAINER_DIR.")
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="The Python that checkout was installed into; default: SOVITS_TRAINER_PYTHON.")
    ] = None,
    gpu: Annotated[str, typer.Option(help="Number of the GPU.")] = "0",
    half: Annotated[bool, typer.Option(help="Train in half precision.")] = True,
    owner: Annotated[str, typer.Option(help="Whose voice: an API key; only needed on installations with API keys.")] = "",
) -> None:
    """Train a few-shot voice from its uploaded clips."""
    console = Console(stderr=True)
    settings = load_settings()
    chosen = {"sovits_trainer_dir": upstream, "sovits_trainer_python": python}
    settings = settings.model_copy(update={name: value for name, value in chosen.items() if value is not None})
    settings.require_possible()
    owner = owner_named(settings, owner)
    checkpoint = asyncio.run(_train(settings, gpu, half, owner, voice_id, lambda line: console.print(line, markup=False)))
    typer.echo(f"{voice_id} speaks from the checkpoint {checkpoint} now.")


async def _train(settings: Settings, gpu: str, half: bool, owner: str, voice_id: str, tell: Callable[[str], None]) -> str:  # noqa: PLR0917
    from backend.app import owners  # noqa: PLC0415 - `tanoshi --help` need not import the application
    from backend.stores import make_objects  # noqa: PLC0415
    from backend.trainer import make_trainer  # noqa: PLC0415
    from backend.voices.store import VoiceStore  # noqa: PLC0415

    objects = make_objects(settings)
    try:
        trainer = make_trainer(settings, objects, gpu=gpu, half=half)
        if trainer is None:
            raise ConfigurationError("Name the checkout of GPT-SoVITS to train with: --upstream, or SOVITS_TRAINER_DIR.")
        return await trained(VoiceStore(objects, owners(settings)), trainer, owner, voice_id, tell)
    finally:
        await objects.aclose()


async def trained(store: VoiceStore, trainer: VoiceTrainer, owner: str, voice_id: str, tell: Callable[[str], None]) -> str:
    """Trains a voice to the end and tells every step.

    Returns:
        The name of the checkpoint.

    Raises:
        TrainingEnded: with the reason.
        NotFound, Conflict, QuotaExceeded: see `Trainings.begin`.
    """
    from backend.voices.manifest import VoiceStatus  # noqa: PLC0415
    from backend.voices.training import Trainings  # noqa: PLC0415

    trainings = Trainings(store, trainer)
    try:
        begun = await trainings.begin(owner, voice_id)
        async for event in store.follow(owner, voice_id, begun.events[-1].seq):
            tell(f"{event.progress or 0:4.0%}  {event.detail or event.status}")
            if event.status is not VoiceStatus.TRAINING:
                break
    finally:
        await trainings.aclose()
    manifest = await store.manifest(owner, voice_id)
    if manifest.checkpoint is None or manifest.status is VoiceStatus.FAILED:
        raise TrainingEnded(manifest.reason)
    return manifest.checkpoint
