"""The fingerprint of an engine that runs elsewhere: known without asking it, so that a cached reading wakes no GPU.

All containers of a deployment hold the same sources, the same pins and the same weights volume. Whatever may change an engine's
results is therefore at hand in each of them, and is what is hashed: a little more than necessary, so that a cache is left too often,
never too late.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final, Literal

from backend import fingerprints
from backend.settings import Settings

BACKEND: Final = Path(__file__).parents[1]
Role = Literal["reader", "speaker"]

_SHARED: Final = ("engines.py", "fingerprints.py", "cloud/images.py", "requirements.txt")
_SOURCES: Final[dict[Role, tuple[str, ...]]] = {
    "reader": ("readers", "language/detect.py", "imaging.py", *_SHARED),
    "speaker": ("synthesizers", "language", "acoustics.py", "files.py", "narration/level.py", *_SHARED),
}
"""What the engines are made of: their room and all it imports, at whatever remove (a test walks the imports), and how sound that travels
is brought to one rate."""


def fingerprint(role: Role, settings: Settings) -> str:
    """Of the engine that READER or SYNTHESIZER names, as this deployment runs it."""
    name = settings.reader if role == "reader" else settings.synthesizer
    directory = settings.magi_dir if role == "reader" else settings.sovits_dir
    weights = _weights(directory) if name in ("magi", "sovits") else ""
    if name == "sovits" and settings.speech_check == "asr":  # which take of a line is kept depends on who listens
        weights += _weights(settings.speech_check_model)
    told = hashlib.sha256(f"{_sources(role)}\0{weights}".encode())
    return f"modal-{name}-{told.hexdigest()[:16]}"


@cache
def _sources(role: Role) -> str:
    digest = hashlib.sha256()
    for place in _SOURCES[role]:
        root = BACKEND / place
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            digest.update(path.relative_to(BACKEND).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _weights(directory: Path | None) -> str:
    if directory is None or not directory.is_dir():
        return "none"
    return fingerprints.of_files(directory, sorted(path for path in directory.rglob("*") if path.is_file()))
