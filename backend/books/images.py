"""One member's bytes: is this a page, and if so as PNG, JPEG or WebP, which is all the pipeline takes.

`probe` looks at headers only, so that opening a chapter is quick; a page that is damaged further in is found when it is read.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from PIL import Image, UnidentifiedImageError

from backend.errors import BadImage
from backend.imaging import MAX_PIXELS, MEDIA_TYPES, PLUGINS

FORMATS: Final = (*PLUGINS, "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "PPM")
"""Pillow's names of the formats a page may have. Never all of Pillow's: some run other programs, some are not pictures."""

_DAMAGE: Final = (
    *(OSError, EOFError, SyntaxError, ValueError, MemoryError, struct.error),
    # Not bugs of ours: the AVIF plugin raises RuntimeError, the TIFF plugin the others, for files with a few bytes changed.
    *(RuntimeError, TypeError, LookupError, ArithmeticError),
)
_PNG_MODES: Final = ("1", "L", "LA", "P", "RGB", "RGBA")


def probe(stream: BinaryIO) -> str | None:
    """Reads the header. Returns None for a page, or a note on what of it is not used, as a clause.

    Raises:
        BadImage: not a page; `detail` is the reason, as a clause.
    """
    with _opened(stream) as image:
        if image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
            return f"only the first of its {getattr(image, 'n_frames', 1)} pictures is a page"
    return None


def page_bytes(data: bytes) -> bytes:
    """`data` untouched if the pipeline takes its format, else decoded (the first frame) and written as PNG.

    Raises:
        BadImage: not a page, or damaged.
    """
    with _opened(io.BytesIO(data)) as image:
        if image.format in MEDIA_TYPES:
            return data
        written = io.BytesIO()
        # Level 1 is six times as fast as the default and costs a tenth in size; the bytes do not live long.
        _in_png_mode(image).save(written, "PNG", compress_level=1)
        return written.getvalue()


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            # Pillow warns about odd metadata and about half its own pixel limit; ours is checked below, before decoding.
            warnings.simplefilter("ignore")
            with Image.open(stream, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise BadImage(f"more than {MAX_PIXELS // 1_000_000} megapixels")
                yield image
    except Image.DecompressionBombError as error:
        raise BadImage(f"more than {MAX_PIXELS // 1_000_000} megapixels") from error
    except UnidentifiedImageError as error:
        raise BadImage("not an image") from error
    except _DAMAGE as error:
        raise BadImage("a damaged image") from error


def _in_png_mode(image: Image.Image) -> Image.Image:
    if image.mode in _PNG_MODES:
        return image
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 and leaves a white page.
        return image.convert("I").point(lambda value: value / 256).convert("L")
    return image.convert("RGBA" if image.mode in ("PA", "La", "RGBa") else "RGB")
