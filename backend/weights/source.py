"""`source.json`: where a folder of weights comes from, written when its files are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from backend.files import told_what_cannot_be_written, whole
from backend.weights.hub import Commit

SOURCE: Final = "source.json"


def write_source(directory: Path, commit: Commit) -> None:
    """Raises ConfigurationError: it cannot be written."""
    note = json.dumps({"repository": commit.repository, "commit": commit.commit}) + "\n"
    with told_what_cannot_be_written(directory / SOURCE), whole(directory / SOURCE) as path:
        path.write_text(note, encoding="utf-8")


def known_commit(directory: Path, repository: str | None = None) -> str | None:
    """The commit a folder was filled from, if it is known and of this repository; None: of any."""
    try:
        known = json.loads((directory / SOURCE).read_text(encoding="utf-8"))
        return str(known["commit"]) if repository in (None, known["repository"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
