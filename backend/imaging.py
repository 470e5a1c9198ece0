"""Page images: the check an upload must pass and the one way a page is decoded. Not a reader: nothing here looks at content.

The trap: manga scans often carry transparency, and ink on alpha reads as nothing; `decode_page` flattens onto white.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import ExifTags, Image, ImageOps

from backend.errors import BadImage, EmptyUpload, ImageTooManyPixels, UnsupportedImage

MAX_PIXELS: Final = 60_000_000
MAX_SIDE: Final = 65_535
"""Pixels; more than a JPEG can have. A PNG of one pixel's width could be sixty million long."""
MEDIA_TYPES: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "MPO": "image/jpeg"}
"""Pillow's format name -> media type of the page formats we take. MPO is a JPEG from a camera, with a second picture behind it."""
PLUGINS: Final = ("PNG", "JPEG", "WEBP")
"""Pillow's plugins that open these; the JPEG plugin opens MPO."""
_OTHER_IMAGES: Final = (b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP", b"\xff\x0a", b"8BPS", b"%!PS", b"<svg")
"""How images begin that we do not take."""
_BROKEN: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    MemoryError,
    RuntimeError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
)
"""What Pillow's decoders raise on damaged files."""


_TURNED: Final = range(2, 9)
_ON_ITS_SIDE: Final = range(5, 9)
"""EXIF orientations that are not upright, and those that swap width and height."""


@dataclass(frozen=True, slots=True)
class PageInfo:
    """What a checked upload is: media type by its bytes (never by its header), width and height in pixels as it is shown."""

    media_type: str
    width: int
    height: int


def check_page(data: bytes) -> PageInfo:
    """Decodes `data` whole and says what it is. CPU work of up to 0.1 s: call it in a worker thread.

    Raises:
        EmptyUpload, UnsupportedImage, ImageTooManyPixels, BadImage: see `backend.errors`.
    """
    with _open(data) as image:
        media_type = MEDIA_TYPES[image.format or ""]
        _load(image)
        width, height = image.size[::-1] if _orientation(image) in _ON_ITS_SIDE else image.size
    return PageInfo(media_type, width, height)


def decode_page(data: bytes) -> Image.Image:
    """The page as an RGB image, transparency flattened onto white, upright as viewers show it (EXIF orientation).

    Raises:
        BadImage: or one of its kinds.
    """
    with _open(data) as stored:
        _load(stored)
        image = ImageOps.exif_transpose(stored) if _orientation(stored) in _TURNED else stored
        if image.mode.startswith("I"):  # 16 bits a pixel: Pillow would clip, and a grey page would become white
            return Image.fromarray((np.clip(np.asarray(image), 0, 65535) >> 8).astype(np.uint8)).convert("RGB")
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            rgba = image.convert("RGBA")
            flat = Image.new("RGBA", rgba.size, "white")
            flat.alpha_composite(rgba)
            return flat.convert("RGB")
        return image.convert("RGB")


def _open(data: bytes) -> Image.Image:
    if not data:
        raise EmptyUpload
    try:
        with warnings.catch_warnings():
            # Pillow warns above its own limit and raises above twice that; ours is checked below, before any pixel is decoded.
            # Of damaged EXIF data it warns, too, and goes on without.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=PLUGINS)
    except Image.DecompressionBombError as error:
        raise ImageTooManyPixels(f"A page may have at most {MAX_PIXELS // 1_000_000} megapixels.") from error
    except _BROKEN as error:
        if data.startswith(_OTHER_IMAGES) or data[4:8] == b"ftyp":
            raise UnsupportedImage("Pages are PNG, JPEG or WebP images; this is an image of another kind.") from error
        raise BadImage("The bytes are not an image that can be decoded.") from error
    if image.width * image.height > MAX_PIXELS:
        raise ImageTooManyPixels(f"A page may have at most {MAX_PIXELS // 1_000_000} megapixels.")
    if max(image.size) > MAX_SIDE:
        raise ImageTooManyPixels(f"A page may be at most {MAX_SIDE} pixels wide or high.")
    return image


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation of a decoded image, 1 where it has none or a broken one: viewers show such pages as they are stored."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # damaged EXIF data: Pillow warns and goes on without
            value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _BROKEN:
        return 1
    return value if isinstance(value, int) else 1


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except _BROKEN as error:
        raise BadImage("The image is damaged or cut short.") from error
