"""Every picture of a chapter reaches the pipeline in a format it takes, and no file makes Pillow's errors anybody else's."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image

from backend.books.images import FORMATS, page_bytes, probe
from backend.errors import BadImage
from backend.imaging import MEDIA_TYPES, check_page, decode_page
from tests.support.books import picture, shade


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP"])
def test_formats_the_pipeline_takes_pass_untouched(format_name: str) -> None:
    data = picture(format_name)
    assert page_bytes(data) is data


@pytest.mark.parametrize("format_name", [name for name in FORMATS if name not in MEDIA_TYPES])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_other_formats_become_png(format_name: str, mode: str) -> None:
    data = page_bytes(picture(format_name, mode=mode, shade=90))
    assert check_page(data).media_type == "image/png"
    assert shade(data) == pytest.approx(90, abs=3)


def test_sixteen_bit_scans_keep_their_shades() -> None:
    written = io.BytesIO()
    Image.new("I;16", (20, 20), 90 * 256).save(written, "TIFF")
    assert shade(page_bytes(written.getvalue())) == 90


def test_print_colours_become_screen_colours() -> None:
    written = io.BytesIO()
    Image.new("CMYK", (20, 20), (0, 0, 0, 255)).save(written, "TIFF")
    assert shade(page_bytes(written.getvalue())) < 40


def test_ink_on_transparent_paper_stays_readable() -> None:
    paper = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    paper.paste((0, 0, 0, 255), (5, 5, 15, 15))
    written = io.BytesIO()
    paper.save(written, "TIFF")
    page = decode_page(page_bytes(written.getvalue()))
    assert (page.getpixel((0, 0)), page.getpixel((10, 10))) == ((255, 255, 255), (0, 0, 0))


def test_of_a_file_with_several_pictures_the_first_is_taken_and_a_note_made() -> None:
    written = io.BytesIO()
    first, second = (Image.new("L", (20, 20), value) for value in (10, 200))
    first.save(written, "TIFF", save_all=True, append_images=[second])
    assert probe(io.BytesIO(written.getvalue())) == "only the first of its 2 pictures is a page"
    assert shade(page_bytes(written.getvalue())) == 10


def test_formats_that_run_other_programs_are_no_images() -> None:
    written = io.BytesIO()
    Image.new("RGB", (20, 20)).save(written, "EPS")
    with pytest.raises(BadImage, match="not an image"):
        probe(io.BytesIO(written.getvalue()))


def test_a_picture_changed_anywhere_is_decoded_or_refused(capfd: pytest.CaptureFixture[str]) -> None:
    whole = [picture(name, mode=mode) for name in FORMATS for mode in ("L", "RGB")]
    chance = random.Random(11)
    for _ in range(1500):
        data = bytearray(chance.choice(whole))
        for _ in range(chance.choice([1, 3, 9])):
            data[chance.randrange(chance.choice([len(data), 100]) if len(data) > 100 else len(data))] = chance.randrange(256)
        for look in (lambda data: probe(io.BytesIO(data)), page_bytes):
            try:
                look(bytes(data[: chance.choice([len(data), chance.randrange(1, len(data))])]))
            except BadImage:
                continue
    capfd.readouterr()  # libtiff writes what it thinks of such files to stderr
