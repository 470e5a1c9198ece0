"""The recogniser's model for SPEECH_CHECK=asr and for recordings without a transcript: fetched once, from one commit, checked.

Whisper small in CTranslate2 format, MIT, half a gigabyte. The commit and the checksums are those many public projects record for it.
Another model of that format may lie in SPEECH_CHECK_MODEL just as well; this one hears Japanese and English on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from backend.weights.hub import Hub, Progress
from backend.weights.magi import Inspection
from backend.weights.source import write_source

REPOSITORY: Final = "Systran/faster-whisper-small"
COMMIT: Final = "536b0662742c02347bc0e980a01041f333bce120"
"""As recorded in public download manifests; we have not fetched it ourselves."""
CHECKSUMS: Final = {
    "config.json": "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
    "model.bin": "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671",
}
"""File of the commit -> its sha256, from the same sources. The largest comes last: what is missing is seen before it is fetched."""
LICENCE_NOTICE: Final = "Whisper small: MIT, by OpenAI; converted by SYSTRAN."


def fetch(
    to: Path, *, endpoint: str | None = None, say: Callable[[str], None] = lambda _: None, progress: Progress | None = None
) -> Inspection:
    """Makes `to` a folder for SPEECH_CHECK_MODEL. Safe to run again.

    Raises:
        ConfigurationError, Unavailable: as `Hub` says.
    """
    say(LICENCE_NOTICE)
    with Hub(endpoint) as hub:
        commit = hub.resolve(REPOSITORY, COMMIT)
        say(f"{REPOSITORY} at {commit.commit}")
        for name, sha256 in CHECKSUMS.items():
            hub.fetch(commit, name, to / name, progress, sha256=sha256)
    write_source(to, commit)
    result = inspect(to)
    say(f"{result.sentence} SPEECH_CHECK_MODEL={to} SPEECH_CHECK=asr has lines checked by ear.")
    return result


def inspect(directory: Path) -> Inspection:
    """One sentence about a folder. Looks for the files every Whisper model in that format has, loads nothing."""
    if not directory.is_dir():
        return Inspection(False, f"There is no directory {directory}.")
    absent = [name for name in ("model.bin", "config.json", "tokenizer.json") if not (directory / name).is_file()]
    if absent:
        return Inspection(False, f"{directory} holds no Whisper model in CTranslate2 format: {', '.join(absent)} is missing.")
    return Inspection(True, f"{directory} holds a Whisper model in CTranslate2 format.")
