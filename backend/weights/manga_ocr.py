"""manga-ocr's files for `backend/readers/manga_ocr`: fetched once, from one commit, checked, and described for `tanoshi doctor`.

Apache-2.0; half a gigabyte. The commit and the checksums are those many public projects record for this model; of another revision that is
asked for, each file is checked against what its hub states. That the tensors fit is seen when it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from backend.errors import ConfigurationError
from backend.readers.magi.checkpoint import PICKLED, SAFETENSORS, find_weights
from backend.readers.magi.sizes import read_json
from backend.readers.magi.vocabulary import CharacterVocabulary
from backend.weights.hub import Hub, Progress
from backend.weights.magi import Inspection
from backend.weights.source import write_source

REPOSITORY: Final = "kha-white/manga-ocr-base"
COMMIT: Final = "aa6573bd10b0d446cbf622e29c3e084914df9741"
"""As recorded in public download manifests and lock files; we have not fetched it ourselves."""
CHECKSUMS: Final = {
    "config.json": "8c0e395de8fa699daaac21aee33a4ba9bd1309cfbff03147813d2a025f39f349",
    "vocab.txt": "344fbb6b8bf18c57839e924e2c9365434697e0227fac00b88bb4899b78aa594d",
    PICKLED: "c63e0bb5b3ff798c5991de18a8e0956c7ee6d1563aca6729029815eda6f5c2eb",
}
"""sha256 of the commit's files, from the same sources."""
LICENCE_NOTICE: Final = "manga-ocr base: Apache-2.0, by Maciej Budyś (kha-white)."
DIRECTORY: Final = "manga-ocr"
"""Inside the MAGI directory the reader finds it by itself."""


def fetch(
    to: Path,
    *,
    revision: str = COMMIT,
    endpoint: str | None = None,
    repository: str = REPOSITORY,
    say: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
) -> Inspection:
    """Makes `to` a directory that `MangaOcrRecognizer` loads. Safe to run again.

    Args:
        revision: commit, tag or branch. say: told each step, the licence first.

    Raises:
        ConfigurationError, Unavailable: as `Hub` says.
    """
    say(LICENCE_NOTICE)
    with Hub(endpoint) as hub:
        commit = hub.resolve(repository, revision)
        say(f"{repository} at {commit.commit}")
        known = CHECKSUMS if (repository, commit.commit) == (REPOSITORY, COMMIT) else {}
        weights = SAFETENSORS if not known and SAFETENSORS in commit.files else PICKLED
        for name in ("config.json", "vocab.txt", weights):
            hub.fetch(commit, name, to / name, progress, sha256=known.get(name))
    write_source(to, commit)
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
