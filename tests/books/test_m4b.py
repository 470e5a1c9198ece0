"""The audio book is one file that starts at the right place for every page, and is never half written."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from backend.books.m4b import write_m4b
from tests.support.audio import Samples, between, decode, main_frequency, tone

RATES = pytest.mark.parametrize("rate", [24_000, 32_000])


def marks(path: Path) -> list[tuple[str, float, float]]:
    with av.open(str(path), "r") as book:
        found: list[Any] = list(book.chapters())
    return [
        (mark["metadata"]["title"], float(mark["start"] * mark["time_base"]), float(mark["end"] * mark["time_base"]))
        for mark in found
    ]


@RATES
def test_every_page_is_a_chapter_and_is_heard_at_its_mark(tmp_path: Path, rate: int) -> None:
    pages = [("Page 1", 300.0, 1.5), ("ページ 2", 600.0, 2.25), ("Page 3", 900.0, 0.7)]
    path = tmp_path / "book.m4b"
    duration = write_m4b(path, ((title, tone(hz, seconds, rate)) for title, hz, seconds in pages), rate)
    assert duration == pytest.approx(4.45)
    sound, found_rate = decode(path)
    assert found_rate == rate
    assert len(sound) / rate == pytest.approx(4.45, abs=2 * 1024 / rate)
    found = marks(path)
    assert [title for title, _, _ in found] == ["Page 1", "ページ 2", "Page 3"]
    assert [start for _, start, _ in found] == pytest.approx([0, 1.5, 3.75], abs=0.001)
    assert found[-1][2] == pytest.approx(4.45, abs=0.001)
    for (_, start, end), (_, hz, _) in zip(found, pages, strict=True):
        assert main_frequency(between(sound, rate, start + 0.05, end - 0.05), rate) == pytest.approx(hz, abs=3)
        # The first 50 ms of a chapter are its own sound, not the end of the page before.
        assert main_frequency(between(sound, rate, start + 0.005, start + 0.055), rate) == pytest.approx(hz, abs=40)


def test_tags_and_brand_make_it_an_audio_book(tmp_path: Path) -> None:
    path = tmp_path / "book.m4b"
    write_m4b(path, [("One", tone(440, 0.5, 24_000))], 24_000, {"title": "雲 3", "artist": "Tanoshi\x00\ud800"})
    assert path.read_bytes()[4:12] == b"ftypM4B "
    with av.open(str(path), "r") as book:
        assert book.metadata["title"] == "雲 3"
        assert book.metadata["artist"] == "Tanoshi\ufffd\ufffd"
        assert (book.metadata["genre"], book.metadata["media_type"]) == ("Audiobook", "2")
        assert book.streams.audio[0].codec_context.name == "aac"


def test_it_can_be_played_while_it_is_downloaded(tmp_path: Path) -> None:
    path = tmp_path / "book.m4b"
    write_m4b(path, [("One", tone(440, 3.0, 24_000))], 24_000)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_three_hundred_pages_keep_all_their_marks(tmp_path: Path) -> None:
    page = tone(440, 0.1, 24_000)
    write_m4b(tmp_path / "a.m4b", ((f"Page {number}", page) for number in range(300)), 24_000)
    found = marks(tmp_path / "a.m4b")
    assert len(found) == 300
    assert found[299][0] == "Page 299"
    assert found[299][1] == pytest.approx(29.9, abs=0.001)


def test_memory_is_that_of_a_page_however_long_the_book(tmp_path: Path) -> None:
    def peak(pages: int) -> int:
        tracemalloc.start()
        write_m4b(tmp_path / "a.m4b", ((f"{number}", tone(440, 2.0, 24_000)) for number in range(pages)), 24_000)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(30) < 1.2 * peak(3)


def test_a_book_that_fails_half_way_leaves_nothing_behind_and_the_older_one_in_place(tmp_path: Path) -> None:
    path = tmp_path / "book.m4b"
    path.write_bytes(b"the older one")

    def pages() -> Iterator[tuple[str, Samples]]:
        yield "One", tone(440, 1.0, 24_000)
        raise LookupError("the second page is gone")

    with pytest.raises(LookupError):
        write_m4b(path, pages(), 24_000)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("book.m4b", b"the older one")]


@pytest.mark.parametrize(
    ("chapters", "rate"),
    [
        ([], 24_000),
        ([("a", np.zeros(0, dtype=np.float32))], 24_000),
        ([("a", np.full(9, np.nan, dtype=np.float32))], 24_000),
        ([("a", np.zeros(9, dtype=np.float32))], 1234),
    ],
)
def test_what_is_no_sound_is_no_book(tmp_path: Path, chapters: list[tuple[str, Samples]], rate: int) -> None:
    with pytest.raises(ValueError, match=r"audio book|AAC"):
        write_m4b(tmp_path / "a.m4b", chapters, rate)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_m4b(Path("http:1.m4b"), [("a", tone(440, 0.2, 24_000))], 24_000)
    assert marks(tmp_path / "http:1.m4b")[0][2] == pytest.approx(float(Fraction(1, 5)), abs=0.001)
