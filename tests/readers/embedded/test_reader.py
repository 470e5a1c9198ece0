"""The embedded reader end to end, on Latin pages drawn here with Pillow's own font."""

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from PIL import Image, ImageDraw, ImageFont

from backend.engine import EngineState
from backend.errors import ReadingFailed
from backend.readers.base import Direction, Reading, ReadOptions
from backend.readers.embedded import EmbeddedReader
from backend.readers.embedded.recognizer import MODULES, make_recognizer

LTR = ReadOptions(direction=Direction.LTR)


def drawn_page(mode: str = "RGB") -> bytes:
    """Two panels side by side, one bubble each; in RGBA black ink on nothing."""
    background = (255, 255, 255, 0) if mode == "RGBA" else "white"
    image = Image.new(mode, (800, 600), background)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(28)
    for x, text in ((20, "GOOD MORNING!\nHOW ARE YOU?"), (420, "I AM FINE,\nTHANK YOU.")):
        pen.rectangle((x, 20, x + 360, 580), fill="darkgray", outline="black", width=4)
        pen.ellipse((x + 10, 120, x + 350, 350), fill="white", outline="black", width=2)
        pen.multiline_text((x + 60, 200), text, fill="black", font=font)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def reader() -> AsyncIterator[EmbeddedReader]:
    engine = EmbeddedReader(threads=2)
    await asyncio.gather(engine.load(), engine.load())
    yield engine
    await engine.aclose()


@pytest.mark.asyncio(loop_scope="module")
async def test_bubbles_are_read_whole_in_the_books_direction(reader: EmbeddedReader) -> None:
    expected = ["GOOD MORNING! HOW ARE YOU?", "I AM FINE, THANK YOU."]
    for options, words in ((LTR, expected), (ReadOptions(), expected[::-1])):
        [reading] = await reader.read([drawn_page()], options)
        assert isinstance(reading, Reading)
        assert [box.text for box in reading.boxes] == words
        assert [box.lang for box in reading.boxes] == ["en", "en"]
        assert len(reading.panels) == 2
        assert [box.panel for box in reading.boxes] == [0, 1]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_that_cannot_be_decoded_costs_no_other_page(reader: EmbeddedReader) -> None:
    first, second, third = await reader.read([b"", drawn_page("RGBA"), b"not an image"], LTR)
    assert isinstance(first, ReadingFailed)
    assert isinstance(third, ReadingFailed)
    assert isinstance(second, Reading)
    assert len(second.boxes) == 2


@pytest.mark.asyncio(loop_scope="module")
async def test_state_and_fingerprint_tell_what_reads(reader: EmbeddedReader) -> None:
    assert reader.state is EngineState.READY
    assert reader.fingerprint == EmbeddedReader().fingerprint
    assert all(character.isalnum() or character in "._-" for character in reader.fingerprint)


@pytest.mark.parametrize("engine", sorted(MODULES))
def test_either_ocr_engine_finds_the_lines(engine: str) -> None:
    pytest.importorskip(MODULES[engine], reason=f"pip install {engine} to test this engine")
    image = Image.open(io.BytesIO(drawn_page())).convert("RGB")
    texts = {line.text.replace(" ", "") for line in make_recognizer(2, engine).lines(image)}
    assert {"GOODMORNING!", "HOWAREYOU?", "THANKYOU."} <= texts
