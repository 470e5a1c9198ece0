"""The MAGI v2 checkpoint: fetched once, converted to safetensors, checked tensor by tensor; and what `tanoshi doctor` says of a directory.

The weights are the operator's: nothing of them is in this repository but the table of names and shapes (`magi_tensors.txt`). Checked are
each file against what its hub states for the commit, the pinned commit's weights against a checksum of ours, and the tensors against
that table. The commit is written to `source.json` and kept by later runs. Not pinned is the vocabulary, which the checkpoint's
configuration names in a repository of its own: it is trusted when it is first fetched, and looked at for its kind and size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from backend.errors import ConfigurationError
from backend.files import told_what_cannot_be_written, whole
from backend.readers.magi.checkpoint import PICKLED, SAFETENSORS, check_tensors, find_weights, read_tensors, stored_shapes
from backend.readers.magi.licence import LICENCE_NOTICE
from backend.readers.magi.sizes import MagiSizes
from backend.readers.magi.vocabulary import ByteVocabulary, find_vocabulary
from backend.weights.hub import Commit, Hub, Progress
from backend.weights.source import known_commit, write_source

REPOSITORY: Final = "ragavsachdeva/magiv2"
COMMIT: Final = "fbc890fec52977142e8ee00bfe26e9458b65517c"
"""As recorded in the lock files and download scripts of several public projects; we have not fetched it ourselves."""
CHECKSUM: Final = "56392403204d3a4cca38694a3a260a6929d741869d802d6b14de35b4eab4c4b8"
"""sha256 of the commit's pickled checkpoint; two of those sources name it."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What stands in a directory, in one sentence."""

    usable: bool
    sentence: str


@cache
def published_tensors() -> dict[str, tuple[int, ...]]:
    """Name and shape of each of the 1,287 tensors of the published checkpoint."""
    table = files("backend.weights").joinpath("magi_tensors.txt").read_text(encoding="utf-8")
    rows = (line.split() for line in table.splitlines() if line)
    return {name: tuple(int(side) for side in shape.split("x")) for name, shape in rows}


def fetch(
    to: Path,
    *,
    revision: str | None = None,
    endpoint: str | None = None,
    repository: str = REPOSITORY,
    say: Say = lambda _: None,
    progress: Progress | None = None,
) -> Inspection:
    """Makes `to` a directory that `MagiReader` loads. Safe to run again: what is there and right is not fetched twice.

    Args:
        revision: commit, tag or branch; None: the commit `to` was fetched from before, else the pinned one.
        endpoint: base URL of the hub; None: see `Hub`.
        say: told each step, the licence first.

    Raises:
        ConfigurationError: the hub has not what we need, a checksum or a tensor is wrong, `to` cannot be written, or torch is not
            installed.
        Unavailable: the hub does not answer; what arrived is kept for the next run.
    """
    say(LICENCE_NOTICE)
    with told_what_cannot_be_written(to), Hub(endpoint) as hub:
        to.mkdir(parents=True, exist_ok=True)
        pinned = COMMIT if repository == REPOSITORY else "main"
        commit = hub.resolve(repository, revision or known_commit(to, repository) or pinned)
        say(f"{repository} at {commit.commit}")
        hub.fetch(commit, "config.json", to / "config.json", progress)
        sizes = MagiSizes.read(to / "config.json")
        _fetch_weights(hub, commit, to, say, progress)
        # Written as soon as they are there: a run that ends at the vocabulary does not fetch them again.
        write_source(to, commit)
        _fetch_vocabulary(hub, to, sizes, progress)
    result = inspect(to)
    say(result.sentence)
    return result


def inspect(directory: Path) -> Inspection:
    """One sentence about a directory: usable or what is wrong with it. Reads headers, no weights; needs no torch for safetensors."""
    try:
        weights = find_weights(directory)
        sizes = MagiSizes.read(directory / "config.json")
        found = (
            stored_shapes(weights)
            if weights.name == SAFETENSORS
            else {name: tuple(tensor.shape) for name, tensor in read_tensors(weights).items()}
        )
        check_tensors(found, published_tensors(), weights)
        vocabulary = ByteVocabulary(find_vocabulary(directory, sizes))
        if len(vocabulary) < sizes.text.vocabulary:
            raise ConfigurationError(f"The vocabulary in {directory} has {len(vocabulary)} of {sizes.text.vocabulary} entries.")
    except ConfigurationError as error:
        return Inspection(False, error.detail)
    source = known_commit(directory)
    origin = f", commit {source[:12]}" if source else ""
    return Inspection(True, f"MAGI v2 in {directory} ({weights.name}, {len(found):,} tensors{origin}). {LICENCE_NOTICE}")


def _fetch_weights(hub: Hub, commit: Commit, to: Path, say: Say, progress: Progress | None) -> None:
    target = to / SAFETENSORS
    known = CHECKSUM if (commit.repository, commit.commit) == (REPOSITORY, COMMIT) else None
    # Of the pinned commit the pickled file is the one we know, whatever else a hub may offer under its name.
    if SAFETENSORS in commit.files and known is None:
        hub.fetch(commit, SAFETENSORS, target, progress)
        check_tensors(stored_shapes(target), published_tensors(), target)
        return
    if target.exists() and known_commit(to, commit.repository) == commit.commit:
        check_tensors(stored_shapes(target), published_tensors(), target)
        return
    pickled = hub.fetch(commit, PICKLED, to / PICKLED, progress, sha256=known)
    say("Converting to safetensors ...")
    convert(pickled, target)
    pickled.unlink()


def convert(pickled: Path, to: Path) -> None:
    """Writes the tensors of a pickled checkpoint as safetensors, once they are seen to be the published ones.

    Raises:
        ConfigurationError: it is damaged, or another model's.
    """
    tensors = read_tensors(pickled)
    check_tensors({name: tuple(tensor.shape) for name, tensor in tensors.items()}, published_tensors(), pickled)
    from safetensors.torch import save_file  # noqa: PLC0415 - belongs to the extra

    # safetensors refuses tensors that share memory; the twice-stored token embedding does where it was tied.
    seen: set[int] = set()
    plain = {}
    for name, tensor in tensors.items():
        place = int(tensor.data_ptr())
        plain[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    with told_what_cannot_be_written(to), whole(to) as path:
        save_file(plain, path)
        check_tensors(stored_shapes(path), published_tensors(), path)


def _fetch_vocabulary(hub: Hub, to: Path, sizes: MagiSizes, progress: Progress | None) -> None:
    """The vocabulary is another repository's, which the config names, unless it came along."""
    try:
        find_vocabulary(to, sizes)
    except ConfigurationError:
        commit = hub.resolve(sizes.tokenizer, "main")
        hub.fetch(commit, "vocab.json", to / "tokenizer" / "vocab.json", progress)
