"""What may be uploaded as a page, and how it is decoded."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

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


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_page_is_read_upright_as_viewers_show_it(file_format: str, orientation: int) -> None:
    shown = Image.new("RGB", (40, 60), "white")
    shown.paste("black", (0, 0, 20, 20))  # only one corner is dark: no turn and no mirror looks the same
    shown.paste("gray", (20, 0, 40, 20))
    # How a camera stores it that writes this orientation: the opposite of what a viewer does.
    turns = Image.Transpose
    store = [
        None, turns.FLIP_LEFT_RIGHT, turns.ROTATE_180, turns.FLIP_TOP_BOTTOM,
        turns.TRANSPOSE, turns.ROTATE_90, turns.TRANSVERSE, turns.ROTATE_270,
    ][orientation - 1]  # fmt: skip
    stored = shown if store is None else shown.transpose(store)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = io.BytesIO()
    stored.save(file, file_format, exif=exif, quality=100, **({"lossless": True} if file_format == "WEBP" else {}))
    info = check_page(file.getvalue())
    assert (info.width, info.height) == (40, 60)
    page = decode_page(file.getvalue())
    assert page.size == (40, 60)
    corners = [page.getpixel(at)[0] // 64 for at in ((8, 8), (32, 8), (8, 50), (32, 50))]
    assert corners == [0, 2, 3, 3]


def test_a_broken_orientation_is_none() -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 60), "white").save(file, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff junk")
    assert check_page(file.getvalue()).width == 40
    assert decode_page(file.getvalue()).size == (40, 60)


def test_slivers_of_any_length_are_too_large() -> None:
    with pytest.raises(ImageTooManyPixels, match="65535 pixels"):
        check_page(encoded(Image.new("1", (1, 65_536))))
