"""The typefaces of the sample pages: where they are on this machine, and what to do where they are not.

Fonts are not part of the repository; the finished pages are. Only someone who redraws the pages needs them.
"""

from __future__ import annotations

import functools
from pathlib import Path

from PIL import ImageFont, features

_FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".local/share/fonts",
    Path.home() / "Library/Fonts",
    Path("/Library/Fonts"),
)
_JAPANESE_FACE_IN_COLLECTION = 0
_FACES = {
    "ja": ("NotoSansCJK-Regular.ttc", "fonts-noto-cjk"),
    "ja-bold": ("NotoSansCJK-Bold.ttc", "fonts-noto-cjk"),
    "en": ("ComicNeue-Bold.otf", "fonts-comic-neue"),
}


class FontsMissing(Exception):
    """A typeface or the vertical text layout is not installed; the message names the remedy."""


def require() -> None:
    """Checks that everything the drawing needs is here.

    Raises:
        FontsMissing: names the package that installs what is missing.
    """
    for face in _FACES:
        _path(face)
    if not (features.check("raqm") and features.check("fribidi")):
        raise FontsMissing("Pillow cannot set vertical text here: install FriBidi (Debian: apt-get install libfribidi0).")


@functools.cache
def font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """The typeface `face` ("ja", "ja-bold" or "en") at `size` pixels an em."""
    return ImageFont.truetype(_path(face), size, index=_JAPANESE_FACE_IN_COLLECTION, layout_engine=ImageFont.Layout.RAQM)


@functools.cache
def _path(face: str) -> Path:
    name, package = _FACES[face]
    for folder in _FOLDERS:
        for found in sorted(folder.rglob(name)) if folder.is_dir() else ():
            return found
    raise FontsMissing(f"{name} is not installed (Debian: apt-get install {package}).")
