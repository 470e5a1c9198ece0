"""`tanoshi voices import FILE`: official Kokoro style vectors, brought by somebody who has them, into the data folder.

They are part of the npm package kokoro-js (voices/*.bin, Apache-2.0) and are not shipped here. Files come from outside:
only names and sizes we know are read, everything is checked before anything is written, and no path in an archive is used.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from backend.errors import InvalidRequest

VECTOR_SHAPE: Final = (510, 256)
"""Rows are picked by the number of phonemes; a row is one style."""
VECTOR_BYTES: Final = VECTOR_SHAPE[0] * VECTOR_SHAPE[1] * 4
_NAME = re.compile(r"[ab][fm]_[a-z0-9]{1,32}\.bin")
"""American and British English, female and male; the Japanese vectors are in the wheels, others cannot be phonemized here."""
_ANY_BIN = re.compile(r"[^/\\]{1,80}\.bin")
_MOST_BYTES = 256 * 1024 * 1024
"""Of an unpacked archive; kokoro-js has 60 MB."""
_MOST_ENTRIES = 5_000
_LARGEST_VALUE = 50.0


@dataclass(frozen=True, slots=True)
class ImportedVectors:
    """What an import did."""

    directory: Path
    names: tuple[str, ...]
    """Vectors now in the directory that came with this import ("am_michael"), sorted."""
    skipped: tuple[str, ...]
    """Files that were style vectors by name but not English ones, sorted."""


def kokoro_directory(data_dir: Path) -> Path:
    """Where imported vectors lie; what the embedded synthesizer is given as `english_vectors`."""
    return data_dir / "voices" / "kokoro"


def import_vectors(sources: Sequence[Path], data_dir: Path) -> ImportedVectors:
    """Copies English style vectors into the data folder; all or, where one is not what it claims to be, none.

    Args:
        sources: kokoro-js .tgz archives, folders (searched two levels deep: `package/voices`), or .bin files.
        data_dir: the service's DATA_DIR.

    Raises:
        InvalidRequest: a source does not exist, is no archive, unpacks to too much, or holds a damaged or no English vector.
    """
    found: dict[str, bytes] = {}
    skipped: set[str] = set()
    for source in sources:
        for name, content in _vectors_in(source):
            if _NAME.fullmatch(name):
                _check(name, content)
                found[name] = content
            else:
                skipped.add(name)
    if not found:
        raise InvalidRequest("No English voice vectors were found; expected files such as am_michael.bin, af_heart.bin")
    directory = kokoro_directory(data_dir)
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in found.items():
        _write(directory / name, content)
    names = tuple(sorted(name.removesuffix(".bin") for name in found))
    return ImportedVectors(directory, names, tuple(sorted(skipped)))


def _vectors_in(source: Path) -> Iterator[tuple[str, bytes]]:
    """(file name, content) of everything that is called .bin; content is at most one byte longer than a vector."""
    if source.is_dir():
        for pattern in ("*.bin", "*/*.bin", "*/*/*.bin"):
            yield from ((path.name, _start(path)) for path in sorted(source.glob(pattern)) if path.is_file())
    elif source.suffix == ".bin" and source.is_file():
        yield source.name, _start(source)
    elif source.is_file():
        yield from _vectors_in_archive(source)
    else:
        raise InvalidRequest(f"There is no file or folder {source.name!r}")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(VECTOR_BYTES + 1)


def _vectors_in_archive(source: Path) -> Iterator[tuple[str, bytes]]:
    """Reads the archive once, from front to back; links, devices and paths mean nothing here, only file names do."""
    try:
        with gzip.open(source) as unpacked, tarfile.open(fileobj=_Limited(unpacked, _MOST_BYTES), mode="r|") as archive:
            for number, entry in enumerate(archive):
                if number >= _MOST_ENTRIES:
                    raise InvalidRequest(f"{source.name} has more than {_MOST_ENTRIES} entries")
                name = PurePosixPath(entry.name).name
                if not entry.isfile() or entry.sparse is not None or not _ANY_BIN.fullmatch(name):
                    continue
                content = archive.extractfile(entry)
                yield name, content.read(VECTOR_BYTES + 1) if content is not None else b""
    except (tarfile.TarError, EOFError, OSError, zlib.error) as problem:
        raise InvalidRequest(f"{source.name} is not a readable .tgz archive") from problem


class _Limited(io.RawIOBase):
    """Ends the reading of an archive that unpacks to more than anybody has use for."""

    def __init__(self, source: gzip.GzipFile, most: int) -> None:
        self._source = source
        self._left = most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if size < 0 or size > self._left:
            raise InvalidRequest(f"The archive unpacks to more than {_MOST_BYTES // 1024**2} MB")
        data = self._source.read(size)
        self._left -= len(data)
        return data


def _check(name: str, content: bytes) -> None:
    """Raises InvalidRequest unless the bytes are one Kokoro style vector."""
    if len(content) != VECTOR_BYTES:
        raise InvalidRequest(f"{name} is not a Kokoro voice: its size is not {VECTOR_BYTES} bytes")
    values = np.frombuffer(content, "<f4")
    if not np.isfinite(values).all() or np.abs(values).max() > _LARGEST_VALUE or values.std() == 0:
        raise InvalidRequest(f"{name} is not a Kokoro voice: its values cannot be those of a style vector")


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: a synthesizer that starts meanwhile sees the old file or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
