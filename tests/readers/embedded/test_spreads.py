"""Two drawn pages side by side in one image, read by the OCR engine.

The pages were chosen because some of their rows are level: read by rows they come out mixed.
"""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backend.readers.base import Direction, Kind, Reading, ReadOptions
from backend.readers.embedded import EmbeddedReader
from benchmarks.scoring import SpokenBox, score_page

SAMPLES = Path(__file__).parents[3] / "samples"


def joined(first: Path, second: Path, direction: Direction) -> tuple[bytes, dict[str, Any]]:
    """An image on which a reader of `direction` meets `first` before `second`, and what is said there in order."""
    left, right = (second, first) if direction is Direction.RTL else (first, second)
    with Image.open(left) as one, Image.open(right) as other:
        image = Image.new("RGB", (one.width + other.width, max(one.height, other.height)), "white")
        image.paste(one, (0, 0))
        image.paste(other, (one.width, 0))
        shift = {left: 0, right: one.width}
    truth: dict[str, Any] = {"blocks": []}
    for page in (first, second):
        for block in json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["blocks"]:
            x, *others = block["box"]
            truth["blocks"].append({**block, "box": [x + shift[page], *others]})
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue(), truth


@pytest.mark.parametrize(
    ("direction", "first", "second"),
    [(Direction.RTL, "ja/page-05.png", "ja/page-03.png"), (Direction.LTR, "en/page-01.png", "en/page-02.png")],
)
async def test_all_of_one_page_is_read_before_all_of_the_other(direction: Direction, first: str, second: str) -> None:
    image, truth = joined(SAMPLES / first, SAMPLES / second, direction)
    reader = EmbeddedReader(threads=2)
    [reading] = await reader.read([image], ReadOptions(direction=direction))
    await reader.aclose()
    assert isinstance(reading, Reading)
    spoken = [SpokenBox(box.box, box.text) for box in reading.boxes if box.kind not in (Kind.SFX, Kind.OTHER)]
    score = score_page(truth, spoken)
    assert score.tau == 1
    assert score.found == score.blocks
    assert score.errors <= 0.05 * score.characters
    sides = [(box.box[0] + box.box[2] > reading.width) for box in reading.boxes]
    assert sides == sorted(sides, reverse=direction is Direction.RTL)
    assert {panel[0] + panel[2] > reading.width for panel in reading.panels} == {True, False}
