"""Whether the pins of each image can be installed together: `python -m backend.cloud.resolve [ROLE ...]`. Installs nothing.

Asks pip, from the packages' own metadata, on this machine: to be told what Modal would be, run it with the Python of the images. The role
`training` is upstream's programs and needs their requirements.txt: fetched at the pinned commit, or named with --upstream FILE.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from backend.cloud import images, training
from backend.voices.upstream import COMMIT

UPSTREAM: Final = f"https://raw.githubusercontent.com/RVC-Boss/GPT-SoVITS/{COMMIT}/requirements.txt"
_TIMEOUT_S: Final = 1800.0
"""Indexes without separate metadata make pip download whole packages."""


def wanted(upstream: str = UPSTREAM) -> dict[str, list[str]]:
    """Role -> what its image has pip install."""
    return {
        **{role: list(libraries) for role, libraries in images.LIBRARIES.items()},
        "trainer": list(training.LIBRARIES),
        "training": [*training.TORCH, "-r", upstream],
    }


def resolved(arguments: list[str]) -> tuple[int, str]:
    """How many packages pip would install, and "" or why it cannot."""
    with tempfile.TemporaryDirectory(prefix="tanoshi-") as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(report)]
        done = subprocess.run(  # noqa: S603 - pip, with pins of ours
            [*command, *arguments], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
        if done.returncode:
            return 0, done.stderr.strip()
        return len(json.loads(report.read_text(encoding="utf-8"))["install"]), ""


def main(
    roles: Annotated[list[str] | None, typer.Argument(help="None: all.")] = None,
    upstream: Annotated[str, typer.Option(help="requirements.txt of GPT-SoVITS: a file or an address.")] = UPSTREAM,
) -> None:
    """Says for each image how many packages its pins come to, or what stands in the way."""
    if (here := f"{sys.version_info.major}.{sys.version_info.minor}") != images.PYTHON:
        typer.echo(f"This is Python {here}; the images have {images.PYTHON}, for which the answer may differ.")
    images_of = wanted(upstream)
    if unknown := sorted(set(roles or ()) - images_of.keys()):
        raise typer.BadParameter(f"No image is called {', '.join(unknown)}: choose from {', '.join(images_of)}.")
    failed = False
    for role in roles or images_of:
        count, problem = resolved(images_of[role])
        failed |= bool(problem)
        typer.echo(f"{role}: {problem or f'{count} packages can be installed together'}")
    raise typer.Exit(int(failed))


if __name__ == "__main__":
    typer.run(main)
