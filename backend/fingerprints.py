"""Which files lie somewhere, told without reading gigabytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SAMPLED_BYTES: Final = 65_536


def of_files(root: Path, files: Iterable[Path]) -> str:
    """64 hex digits of each file's name below `root`, size, beginning and end: 1 ms, where whole weights take 2 s.

    Two trainings differ throughout; a file changed in its middle only is not a case the operator can meet by accident. Times do not
    count: they mean nothing on a volume that is mounted anew.
    """
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.relative_to(root).as_posix()}:{size}:".encode())
        with path.open("rb") as file:
            digest.update(file.read(SAMPLED_BYTES))
            file.seek(max(0, size - SAMPLED_BYTES))
            digest.update(file.read())
    return digest.hexdigest()
