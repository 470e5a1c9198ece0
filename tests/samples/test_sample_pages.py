"""What everybody who uses the sample pages relies on: the records tell the truth about the pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SAMPLES = Path(__file__).parents[2] / "samples"
RECORDS = sorted(SAMPLES.glob("*/page-*.json"))


def load(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


@pytest.fixture(params=RECORDS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def page(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Path]:
    return load(request.param), request.param.with_suffix(".png")


def corners(box: list[int]) -> tuple[int, int, int, int]:
    x, y, width, height = box
    return x, y, x + width, y + height


def test_every_picture_has_a_record_and_the_other_way_round() -> None:
    assert [p.with_suffix(".png") for p in RECORDS] == sorted(SAMPLES.glob("*/page-*.png"))
    assert [p.parent.name for p in RECORDS] == ["en"] * 3 + ["ja"] * 7


def test_the_picture_is_small_and_as_large_as_the_record_says(page: tuple[dict[str, Any], Path]) -> None:
    record, picture = page
    assert picture.name == record["image"]
    assert picture.stat().st_size < 80_000
    with Image.open(picture) as image:
        assert (image.width, image.height) == (record["width"], record["height"])


def test_every_block_panel_and_figure_lies_on_the_page(page: tuple[dict[str, Any], Path]) -> None:
    record, _ = page
    boxes = [*record["panels"], *(part["box"] for key in ("blocks", "characters") for part in record[key])]
    boxes += [ruby["box"] for block in record["blocks"] for ruby in block.get("ruby", [])]
    for box in boxes:
        x0, y0, x1, y1 = corners(box)
        assert 0 <= x0 < x1 <= record["width"], box
        assert 0 <= y0 < y1 <= record["height"], box


def test_every_block_is_ink_on_white_where_the_record_says(page: tuple[dict[str, Any], Path]) -> None:
    record, picture = page
    with Image.open(picture) as image:
        grey = np.asarray(image.convert("L"))
    for block in record["blocks"]:
        if block["kind"] == "sfx":
            continue  # drawn over the picture, not on white
        x0, y0, x1, y1 = corners(block["box"])
        words = grey[y0:y1, x0:x1]
        assert (words < 100).mean() > 0.02, block["text"]
        assert (words > 230).mean() > 0.5, block["text"]
        frame = np.concatenate([grey[y0 - 6, x0:x1], grey[y1 + 5, x0:x1]])
        assert (frame > 230).all(), f"{block['text']}: something touches the words"


def test_blocks_say_what_their_lines_say_and_who_says_it(page: tuple[dict[str, Any], Path]) -> None:
    record, _ = page
    seen = {figure["name"] for figure in record["characters"]} | {"Narrator"}
    for block in record["blocks"]:
        assert block["text"] == ("" if record["lang"] == "ja" else " ").join(block["lines"])
        assert block["text"].strip()
        assert block["kind"] in {"speech", "narration", "sfx"}
        if block["kind"] != "sfx":
            assert block["speaker"] in seen | {"Grandfather", "Hina"}  # a voice from outside the panel


def test_no_two_blocks_overlap(page: tuple[dict[str, Any], Path]) -> None:
    record, _ = page
    boxes = [corners(block["box"]) for block in record["blocks"]]
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1])


def test_the_chapter_has_what_a_reader_must_cope_with() -> None:
    records = [load(path) for path in RECORDS]
    japanese = [r for r in records if r["lang"] == "ja"]
    assert {r["direction"] for r in japanese} == {"rtl"}
    assert sum(not r["blocks"] for r in japanese) == 1, "one page without words"
    assert any("ruby" in block for r in japanese for block in r["blocks"]), "furigana"
    for lang in ("ja", "en"):
        kinds = {block["kind"] for r in records if r["lang"] == lang for block in r["blocks"]}
        assert kinds == {"speech", "narration", "sfx"}
    assert all("page_number" in r for r in records if r["blocks"])
