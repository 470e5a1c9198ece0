"""PDF files as chapters: every page is drawn, as scans in PDFs come in any number of pieces.

The trap: PDFium is not thread-safe, not even across documents; one lock guards every call into it.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pypdfium2  # type: ignore[import-untyped]

from backend.books.members import MAX_MEMBERS, Found, Page, readable
from backend.errors import BadBook, BadImage

LONG_SIDE: Final = 2000
"""Pixels: what scans of manga usually have, and more than any reader looks at."""
SHORT_SIDE: Final = 1000
"""Pixels: at least; the pages of a webtoon are long strips whose letters would vanish otherwise."""
LONGEST: Final = 30_000
"""Pixels: no page is drawn longer than this."""
_PASSWORD_NEEDED: Final = 4  # FPDF_ERR_PASSWORD of fpdfview.h

_pdfium = threading.Lock()


def find(path: Path) -> Found:
    """The pages of a PDF, each drawn when it is read.

    Raises:
        BadBook: encrypted, damaged, or with too many pages.
    """
    try:
        with _pdfium:
            document = pypdfium2.PdfDocument(path)
            count = len(document)
    except pypdfium2.PdfiumError as error:
        reason = "needs a password" if getattr(error, "err_code", None) == _PASSWORD_NEEDED else "is not a complete PDF"
        raise BadBook(f"{readable(path.name)} {reason}.") from error

    def close() -> None:
        with _pdfium:
            document.close()

    if count > MAX_MEMBERS:
        close()
        raise BadBook(f"A chapter has at most {MAX_MEMBERS} pages; {readable(path.name)} has {count}.")
    digits = len(str(count))
    pages = tuple(Page(f"page-{index + 1:0{digits}d}", _drawer(document, index)) for index in range(count))
    return Found(pages, (), close=close)


def scale(width: float, height: float) -> float:
    """Pixels per point for a page of this size in points, see `LONG_SIDE` and `SHORT_SIDE`."""
    longer, shorter = max(width, height, 1.0), max(min(width, height), 1.0)
    return min(max(LONG_SIDE / longer, SHORT_SIDE / shorter), LONGEST / longer)


def _drawer(document: pypdfium2.PdfDocument, index: int) -> Callable[[], bytes]:
    def draw() -> bytes:
        try:
            with _pdfium:
                page = document[index]
                bitmap = page.render(scale=scale(*page.get_size()))
                image = bitmap.to_pil().convert("RGB")  # copies: the bitmap's memory is PDFium's
                bitmap.close()
                page.close()
        except pypdfium2.PdfiumError as error:
            raise BadImage(f"Page {index + 1} of the PDF is damaged.") from error
        written = io.BytesIO()
        image.save(written, "PNG", compress_level=1)
        return written.getvalue()

    return draw
