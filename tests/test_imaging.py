"""What may be uploaded as a page, and how it is decoded."""

import io

import numpy as np
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


def test_a_camera_jpeg_with_a_second_picture_is_a_jpeg() -> None:
    out = io.BytesIO()
    first, second = Image.new("RGB", (40, 30), "white"), Image.new("RGB", (40, 30), "black")
    first.save(out, "MPO", save_all=True, append_images=[second])
    assert check_page(out.getvalue()).media_type == "image/jpeg"
    assert decode_page(out.getvalue()).getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_shades() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64, dtype=np.uint16), (8, 1))
    out = io.BytesIO()
    Image.fromarray(ramp).save(out, "PNG")
    grey = np.asarray(decode_page(out.getvalue()))[0, :, 0]
    assert grey[0] == 0
    assert grey[-1] == 255
    assert 100 < grey[32] < 160


@pytest.mark.parametrize("image_format", ["GIF", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_other_kinds_of_images_are_told_apart_from_broken_ones(image_format: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(out, image_format)
    with pytest.raises(UnsupportedImage):
        check_page(out.getvalue())
