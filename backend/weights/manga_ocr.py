"""manga-ocr's files for `backend/readers/manga_ocr`: fetched once, from one commit, checked, and described for `tanoshi doctor`.

Apache-2.0; half a gigabyte. What is checked is each file's checksum as its hub states it; that the tensors fit is seen when it is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from backend.errors import ConfigurationError
from backend.readers.magi.checkpoint import PICKLED, SAFETENSORS, find_weights
from backend.readers.magi.sizes import read_json
from backend.readers.magi.vocabulary import CharacterVocabulary
from backend.weights.hub import Hub, Progress
from backend.weights.magi import SOURCE, Inspection

REPOSITORY: Final = "kha-white/manga-ocr-base"
DIRECTORY: Final = "manga-ocr"
"""Inside the MAGI directory the reader finds it by itself."""


def fetch(
    to: Path,
    *,
    revision: str = "main",
    endpoint: str | None = None,
    repository: str = REPOSITORY,
    say: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
) -> Inspection:
    """Makes `to` a directory that `MangaOcrRecognizer` loads. Safe to run again.

    Raises:
        ConfigurationError, Unavailable: as `Hub` says.
    """
    with Hub(endpoint) as hub:
        commit = hub.resolve(repository, revision)
        say(f"{repository} at {commit.commit}")
        weights = SAFETENSORS if SAFETENSORS in commit.files else PICKLED
        for name in ("config.json", "vocab.txt", weights):
            hub.fetch(commit, name, to / name, progress)
    (to / SOURCE).write_text(json.dumps({"repository": repository, "commit": commit.commit}) + "\n", encoding="utf-8")
    result = inspect(to)
    say(result.sentence)
    return result


def inspect(directory: Path) -> Inspection:
    """One sentence about a directory: usable or what is wrong with it."""
    try:
        weights = find_weights(directory)
        kind = read_json(directory / "config.json").get("model_type")
        if kind != "vision-encoder-decoder":
            raise ConfigurationError(f"{directory / 'config.json'} describes a model of type {kind!r}, not manga-ocr.")
        vocabulary = CharacterVocabulary(directory / "vocab.txt")
    except ConfigurationError as error:
        return Inspection(False, error.detail)
    return Inspection(True, f"manga-ocr in {directory} ({weights.name}, {len(vocabulary):,} characters).")
