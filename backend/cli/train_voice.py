"""`tanoshi train-voice`: trains a registered few-shot voice on this machine, with GPT-SoVITS' own programs."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from backend.errors import ConfigurationError, TanoshiError
from backend.settings import Settings, load_settings

TRAINED = "trained"
"""Folder below DATA_DIR that trained checkpoints are written to."""


def train_voice(
    voice_id: Annotated[str, typer.Argument(help="A few_shot voice whose clips are uploaded and checked, such as sovits:aya.")],
    upstream: Annotated[Path, typer.Option(help="Checkout of GPT-SoVITS at the pinned commit, with its pretrained_models.")],
    python: Annotated[str, typer.Option(help="The Python that checkout was installed into.")] = sys.executable,
    gpu: Annotated[str, typer.Option(help="Number of the GPU.")] = "0",
    half: Annotated[bool, typer.Option(help="Train in half precision.")] = True,
    owner: Annotated[str, typer.Option(help="Owner of the voice; only needed on installations with API keys.")] = "",
) -> None:
    """Train a few-shot voice from its uploaded clips."""
    settings = load_settings()
    manifest_of = asyncio.run(_train(settings, voice_id, upstream, python, gpu, half, owner))
    typer.echo(f"{voice_id} speaks from its training now ({manifest_of}).")


async def _train(  # noqa: PLR0917 - the command's options, handed on
    settings: Settings, voice_id: str, checkout: Path, python: str, gpu: str, half: bool, owner: str
) -> str:
    """The name of the checkpoint."""
    from backend.app import make_objects, owners  # noqa: PLC0415 - only this command needs them
    from backend.synthesizers.sovits.checkpoints import convert_gpt, convert_sovits  # noqa: PLC0415
    from backend.voices.store import VoiceStore  # noqa: PLC0415
    from backend.voices.training import Trainings  # noqa: PLC0415
    from backend.voices.upstream import Upstream  # noqa: PLC0415
    from backend.voices.upstream_trainer import UpstreamTrainer  # noqa: PLC0415

    objects = make_objects(settings)
    trainer = UpstreamTrainer(
        Upstream(checkout.resolve(), python, gpu, half),
        objects,
        settings.data_dir / TRAINED,
        convert_gpt=convert_gpt,
        convert_sovits=convert_sovits,
    )
    store = VoiceStore(objects, owners(settings))
    trainings = Trainings(store, trainer)
    console = Console(stderr=True)
    try:
        begun = await trainings.begin(owner, voice_id)
        seen = begun.events[-1].seq
        async for event in store.follow(owner, voice_id, seen):
            share = f"{event.progress:.0%} " if event.progress is not None else ""
            console.print(f"{share}{event.detail or event.status}", highlight=False)
            if event.status != "training":
                break
        manifest = await store.manifest(owner, voice_id)
    finally:
        await trainings.aclose()
        await objects.aclose()
    if manifest.reason is not None:
        raise TrainingEnded(manifest.reason)
    if manifest.checkpoint is None:
        raise ConfigurationError("The voice was changed while it was trained.")
    return manifest.checkpoint


class TrainingEnded(TanoshiError):
    title = "The training failed"
