"""`tanoshi voices`: which voices there are, and importing more of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Voices: list them, import more.")


@app.command("list")
def list_voices() -> None:
    """The voices that exist on every installation."""
    from backend.voices.builtin import BUILTIN_VOICES  # noqa: PLC0415 - only this command needs them

    table = Table("voice", "pitch", "description")
    for voice in BUILTIN_VOICES.values():
        table.add_row(voice.id, f"{voice.pitch_hz:.0f} Hz", voice.description)
    Console().print(table)


@app.command("import")
def import_voices(
    files: Annotated[list[Path], typer.Argument(help="The npm package kokoro-js (.tgz), its voices folder, or .bin files.")],
) -> None:
    """Add the official English voices; the default voices then speak English with them."""
    from backend.voices.imports import import_vectors  # noqa: PLC0415 - only this command needs it

    imported = import_vectors(files, load_settings().data_dir)
    typer.echo(f"Imported {len(imported.names)} voices into {imported.directory}: {', '.join(imported.names)}.")
    if imported.skipped:
        typer.echo(f"Skipped, not English voices: {', '.join(imported.skipped)}.", err=True)
