"""MagiReader on pages of every awkward kind. The tiny model knows only its own pages; here it is the rules around it that count."""

from __future__ import annotations

import asyncio
import io

import numpy as np
import pytest
import torch
from PIL import Image

from backend.errors import ReadingFailed
from backend.readers.base import Direction, Kind, Reading, ReadOptions
from backend.readers.magi import MagiReader, pixels
from backend.readers.magi.decoding import write
from backend.readers.magi.engine import Engine
from backend.readers.magi.network import Network
from tests.readers.magi.conftest import GOLDEN
from tests.readers.magi.pages import CHARACTER, TEXT, page, plant, png


def steer(reader: MagiReader, **bias: float) -> None:
    """Pushes the class logits: character, text, panel, tail."""
    kinds = ("character", "text", "panel", "tail")
    head = reader._engine.network.class_labels_classifier
    with torch.no_grad():
        head.bias = torch.nn.Parameter(head.bias + torch.tensor([bias.get(kind, 0.0) for kind in kinds]))


def check(reading: Reading, size: tuple[int, int]) -> None:
    """What holds of every reading."""
    assert (reading.width, reading.height) == size
    for box in [*reading.panels, *(text.box for text in reading.boxes), *(one.box for one in reading.characters)]:
        assert 0 <= box[0] < box[2] <= size[0]
        assert 0 <= box[1] < box[3] <= size[1]
    for text in reading.boxes:
        assert text.speaker is None or text.speaker < len(reading.characters)
        assert (text.speaker is None) == (text.speaker_confidence == 0)
        assert text.panel is None or text.panel < len(reading.panels)
    for one in reading.characters:
        assert len(one.embedding) == 48
        assert np.isfinite(one.embedding).all()


@pytest.mark.parametrize(
    ("absent", "bias"),
    [
        ("characters", {"character": -100.0}),
        ("boxes", {"text": -100.0}),
        ("panels", {"panel": -100.0}),
        ("everything", {"character": -100.0, "text": -100.0, "panel": -100.0, "tail": -100.0}),
    ],
)
async def test_a_page_without_one_kind_of_thing(reader, absent, bias):
    steer(reader, **bias)
    (reading,) = await reader.read([(GOLDEN / "pages" / "page_0.png").read_bytes()], ReadOptions())
    check(reading, (640, 904))
    for kind in ("characters", "boxes", "panels"):
        if absent in (kind, "everything"):
            assert getattr(reading, kind) == ()
    if absent == "characters":
        assert all(text.speaker is None for text in reading.boxes)
    if absent == "panels":
        assert all(text.panel is None for text in reading.boxes)


@pytest.mark.parametrize("kind", ["character", "text", "panel", "tail"])
async def test_three_hundred_boxes_of_one_kind(reader, kind):
    steer(reader, **{kind: 100.0})
    (reading,) = await asyncio.wait_for(reader.read([png(page())], ReadOptions()), 60)
    check(reading, (200, 300))
    if kind == "character":
        assert len(reading.characters) == 300


@pytest.mark.parametrize("size", [(500, 1), (1, 500), (1, 1), (3000, 2), (9, 9), (900, 600), (64, 1500)])
async def test_pages_of_every_shape(reader, size):
    (reading,) = await reader.read([png(page(size).resize(size))], ReadOptions())
    check(reading, size)


def encoded(image: Image.Image, form: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **how)
    return out.getvalue()


async def test_colour_modes_read_alike_where_they_look_alike(reader):
    """Grey of 8 and 16 bits, true colour, palette, opaque and clear alpha, one bit: ink is ink."""
    base = page().convert("L").point(lambda value: 255 * (value > 127))
    ink = Image.new("LA", base.size, (0, 0))
    ink.putalpha(base.point(lambda value: 255 - value))
    clear = base.convert("P")
    clear.info["transparency"] = 255
    wide = Image.fromarray(np.asarray(base).astype(np.uint16) * 257)
    variants = [base, base.convert("RGB"), base.convert("P"), base.convert("RGBA"), ink, clear, base.convert("1"), wide]
    readings = await reader.read([png(image) for image in variants], ReadOptions())
    assert all(reading == readings[0] for reading in readings)
    check(readings[0], base.size)


async def test_a_page_in_colour_reads_as_its_own_grey(reader):
    """The models know grey pages only; hue must not reach them."""
    grey = page().convert("L")
    red = Image.merge("RGB", [grey.point(lambda value: min(255, value + 60)), grey, grey])
    (one,), (other,) = await reader.read([png(red)], ReadOptions()), await reader.read([png(red.convert("L"))], ReadOptions())
    assert one == other


@pytest.mark.parametrize(("form", "mode"), [("JPEG", "L"), ("JPEG", "RGB"), ("JPEG", "CMYK"), ("WEBP", "RGB")])
async def test_forms_of_files(reader, form, mode):
    (reading,) = await reader.read([encoded(page().convert(mode), form, quality=95)], ReadOptions())
    check(reading, (200, 300))


async def test_one_bubble_and_nothing_else(reader):
    plant(reader._engine, [(TEXT, (0.5, 0.3, 0.3, 0.2))])
    (reading,) = await reader.read([png(page())], ReadOptions(lang="en"))
    (box,) = reading.boxes
    assert box.box == pytest.approx((70, 60, 130, 120), abs=0.1)
    assert (box.panel, box.speaker, box.speaker_confidence, box.tail) == (None, None, 0.0, None)
    assert (reading.panels, reading.characters, reading.tails) == ((), (), ())
    assert reading.scores.speakers == ((),)


async def test_broken_pages_cost_no_other_page(reader):
    good = png(page())
    readings = await reader.read([b"", good, b"no image", good[:60]], ReadOptions())
    assert [isinstance(reading, ReadingFailed) for reading in readings] == [True, False, True, True]
    assert readings[0].detail


async def test_a_failure_inside_costs_only_its_page(reader, monkeypatch, caplog):
    find = reader._engine.find

    def fail_on_wide(pages, directions):
        if any(one.image.width == 201 for one in pages):
            raise ValueError("inside")
        return find(pages, directions)

    monkeypatch.setattr(reader._engine, "find", fail_on_wide)
    readings = await reader.read([png(page()), png(page((201, 300))), png(page())], ReadOptions())
    assert [isinstance(reading, ReadingFailed) for reading in readings] == [False, True, False]
    assert "inside" in caplog.text
    assert "inside" not in str(readings[1])


async def test_a_page_whose_numbers_are_none_is_a_failure_and_no_empty_page(reader, monkeypatch):
    """As when half precision overflows: nothing would be found, and the listener would hear silence."""
    detect, overflowing = reader._engine._detect, []

    def overflow(shown):
        said = detect(shown)
        overflowing.extend(shown[1:])
        for one, image in zip(said, shown, strict=True):
            if any(np.array_equal(image, other) for other in overflowing):
                one.logits[:] = one.boxes[:] = np.nan
        return said

    monkeypatch.setattr(reader._engine, "_detect", overflow)
    readings = await reader.read([png(page()), png(page((201, 300)))], ReadOptions())
    assert [isinstance(reading, ReadingFailed) for reading in readings] == [False, True]


async def test_a_figure_whose_look_is_no_number_has_none_and_the_reading_can_be_stored(reader, monkeypatch):
    plant(reader._engine, [(CHARACTER, (0.3, 0.3, 0.2, 0.3)), (CHARACTER, (0.7, 0.3, 0.2, 0.3)), (TEXT, (0.5, 0.6, 0.2, 0.1))])
    embed = reader._engine.embed

    def spoilt(crops):
        found = embed(crops)
        found[0] = np.nan
        return found

    monkeypatch.setattr(reader._engine, "embed", spoilt)
    (reading,) = await reader.read([png(page())], ReadOptions())
    assert [one.embedding is None for one in reading.characters] == [True, False]
    assert Reading.model_validate_json(reading.model_dump_json()) == reading


async def test_a_page_reads_the_same_whatever_its_neighbours(reader):
    pages = [png(page()), png(page((300, 200))), png(page((200, 301)))]
    alone = [(await reader.read([one], ReadOptions()))[0] for one in pages]
    together = await reader.read([*pages, *pages], ReadOptions())
    for one, two in zip([*alone, *alone], together, strict=True):
        assert [text.kind for text in one.boxes] == [text.kind for text in two.boxes]
        np.testing.assert_allclose([b.box for b in one.boxes] or [0], [b.box for b in two.boxes] or [0], atol=0.05)


async def test_reading_twice_gives_the_same_to_the_last_digit(reader):
    pages = [png(page()), (GOLDEN / "pages" / "page_0.png").read_bytes()]
    assert await reader.read(pages, ReadOptions()) == await reader.read(pages, ReadOptions())


async def test_no_pages_are_no_readings(reader):
    assert await reader.read([], ReadOptions()) == []


async def test_golden_pages_through_the_front_door(golden):
    reader = MagiReader(GOLDEN, "cpu", pad_together=True)
    readings = await reader.read([path.read_bytes() for path in sorted((GOLDEN / "pages").glob("*.png"))], ReadOptions())
    for reading, result in zip(readings, golden.facts["results"], strict=True):
        assert [character.cluster for character in reading.characters] == result["character_cluster_labels"]
        links = [[at, text.speaker] for at, text in enumerate(reading.boxes) if text.speaker is not None]
        assert links == result["text_character_associations"]
        for text, essential, words in zip(reading.boxes, result["is_essential_text"], result["ocr"], strict=True):
            assert (text.kind in (Kind.SFX, Kind.OTHER)) is not essential
            # Texts that are not of the story are not read; a space before a mark is not printed, and a line end is a space.
            assert not essential or text.text.replace(" ", "") == words.replace(" ", "")
    assert "all day and missed" in " ".join(text.text for text in readings[3].boxes)
    await reader.aclose()


async def test_the_direction_of_the_book_turns_the_order(golden):
    engine = golden.engine
    right = golden.found[0]
    left = engine.find(golden.pages[:1], [Direction.LTR])[0]
    assert sorted(left.texts) == sorted(right.texts)
    assert left.texts != right.texts


async def test_exemplars_of_a_bank_are_embedded_like_figures(golden):
    reader = MagiReader(GOLDEN, "cpu")
    images = [path.read_bytes() for path in sorted((GOLDEN / "bank").glob("*.png"))]
    np.testing.assert_allclose(await reader.embed_figures(images), golden.arrays["bank_embeddings"], atol=1e-4)
    await reader.aclose()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_runs_everywhere_and_decides_in_float32(golden, dtype):
    """What a GPU runs, on the CPU: another precision inside, the same types and nearly the same places outside."""
    engine = Engine(Network.load(GOLDEN, "cpu", dtype), pad_together=True)
    small = min(golden.pages, key=lambda one: one.image.width)
    (objects,), (exact,) = engine.detect([small]), Engine(golden.network).detect([small])
    assert objects.boxes.dtype == objects.logits.dtype == np.float32
    assert np.median(np.abs(objects.boxes - exact.boxes)) < 0.02
    crop = pixels.resized(small.image, (224, 224))
    np.testing.assert_allclose(engine.embed([crop]), golden.engine.embed([crop]), atol=0.15)
    x, _ = pixels.to_device([pixels.resized(small.image, (384, 384))], pixels.HALF, engine.network.device, dtype)
    (text,) = write(engine.network.ocr_model.decoder, engine.network.read_words(x), longest=8)
    assert 0 < text.confidence <= 1
