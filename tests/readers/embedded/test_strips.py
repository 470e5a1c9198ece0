"""Strips as long as web comics are: found, whole, once, from top to bottom."""

import asyncio
import io
import os
import sys
import threading

import pytest
from PIL import Image, ImageDraw, ImageFont

from backend.readers.base import Direction, Reading, ReadOptions
from backend.readers.embedded import EmbeddedReader
from backend.readers.embedded.detector import search_scale
from backend.readers.embedded.line import Line
from backend.readers.embedded.recognizer import Recognizer
from backend.readers.embedded.strips import OVERLAP, Stopped, read_lines
from backend.readers.layout import cut_page, panels_of

WIDTH, HEIGHT = 500, 6000


class SeenLines:
    """A recogniser that sees those columns of a strip that a tile shows, cut at its edges. The tile's top is coded in its first pixel."""

    def __init__(self, *tops_and_heights: tuple[int, int]) -> None:
        self.known = tops_and_heights
        self.tiles = 0

    def lines(self, image: Image.Image) -> list[Line]:
        self.tiles += 1
        start = int.from_bytes(image.crop((0, 0, 1, 1)).tobytes()[:2], "big")
        seen = []
        for top, height in self.known:
            y0, y1 = max(top, start) - start, min(top + height, start + image.height) - start
            if y1 > y0:
                seen.append(Line(100, y0, 120, y1, str(top), 1.0))
        return seen


def strip(width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height))
    for y in range(height):
        image.putpixel((0, y), (y // 256, y % 256, 0))
    return image


@pytest.mark.parametrize("length", [20, int(OVERLAP * WIDTH)])
def test_every_line_is_read_once_and_whole_wherever_tiles_meet(length: int) -> None:
    known = [(top, length) for top in range(0, HEIGHT - length + 1, 37)]
    recognizer = SeenLines(*known)
    lines = read_lines(strip(WIDTH, HEIGHT), recognizer)
    assert sorted((round(line.y0), round(line.height)) for line in lines) == known
    assert recognizer.tiles > 5


@pytest.mark.parametrize("height", [1101, 1349, 1350, 1351, 1650])
def test_the_foot_of_a_strip_is_read(height: int) -> None:
    lines = read_lines(strip(WIDTH, height), SeenLines((height - 20, 20)))
    assert [round(line.y1) for line in lines] == [height]


def test_a_page_is_read_at_once() -> None:
    recognizer = SeenLines((5, 20))
    assert len(read_lines(strip(500, 1000), recognizer)) == 1
    assert recognizer.tiles == 1


@pytest.mark.parametrize(
    ("size", "most"), [((1, 20_000), 0), ((20_000, 1), 0), ((7, 65_535), 0), ((8, 65_535), 120), ((100, 20_000), 40)]
)
def test_slivers_cost_no_more_than_pages(size: tuple[int, int], most: int) -> None:
    recognizer = SeenLines()
    assert read_lines(Image.new("RGB", size), recognizer) == []
    assert recognizer.tiles <= most


def test_what_nobody_waits_for_ends_between_two_tiles() -> None:
    recognizer = SeenLines()
    with pytest.raises(Stopped):
        read_lines(strip(WIDTH, HEIGHT), recognizer, lambda: recognizer.tiles == 2)
    assert recognizer.tiles == 2


@pytest.mark.parametrize("size", [(1, 20_000), (8, 65_535), (65_535, 8), (1, 1)])
def test_a_sliver_is_cut_up_and_searched_in_bounds(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "white")
    assert len(panels_of(image, cut_page(image))) <= 1
    assert size[0] * size[1] * search_scale(*size) ** 2 <= 5_000_000


async def test_a_strip_that_is_not_wanted_any_more_makes_room_for_the_next_page() -> None:
    reader = EmbeddedReader(threads=2)
    await reader.load()
    counted = reader._recognizer = Counted(reader._recognizer)
    file = io.BytesIO()
    Image.new("L", (800, 30_000), 200).save(file, "PNG")
    reading = asyncio.create_task(reader.read([file.getvalue()], ReadOptions()))
    while not counted.calls:
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.get_running_loop().run_in_executor(reader._executor, lambda: None)  # whatever is still being read comes first
    await reader.aclose()
    assert counted.calls <= 2


class Counted:
    """A recogniser, and how many tiles it was given."""

    def __init__(self, recognizer: Recognizer | None) -> None:
        assert recognizer is not None
        self._recognizer = recognizer
        self.calls = 0

    def lines(self, image: Image.Image) -> list[Line]:
        self.calls += 1
        return self._recognizer.lines(image)


async def test_small_words_on_a_long_strip_are_read_from_top_to_bottom() -> None:
    image, font = Image.new("RGB", (800, 4500), "white"), ImageFont.load_default(24)
    pen, expected = ImageDraw.Draw(image), []
    for number, y in enumerate(range(150, 4500, 1000)):
        pen.ellipse((60 + 40 * number, y - 60, 420 + 40 * number, y + 100), outline="black", width=3)
        words = ["ONE", "TWO", "THREE", "FOUR", "FIVE"][number]
        pen.text((130 + 40 * number, y), f"THIS IS {words}", fill="black", font=font)
        expected.append(f"THIS IS {words}")
    file = io.BytesIO()
    image.save(file, "PNG")
    reader = EmbeddedReader(threads=2)
    [reading] = await reader.read([file.getvalue()], ReadOptions(direction=Direction.VERTICAL))
    await reader.aclose()
    assert isinstance(reading, Reading)
    assert [box.text for box in reading.boxes] == expected


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads a niceness of their own; nothing to install")
async def test_reading_gives_way_to_the_rest_of_the_program() -> None:
    reader = EmbeddedReader(threads=1)
    seen = await asyncio.get_running_loop().run_in_executor(
        reader._executor, lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    )
    await reader.aclose()
    assert seen >= 10
