"""What may be uploaded as a page, and how it is decoded."""

import io

import pytest
from PIL import Image

from backend.errors import BadImage, EmptyUpload, ImageTooManyPixels, UnsupportedImage
from backend.imaging import MEDIA_TYPES, check_page, decode_page


def encoded(image: Image.Image, file_format: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, file_format)
    return file.getvalue()


@pytest.mark.parametrize("file_format", sorted(MEDIA_TYPES))
def test_a_page_is_what_its_bytes_say(file_format: str) -> None:
    info = check_page(encoded(Image.new("RGB", (30, 40)), file_format))
    assert (info.media_type, info.width, info.height) == (MEDIA_TYPES[file_format], 30, 40)


def test_bad_uploads_are_named() -> None:
    page = encoded(Image.effect_noise((200, 200), 90))
    for data, error in (
        (b"", EmptyUpload),
        (b"plain words", BadImage),
        (page[: len(page) // 2], BadImage),
        (encoded(Image.new("RGB", (8, 8)), "GIF"), UnsupportedImage),
        (encoded(Image.new("1", (9000, 9000))), ImageTooManyPixels),
    ):
        with pytest.raises(error):
            check_page(data)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_ink_on_transparency_is_seen_on_white(mode: str) -> None:
    image = Image.new(mode, (4, 4), (0,) * len(mode))
    image.putpixel((1, 1), (0,) * (len(mode) - 1) + (255,))
    page = decode_page(encoded(image))
    assert page.mode == "RGB"
    assert page.getpixel((0, 0)) == (255, 255, 255)
    assert page.getpixel((1, 1)) == (0, 0, 0)
