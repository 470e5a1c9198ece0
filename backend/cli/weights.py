"""`tanoshi weights`: fetches model weights into a folder, pinned and checked; safe to run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

app = typer.Typer(no_args_is_help=True, help="Fetch the weights of the GPU engines; each prints its licence.")

To = Annotated[Path, typer.Option("--to", help="Folder for the weights; made if it is not there.")]
Endpoint = Annotated[str | None, typer.Option(help="Base URL of the model hub, if not the usual one.")]
Revision = Annotated[
    str | None, typer.Option(help="Commit, tag or branch; else the one the folder was filled from, else the pinned one.")
]


@app.command("magi")
def magi(to: To, revision: Revision = None, endpoint: Endpoint = None) -> None:
    """MAGI v2 (about 2 GB) for READER=magi. Academic research and non-commercial use only."""
    from backend.weights.magi import fetch  # noqa: PLC0415 - torch is an extra

    with Progress(*_COLUMNS, console=_CONSOLE) as bars:
        result = fetch(to, revision=revision, endpoint=endpoint, say=_say, progress=_shown(bars))
    _end(usable=result.usable)


@app.command("manga-ocr")
def manga_ocr(
    to: To,
    revision: Annotated[str | None, typer.Option(help="Commit, tag or branch; else the pinned one.")] = None,
    endpoint: Endpoint = None,
) -> None:
    """manga-ocr, which reads Japanese for READER=magi; --to MAGI_DIR/manga-ocr, where the reader finds it."""
    from backend.weights.manga_ocr import COMMIT, fetch  # noqa: PLC0415 - torch is an extra

    with Progress(*_COLUMNS, console=_CONSOLE) as bars:
        result = fetch(to, revision=revision or COMMIT, endpoint=endpoint, say=_say, progress=_shown(bars))
    _end(usable=result.usable)


@app.command("sovits")
def sovits(to: To, endpoint: Endpoint = None) -> None:
    """GPT-SoVITS v2ProPlus for SYNTHESIZER=sovits; the built-in voices' reference clips are spoken by the embedded engine."""
    from backend.synthesizers.embedded import EmbeddedSynthesizer  # noqa: PLC0415 - only here
    from backend.voices.builtin import BUILTIN_VOICES  # noqa: PLC0415
    from backend.weights.sovits import fetch  # noqa: PLC0415

    with Progress(*_COLUMNS, console=_CONSOLE) as bars:
        result = fetch(
            to, endpoint=endpoint, voices=tuple(BUILTIN_VOICES), speaker=EmbeddedSynthesizer(), say=_say, progress=_shown(bars)
        )
    _end(usable=result.usable)


@app.command("whisper")
def whisper(to: To, endpoint: Endpoint = None) -> None:
    """Whisper small (about 0.5 GB) for SPEECH_CHECK=asr and recordings without a transcript; --to SPEECH_CHECK_MODEL. MIT."""
    from backend.weights.whisper import fetch  # noqa: PLC0415 - as the others

    with Progress(*_COLUMNS, console=_CONSOLE) as bars:
        result = fetch(to, endpoint=endpoint, say=_say, progress=_shown(bars))
    _end(usable=result.usable)


_CONSOLE = Console(stderr=True)
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())


def _say(sentence: str) -> None:
    _CONSOLE.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _shown(bars: Progress) -> Callable[[str, int, int], None]:
    """A bar for each file."""
    tasks: dict[str, TaskID] = {}

    def show(name: str, have: int, size: int) -> None:
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=size)
        bars.update(tasks[name], completed=have)

    return show


def _end(*, usable: bool) -> None:
    if not usable:
        raise typer.Exit(1)
