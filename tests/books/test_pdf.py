"""A PDF's pages are drawn large enough to be read, in any number of threads, and a bad PDF is one clear sentence."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from backend.books.chapter import open_chapter
from backend.books.pdf import LONG_SIDE, LONGEST, SHORT_SIDE, scale
from backend.errors import BadBook
from backend.imaging import check_page
from tests.support.books import shade

ENCRYPTED = b"""%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[]/Count 0>> endobj
3 0 obj <</Filter/Standard/V 1/R 2/P -4/O(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)/U(bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb)>> endobj
trailer <</Root 1 0 R/Encrypt 3 0 R/ID[(cc)(cc)]/Size 4>>
"""


def write_pdf(path: Path, shades: list[int], size: tuple[int, int] = (140, 200)) -> Path:
    first, *others = [Image.new("RGB", size, (value, value, value)) for value in shades]
    first.save(path, "PDF", save_all=True, append_images=others)
    return path


def test_pages_are_drawn_in_order_at_reading_size(tmp_path: Path) -> None:
    shades = [20 * number for number in range(11)]
    with open_chapter(write_pdf(tmp_path / "ch 4.pdf", shades)) as chapter:
        assert chapter.title == "ch 4"
        assert chapter.direction is None
        assert [page.name for page in chapter.pages] == [f"page-{number:02d}" for number in range(1, 12)]
        pages = [page.read() for page in chapter.pages[:3]]
        info = check_page(pages[0])
        assert (info.media_type, info.height) == ("image/png", LONG_SIDE)
        assert info.width == pytest.approx(1400, abs=2)
        assert [shade(page) for page in pages] == pytest.approx(shades[:3], abs=2)


def test_pages_may_be_read_from_several_threads(tmp_path: Path) -> None:
    shades = [0, 60, 120, 180, 240]
    with open_chapter(write_pdf(tmp_path / "a.pdf", shades)) as chapter, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda page: shade(page.read()), chapter.pages))
    assert found == pytest.approx(shades, abs=2)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((595, 842), (1413, LONG_SIDE)),
        ((842, 595), (LONG_SIDE, 1413)),
        ((300, 3000), (SHORT_SIDE, 10_000)),
        ((10, 14_400), (21, LONGEST)),
        ((0, 0), (0, 0)),
    ],
)
def test_sizes(size: tuple[float, float], shown: tuple[int, int]) -> None:
    factor = scale(*size)
    assert (round(size[0] * factor), round(size[1] * factor)) == pytest.approx(shown, abs=1)


def test_a_long_strip_keeps_its_width(tmp_path: Path) -> None:
    with open_chapter(write_pdf(tmp_path / "a.pdf", [50], size=(100, 900))) as chapter:
        assert check_page(chapter.pages[0].read()).width == pytest.approx(SHORT_SIDE, abs=2)


def test_a_pdf_with_a_password_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(ENCRYPTED)
    with pytest.raises(BadBook, match=r"a\.pdf needs a password"):
        open_chapter(tmp_path / "a.pdf")
