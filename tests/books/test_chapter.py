"""Whatever people keep chapters in, its pages come in the order people count, and junk is named and left out."""

from __future__ import annotations

import os
import random
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.books import members as members_module
from backend.books.chapter import Chapter, open_chapter
from backend.errors import BadBook, BadImage
from backend.readers.base import Direction
from tests.support.books import MANGA, picture, shade, write_folder, write_zip

Writer = Callable[[Path, Mapping[str, bytes]], Path]


def _cbz(folder: Path, members: Mapping[str, bytes]) -> Path:
    return write_zip(folder / "book.cbz", members)


def _folder(folder: Path, members: Mapping[str, bytes]) -> Path:
    return write_folder(folder / "book", members)


both = pytest.mark.parametrize("write", [_cbz, _folder], ids=["cbz", "folder"])


def names(chapter: Chapter) -> list[str]:
    return [page.name for page in chapter.pages]


def reasons(chapter: Chapter) -> dict[str, str]:
    return {skipped.name: skipped.reason for skipped in chapter.skipped}


@both
def test_pages_come_in_the_order_people_count(tmp_path: Path, write: Writer) -> None:
    order = ["ch 2/1.png", "ch 2/2.png", "ch 2/10.png", "ch 10/001.png", "ch 10/Page2.png", "ch 10/page10.png"]
    shuffled = random.Random(3).sample(order, len(order))
    path = write(tmp_path, {name: picture(shade=40 * order.index(name)) for name in shuffled})
    with open_chapter(path) as chapter:
        assert names(chapter) == order
        assert [shade(page.read()) for page in chapter.pages] == [40 * number for number in range(len(order))]
        assert chapter.title == "book"
        assert chapter.skipped == ()


def test_a_folders_whole_name_is_the_title_even_with_a_dot_in_it(tmp_path: Path) -> None:
    with open_chapter(write_folder(tmp_path / "Vol. 1", {"1.png": picture()})) as chapter:
        assert chapter.title == "Vol. 1"


@both
def test_junk_is_left_out_and_named_and_hidden_files_are_not_mentioned(tmp_path: Path, write: Writer) -> None:
    path = write(
        tmp_path,
        {
            "001.png": picture(),
            "credits.txt": b"scanned by",
            "empty.png": b"",
            "002.png": b"<html>not found</html>",
            "inner.cbz": b"PK\x03\x04",
            "__MACOSX/._001.png": b"junk",
            ".DS_Store": b"junk",
            ".hidden/003.png": picture(),
        },
    )
    with open_chapter(path) as chapter:
        assert names(chapter) == ["001.png"]
        assert reasons(chapter) == {
            "002.png": "not an image",
            "credits.txt": "not an image",
            "empty.png": "empty",
            "inner.cbz": "not an image",
        }


@both
@pytest.mark.parametrize(
    ("manga", "direction"),
    [("Yes", Direction.RTL), ("YesAndRightToLeft", Direction.RTL), ("No", Direction.LTR), ("Unknown", None), ("", None)],
)
def test_comicinfo_says_which_way_a_book_is_read(tmp_path: Path, write: Writer, manga: str, direction: Direction | None) -> None:
    path = write(tmp_path, {"001.png": picture(), "ComicInfo.xml": MANGA.format(manga).encode()})
    with open_chapter(path) as chapter:
        assert chapter.direction is direction
        assert chapter.title == "Kumo 3: Rain"
        assert chapter.skipped == ()


@both
def test_the_outermost_comicinfo_speaks_for_the_book(tmp_path: Path, write: Writer) -> None:
    path = write(
        tmp_path,
        {
            "a/ComicInfo.xml": MANGA.format("No").encode(),
            "a/001.png": picture(),
            "comicinfo.xml": MANGA.format("Yes").encode(),
            "b/ComicInfo.xml": MANGA.format("No").encode(),
        },
    )
    with open_chapter(path) as chapter:
        assert chapter.direction is Direction.RTL


@both
def test_a_broken_comicinfo_costs_only_itself(tmp_path: Path, write: Writer) -> None:
    path = write(tmp_path, {"001.png": picture(), "ComicInfo.xml": b"<ComicInfo><Manga>Yes"})
    with open_chapter(path) as chapter:
        assert chapter.direction is None
        assert reasons(chapter) == {"ComicInfo.xml": "not well-formed XML"}


@both
def test_a_page_damaged_inside_fails_alone_when_it_is_read(tmp_path: Path, write: Writer) -> None:
    broken = picture("BMP", size=(200, 200))[:300]
    path = write(tmp_path, {"001.png": picture(shade=10), "002.bmp": broken, "003.png": picture(shade=30)})
    with open_chapter(path) as chapter:
        assert shade(chapter.pages[0].read()) == 10
        with pytest.raises(BadImage, match=r"002\.bmp"):
            chapter.pages[1].read()
        assert shade(chapter.pages[2].read()) == 30


@both
def test_what_is_too_large_to_be_a_page_is_left_out(tmp_path: Path, write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_module, "MAX_MEMBER_BYTES", 1_000_000)
    path = write(tmp_path, {"001.png": picture(), "bomb.png": bytes(1_000_001)})
    with open_chapter(path) as chapter:
        assert reasons(chapter) == {"bomb.png": "larger than 1 MB"}


@both
def test_more_files_than_a_chapter_has_are_refused(tmp_path: Path, write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_module, "MAX_MEMBERS", 3)
    monkeypatch.setattr("backend.books.folder.MAX_MEMBERS", 3)
    with pytest.raises(BadBook, match="3 files"):
        open_chapter(write(tmp_path, {f"{number}.png": picture() for number in range(4)}))


@both
def test_a_book_without_pages_is_refused_with_the_reason(tmp_path: Path, write: Writer) -> None:
    path = write(tmp_path, {"a.txt": b"a", "b.txt": b"b"})
    with pytest.raises(BadBook, match=r"no page.*a\.txt and 1 more were skipped: not an image"):
        open_chapter(path)


def test_one_image_is_a_chapter_of_one_page(tmp_path: Path) -> None:
    (tmp_path / "page 7.gif").write_bytes(picture("GIF", shade=77))
    with open_chapter(tmp_path / "page 7.gif") as chapter:
        assert (chapter.title, names(chapter)) == ("page 7", ["page 7.gif"])
        assert shade(chapter.pages[0].read()) == 77


def test_the_bytes_decide_what_a_file_is(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "chapter.pdf", {"1.png": picture(shade=9)})
    with open_chapter(path) as chapter:
        assert shade(chapter.pages[0].read()) == 9


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.cbr", b"Rar!\x1a\x07\x01\x00rest", "repack it as CBZ"),
        ("a.cb7", b"7z\xbc\xaf\x27\x1crest", "repack it as CBZ"),
        ("a.txt", b"once upon a time", "neither a folder"),
        ("a.png", b"", "neither a folder"),
        ("a.cbz", b"once upon a time", "not what its name says: it begins like no ZIP archive"),
        ("a.pdf", b"once upon a time", "not what its name says: it begins like no PDF file"),
        ("a.cbz", b"PK\x03\x04 cut short", "not a complete ZIP"),
        ("a.pdf", b"%PDF-1.7 cut short", "not a complete PDF"),
    ],
)
def test_what_is_no_chapter_is_refused_in_one_sentence(tmp_path: Path, name: str, data: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadBook, match=sentence) as caught:
        open_chapter(tmp_path / name)
    assert str(caught.value).endswith(".")
    assert name in str(caught.value)


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadBook, match="no file or folder named"):
        open_chapter(tmp_path / "missing")


# Archives made to harm


@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile's own, of the writer
def test_of_two_files_with_one_name_the_later_counts_and_the_other_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.cbz", "w") as book:
        book.writestr("1.png", picture(shade=3))
        book.writestr("1.png", picture(shade=9))
    with open_chapter(tmp_path / "a.cbz") as chapter:
        assert [shade(page.read()) for page in chapter.pages] == [9]
        assert [(item.name, item.reason) for item in chapter.skipped] == [
            ("1.png", "a later file in the archive has the same name")
        ]


def test_names_that_point_outside_the_archive_are_left_out(tmp_path: Path) -> None:
    outside = ["../up.png", "/etc/page.png", "a/../../b.png", "..\\up.png", "C:\\page.png"]
    path = write_zip(tmp_path / "a.cbz", dict.fromkeys([*outside, "./ok.png", "sub\\2.png"], picture()))
    with open_chapter(path) as chapter:
        assert names(chapter) == ["ok.png", "sub/2.png"]
        assert set(reasons(chapter).values()) == {"its name points outside the archive"}
        assert len(chapter.skipped) == len(outside)


def test_encrypted_members_are_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.cbz", {"1.png": picture(), "2.png": picture()}, method=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    data[second + 8] |= 1
    path.write_bytes(data)
    with open_chapter(path) as chapter:
        assert names(chapter) == ["1.png"]
        assert reasons(chapter) == {"2.png": "encrypted"}


def test_a_member_that_is_larger_than_it_says_is_damaged(tmp_path: Path) -> None:
    image = picture("BMP", size=(300, 300))
    path = write_zip(tmp_path / "a.cbz", {"1.bmp": image, "2.png": picture()})
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\x01\x02")
    data[first + 24 : first + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    with open_chapter(path) as chapter:
        assert reasons(chapter) == {"1.bmp": "damaged"}


def test_a_picture_with_too_many_pixels_is_left_out_before_it_is_decoded(tmp_path: Path) -> None:
    header = bytearray(picture("BMP"))
    header[18:26] = (20_000).to_bytes(4, "little") * 2
    path = write_zip(tmp_path / "a.cbz", {"bomb.bmp": bytes(header), "ok.png": picture()})
    with open_chapter(path) as chapter:
        assert reasons(chapter) == {"bomb.bmp": "more than 60 megapixels"}


def test_names_cannot_move_a_terminals_cursor(tmp_path: Path) -> None:
    with open_chapter(write_zip(tmp_path / "a.cbz", {"1\x1b[2J.png": picture(), "2\r\n.txt": b"x"})) as chapter:
        assert names(chapter) == ["1\ufffd[2J.png"]
        assert list(reasons(chapter)) == ["2\ufffd\ufffd.txt"]


def test_a_name_too_long_for_any_disk_is_cut_and_left_out(tmp_path: Path) -> None:
    with open_chapter(write_zip(tmp_path / "a.cbz", {"1.png": picture(), "9" * 5000 + ".png": picture()})) as chapter:
        assert names(chapter) == ["1.png"]
        assert reasons(chapter) == {"9" * 40 + "…": "its name is too long"}


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30),
        max_size=6,
        unique=True,
    )
)
@settings(max_examples=60, deadline=None)
def test_any_names_have_an_order_and_every_visible_picture_is_a_page(members: list[str]) -> None:
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of names that differ in their slashes only
        path = write_zip(Path(folder, "a.cbz"), dict.fromkeys(["page.png", *members], picture()))
        with open_chapter(path) as chapter:
            assert 1 <= len(chapter.pages) <= 1 + len(members)
            assert all(page.name.isprintable() or "\ufffd" in page.name for page in chapter.pages)


def test_of_two_members_with_one_name_the_later_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.cbz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.png", picture(shade=1))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("1.png", picture(shade=200))
    with open_chapter(path) as chapter:
        assert [shade(page.read()) for page in chapter.pages] == [200]


def test_an_archive_cut_or_changed_anywhere_never_ends_in_another_error(tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "a.cbz", {"1.png": picture(), "2.jpg": picture("JPEG"), "n.txt": b"x" * 50}).read_bytes()
    chance = random.Random(5)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 3, 9])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "b.cbz").write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
        try:
            with open_chapter(tmp_path / "b.cbz") as chapter:
                for page in chapter.pages:
                    page.read()
        except (BadBook, BadImage):
            continue


# Folders with more than files in them


def test_pipes_and_links_that_lead_nowhere_or_in_circles_are_not_followed(tmp_path: Path) -> None:
    book = write_folder(tmp_path / "book", {"1.png": picture()})
    os.mkfifo(book / "pipe.png")
    (book / "gone.png").symlink_to(tmp_path / "gone")
    (book / "circle").symlink_to(book, target_is_directory=True)
    with open_chapter(book) as chapter:
        assert names(chapter) == ["1.png"]
        assert reasons(chapter) == {"gone.png": "not a file", "pipe.png": "not a file"}


def test_a_page_that_vanishes_after_opening_is_that_pages_error(tmp_path: Path) -> None:
    book = write_folder(tmp_path / "book", {"1.png": picture(), "2.png": picture()})
    with open_chapter(book) as chapter:
        (book / "1.png").unlink()
        with pytest.raises(BadImage, match=r"1\.png cannot be read"):
            chapter.pages[0].read()
        chapter.pages[1].read()
