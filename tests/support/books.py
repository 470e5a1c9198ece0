"""Chapters for tests: images in any format, archives with anything in them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

MANGA = "<ComicInfo><Series>Kumo</Series><Number>3</Number><Title>Rain</Title><Manga>{}</Manga></ComicInfo>"


def picture(format_name: str = "PNG", *, size: tuple[int, int] = (30, 40), mode: str = "RGB", shade: int = 128) -> bytes:
    """An image of one shade of grey, so that a test can tell pages apart by a pixel."""
    written = io.BytesIO()
    Image.new("L", size, shade).convert(mode).save(written, format_name)
    return written.getvalue()


def shade(data: bytes) -> int:
    """Grey value of the middle of an encoded image."""
    with Image.open(io.BytesIO(data)) as image:
        found = image.convert("L").getpixel((image.width // 2, image.height // 2))
    assert isinstance(found, int)
    return found


def write_zip(path: Path, members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def write_folder(path: Path, members: Mapping[str, bytes]) -> Path:
    for name, data in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path
