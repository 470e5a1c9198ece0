"""A folder of images as a chapter, with its subfolders. Links to folders are not followed: they may lead in circles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from backend.books.members import MAX_MEMBERS, Found, Member, Skipped, Unreadable, hidden, readable, sort_out
from backend.errors import BadBook


def find(path: Path) -> Found:
    """The pages of a folder.

    Raises:
        BadBook: the folder cannot be read, or has more files than a chapter.
    """
    members: list[Member] = []
    skipped: list[Skipped] = []

    def unreadable(error: OSError) -> None:
        if error.filename == str(path):
            raise BadBook(f"{readable(path.name)} cannot be opened: {error.strerror}.") from error
        skipped.append(Skipped(readable(os.path.relpath(error.filename, path)), f"cannot be opened ({error.strerror})"))

    for parent, folders, files in os.walk(path, onerror=unreadable):
        folders[:] = [name for name in folders if not hidden(name)]
        for file in files:
            full = Path(parent, file)
            name = full.relative_to(path).as_posix()
            if hidden(name):
                continue
            if len(members) >= MAX_MEMBERS:
                raise BadBook(f"{readable(path.name)} has more than {MAX_MEMBERS} files: that is not a chapter.")
            if full.is_file():  # a pipe or a device would wait for ever
                members.append(Member(name, full.stat().st_size, opener(full)))
            else:
                skipped.append(Skipped(readable(name), "not a file"))
    return sort_out(members, skipped=skipped)


def opener(path: Path) -> Callable[[], AbstractContextManager[BinaryIO]]:
    """`Member.open` of a file on disk."""

    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        try:
            with path.open("rb") as stream:
                yield stream
        except OSError as error:
            raise Unreadable(f"cannot be opened ({error.strerror})") from error

    return opened
