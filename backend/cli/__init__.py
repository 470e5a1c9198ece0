"""The command `tanoshi`. Each command is a thin shell over one thing of another room; errors are one sentence, never a trace."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from backend import __version__
from backend.cli import bucket, doctor, narrate, read, serve, train_voice, voices, weights
from backend.errors import TanoshiError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Manga pages become voiced audio.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("narrate")(narrate.narrate)
app.command("read")(read.read)
app.command("doctor")(doctor.doctor)
app.command("setup-bucket")(bucket.setup_bucket)
app.command("train-voice")(train_voice.train_voice)
app.add_typer(voices.app, name="voices")
app.add_typer(weights.app, name="weights")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tanoshi {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell what happens.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Manga pages become voiced audio."""
    # Standard output is for results: `tanoshi read --json` is piped into other programs.
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=False)
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s", handlers=[handler])


def main() -> None:
    """The console script's entry."""
    try:
        app()
    except TanoshiError as error:
        Console(stderr=True).print(f"tanoshi: {error.detail}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
