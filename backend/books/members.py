"""What folders and archives have in common: named members; most are pages, one may be ComicInfo.xml, the rest is junk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from natsort import natsort_keygen, ns

from backend.books.comicinfo import ComicInfo, parse_comic_info
from backend.books.images import page_bytes, probe
from backend.errors import BadBook, BadImage

MAX_MEMBER_BYTES: Final = 200_000_000
"""A page of 60 megapixels without compression is 180 MB; what is larger is not a page."""
MAX_MEMBERS: Final = 10_000
"""More files than this are a disk or a bomb, not a chapter."""
_MAX_INFO_BYTES: Final = 1_000_000

_path_order = natsort_keygen(alg=ns.PATH | ns.IGNORECASE)


class Unreadable(Exception):
    """A member's bytes cannot be had (encrypted, damaged, no permission). `str(error)` is the reason, as a clause."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A member that is not narrated, or not wholly, and why, as a clause."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a chapter. `read` gives PNG, JPEG or WebP bytes; other formats are converted, PDF pages drawn."""

    name: str
    """Path inside the book, printable: for people, not a path to open or to write."""
    load: Callable[[], bytes] = field(repr=False)

    def read(self) -> bytes:
        """The page as an encoded image. Up to a second of CPU work for converted pages: call it in a worker thread.

        Raises:
            BadImage: the bytes turned out damaged; the other pages do not suffer.
        """
        return self.load()


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a folder or archive. `open` gives its bytes as a seekable stream, and raises `Unreadable`."""

    name: str
    size: int
    open: Callable[[], AbstractContextManager[BinaryIO]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """Everything a container held."""

    pages: tuple[Page, ...]
    skipped: tuple[Skipped, ...]
    info: ComicInfo | None = None
    close: Callable[[], None] = field(default=lambda: None, repr=False)


def sort_out(members: Iterable[Member], *, close: Callable[[], None] = lambda: None, skipped: Iterable[Skipped] = ()) -> Found:
    """Tells pages from junk by their first bytes, in natural order. Hidden members are passed over in silence.

    Raises:
        BadBook: more than `MAX_MEMBERS` members.
    """
    visible = [member for member in members if not hidden(member.name)]
    if len(visible) > MAX_MEMBERS:
        close()
        raise BadBook(f"A chapter has at most {MAX_MEMBERS} files; this has {len(visible)}.")
    pages: list[Page] = []
    left_out = list(skipped)
    info: tuple[int, ComicInfo] | None = None
    for member in sorted(visible, key=lambda member: (_path_order(member.name), member.name)):
        name = readable(member.name)
        try:
            path = PurePosixPath(member.name)
            if path.name.lower() == "comicinfo.xml":
                # A book bound from several archives may hold several notes: the outermost speaks for all of it.
                if info is None or len(path.parts) < info[0]:
                    info = len(path.parts), parse_comic_info(_bytes_of(member, _MAX_INFO_BYTES))
                continue
            if not 0 < member.size <= MAX_MEMBER_BYTES:
                left_out.append(Skipped(name, f"larger than {MAX_MEMBER_BYTES // 1_000_000} MB" if member.size else "empty"))
                continue
            with member.open() as stream:
                note = probe(stream)
        except (Unreadable, BadImage, ValueError) as error:
            left_out.append(Skipped(name, str(error)))
            continue
        if note:
            left_out.append(Skipped(name, note))
        pages.append(Page(name, loader(member)))
    return Found(tuple(pages), tuple(left_out), info and info[1], close)


def hidden(name: str) -> bool:
    """Whether the system, not a person, put this file there: dot files, and the shadow folder macOS adds to archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def readable(name: str) -> str:
    """`name` without what could move a terminal's cursor or break JSON."""
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in name)


def loader(member: Member) -> Callable[[], bytes]:
    """`Page.load` of a member that `probe` has found to be a page."""

    def load() -> bytes:
        try:
            return page_bytes(_bytes_of(member, MAX_MEMBER_BYTES))
        except (Unreadable, BadImage) as error:
            raise BadImage(f"The page {readable(member.name)} cannot be read: {error}.") from error

    return load


def _bytes_of(member: Member, limit: int) -> bytes:
    with member.open() as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise Unreadable(f"larger than {limit // 1_000_000} MB")
    return data
