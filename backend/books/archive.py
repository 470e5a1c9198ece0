"""CBZ and ZIP files as chapters. Members are read in memory, one at a time; nothing is unpacked to disk."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, Final, cast

from backend.books.members import Found, Member, Skipped, Unreadable, readable, sort_out
from backend.errors import BadBook

_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
_ENCRYPTED = 0x1
LONGEST_NAME: Final = 1000
"""Characters; file systems take 255 a part. Natural order reads digits as numbers, and Python's own limit there is 4,300."""


def find(path: Path) -> Found:
    """The pages of an archive.

    Raises:
        BadBook: not a ZIP file, cut short, or with too many members.
    """
    try:
        book = zipfile.ZipFile(path)
    except (*_DAMAGE, ValueError, NotImplementedError) as error:
        raise BadBook(f"{readable(path.name)} is not a complete ZIP archive.") from error
    members: dict[str, Member] = {}
    skipped = []
    for entry in book.infolist():
        if entry.is_dir():
            continue
        # Old Windows programs write backslashes, others begin every name with "./".
        name = str(PurePosixPath(entry.filename.replace("\\", "/")))
        if len(name) > LONGEST_NAME:
            skipped.append(Skipped(readable(name[:40]) + "…", "its name is too long"))
        elif _leaves_archive(name):
            skipped.append(Skipped(readable(name), "its name points outside the archive"))
        else:
            if name in members:  # as with any unpacker, the later counts
                skipped.append(Skipped(readable(name), "a later file in the archive has the same name"))
            members[name] = Member(name, entry.file_size, _opener(book, entry))
    return sort_out(members.values(), close=book.close, skipped=skipped)


def _leaves_archive(name: str) -> bool:
    return name.startswith("/") or ".." in PurePosixPath(name).parts or bool(PureWindowsPath(name).drive)


def _opener(book: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], AbstractContextManager[BinaryIO]]:
    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        if entry.flag_bits & _ENCRYPTED:
            raise Unreadable("encrypted")
        try:
            with book.open(entry) as stream:
                yield cast("BinaryIO", stream)
        except NotImplementedError as error:
            raise Unreadable("compressed in a way that cannot be read") from error
        except _DAMAGE as error:
            raise Unreadable("damaged") from error

    return opened
