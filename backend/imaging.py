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
from PIL import Image

from backend.errors import BadImage, EmptyUpload, ImageTooManyPixels, UnsupportedImage

MAX_PIXELS: Final = 60_000_000
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


@dataclass(frozen=True, slots=True)
class PageInfo:
    """What a checked upload is: media type by its bytes (never by its header), width and height in pixels."""

    media_type: str
    width: int
    height: int


def check_page(data: bytes) -> PageInfo:
    """Decodes `data` whole and says what it is. CPU work of up to 0.1 s: call it in a worker thread.

    Raises:
        EmptyUpload, UnsupportedImage, ImageTooManyPixels, BadImage: see `backend.errors`.
    """
    with _open(data) as image:
        info = PageInfo(MEDIA_TYPES[image.format or ""], image.width, image.height)
        _load(image)
    return info


def decode_page(data: bytes) -> Image.Image:
    """The page as an RGB image, transparency flattened onto white, orientation as stored.

    Raises:
        BadImage: or one of its kinds.
    """
    with _open(data) as image:
        _load(image)
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
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=PLUGINS)
    except Image.DecompressionBombError as error:
        raise ImageTooManyPixels(f"A page may have at most {MAX_PIXELS // 1_000_000} megapixels.") from error
    except _BROKEN as error:
        if data.startswith(_OTHER_IMAGES) or data[4:8] == b"ftyp":
            raise UnsupportedImage("Pages are PNG, JPEG or WebP images; this is an image of another kind.") from error
        raise BadImage("The bytes are not an image that can be decoded.") from error
    if image.width * image.height > MAX_PIXELS:
        raise ImageTooManyPixels(f"A page may have at most {MAX_PIXELS // 1_000_000} megapixels.")
    return image


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except _BROKEN as error:
        raise BadImage("The image is damaged or cut short.") from error
