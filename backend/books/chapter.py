"""What a chapter is, and `open_chapter`, the one way to get it from a path.

Nothing is decoded here before it is wanted: a chapter knows its pages' names and order, and each page reads its own bytes.

The trap: archives are untrusted. Nothing is ever extracted to disk, a member is never read past `MAX_MEMBER_BYTES`, and only
formats that Pillow decodes by itself are opened (its EPS plugin runs another program).
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from backend.books import archive, folder, pdf
from backend.books.images import probe
from backend.books.members import Found, Member, Page, Skipped, Unreadable, loader, readable
from backend.errors import BadBook, BadImage
from backend.readers.base import Direction

_FOREIGN_ARCHIVES = {b"Rar!\x1a\x07": "RAR (.cbr)", b"7z\xbc\xaf\x27\x1c": "7z (.cb7)"}
_BOOKS = {".cbz": "ZIP archive", ".zip": "ZIP archive", ".pdf": "PDF file"}


@dataclass(frozen=True, slots=True)
class Chapter:
    """The pages of a chapter in reading order. Use it in a `with` statement: archives and PDFs stay open until it ends."""

    title: str
    pages: tuple[Page, ...]
    """At least one."""
    direction: Direction | None = None
    """What ComicInfo.xml says about the order of panels; None: it says nothing."""
    lang: str | None = None
    """BCP 47 primary tag from ComicInfo.xml; None: it says nothing."""
    series: str | None = None
    """From ComicInfo.xml; None: it says nothing."""
    skipped: tuple[Skipped, ...] = ()
    """What stood beside the pages and was left out. Hidden files and __MACOSX are not worth a word."""
    close: Callable[[], None] = field(default=lambda: None, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_chapter(path: Path) -> Chapter:
    """Opens a folder of images, a CBZ or ZIP, a PDF, or one image; the bytes decide which, not the name.

    Pages are sorted as people count (2 before 10) by their whole path. Takes as long as reading the directory and one header
    a page: call it in a worker thread when it matters.

    Raises:
        BadBook: there is nothing that can be narrated; one sentence says why.
    """
    if path.is_dir():
        return _chapter(path, folder.find(path))
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except FileNotFoundError as error:
        raise BadBook(f"There is no file or folder named {readable(str(path))}.") from error
    except OSError as error:
        raise BadBook(f"{readable(path.name)} cannot be opened: {error.strerror}.") from error
    for magic, name in _FOREIGN_ARCHIVES.items():
        if head.startswith(magic):
            raise BadBook(f"{readable(path.name)} is a {name} archive, which cannot be read: repack it as CBZ.")
    if head.startswith(b"PK") and (zipfile.is_zipfile(path) or path.suffix.lower() in (".cbz", ".zip")):
        return _chapter(path, archive.find(path))
    if b"%PDF-" in head:
        return _chapter(path, pdf.find(path))
    return _one_image(path)


def _chapter(path: Path, found: Found) -> Chapter:
    if not found.pages:
        found.close()
        raise BadBook(f"{readable(path.name)} has no page that can be narrated{_first_reason(found.skipped)}.")
    info = found.info
    return Chapter(
        title=readable((info and info.heading) or (path.resolve().name if path.is_dir() else path.stem)),
        pages=found.pages,
        direction=info.direction if info else None,
        lang=info.lang if info else None,
        series=readable(info.series) if info and info.series else None,
        skipped=found.skipped,
        close=found.close,
    )


def _first_reason(skipped: tuple[Skipped, ...]) -> str:
    if not skipped:
        return ""
    others = f" and {len(skipped) - 1} more were skipped" if len(skipped) > 1 else " was skipped"
    return f" ({skipped[0].name}{others}: {skipped[0].reason})"


def _one_image(path: Path) -> Chapter:
    name = readable(path.name)
    member = Member(path.name, path.stat().st_size, folder.opener(path))
    try:
        with member.open() as stream:
            note = probe(stream)
    except (BadImage, Unreadable) as error:
        if (promised := _BOOKS.get(path.suffix.lower())) is not None:
            raise BadBook(f"{name} is not what its name says: it begins like no {promised}.") from error
        raise BadBook(f"{name} is neither a folder, a CBZ, ZIP or PDF file, nor a page: {error}.") from error
    skipped = (Skipped(name, note),) if note else ()
    return Chapter(readable(path.stem), (Page(name, loader(member)),), skipped=skipped)
