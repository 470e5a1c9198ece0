"""`tanoshi train-voice`: trains a registered few-shot voice on this machine, with GPT-SoVITS' own programs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from backend.errors import ConfigurationError, TanoshiError
from backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from backend.voices.store import VoiceStore
    from backend.voices.training import VoiceTrainer
    from backend.voices.upstream import Upstream


class TrainingEnded(TanoshiError):
    code = "training_failed"
    title = "The training failed"


def train_voice(  # noqa: PLR0917 - typer makes options of parameters
    voice_id: Annotated[str, typer.Argument(help="A few_shot voice whose clips are uploaded and checked, such as sovits:aya.")],
    upstream: Annotated[Path, typer.Option(help="Checkout of GPT-SoVITS at the pinned commit, with its pretrained_models.")],
    python: Annotated[str, typer.Option(help="The Python that checkout was installed into.")] = sys.executable,
    gpu: Annotated[str, typer.Option(help="Number of the GPU.")] = "0",
    half: Annotated[bool, typer.Option(help="Train in half precision.")] = True,
    owner: Annotated[str, typer.Option(help="Owner of the voice; only needed on installations with API keys.")] = "",
) -> None:
    """Train a few-shot voice from its uploaded clips."""
    from backend.voices.upstream import Upstream  # noqa: PLC0415 - only this command needs it

    console = Console(stderr=True)
    programs = Upstream(upstream.resolve(), python, gpu, half)
    checkpoint = asyncio.run(_train(load_settings(), programs, owner, voice_id, lambda line: console.print(line, markup=False)))
    typer.echo(f"{voice_id} speaks from the checkpoint {checkpoint} now.")


async def _train(settings: Settings, upstream: Upstream, owner: str, voice_id: str, tell: Callable[[str], None]) -> str:
    from backend.app import owners  # noqa: PLC0415
    from backend.stores import make_objects  # noqa: PLC0415
    from backend.synthesizers.sovits.checkpoints import convert_gpt, convert_sovits  # noqa: PLC0415
    from backend.voices.store import VoiceStore  # noqa: PLC0415
    from backend.voices.upstream_trainer import UpstreamTrainer  # noqa: PLC0415

    folder = settings.sovits_trained_dir
    if folder is None:
        raise ConfigurationError("Set SOVITS_TRAINED_DIR, the folder the synthesizer loads trained voices from.")
    objects = make_objects(settings)
    try:
        trainer = UpstreamTrainer(upstream, objects, folder, convert_gpt=convert_gpt, convert_sovits=convert_sovits)
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
