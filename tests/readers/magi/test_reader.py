"""MagiReader on pages of every awkward kind. The tiny model knows only its own pages; here it is the rules around it that count."""

from __future__ import annotations

import asyncio
import builtins
import importlib.util
import io
import logging
import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from backend.engine import EngineState
from backend.errors import ConfigurationError, ReadingFailed, Unavailable
from backend.readers.base import Direction, Kind, Reading, ReadOptions
from backend.readers.magi import LICENCE_NOTICE, MagiReader, build_reader, pixels
from backend.readers.magi.decoding import write
from backend.readers.magi.engine import Engine
from backend.readers.magi.network import Network
from backend.readers.magi.recognizers import BorrowedRecognizer, Words
from backend.readers.magi.words import PageTexts, WordReaders
from tests.readers.magi.conftest import GOLDEN


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def page(size=(200, 300)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((5, 5, max(6, size[0] - 5), max(6, size[1] // 2)), outline="black", width=3)
    draw.ellipse((40, 30, 120, 90), outline="black", width=2)
    return image


@pytest.fixture
async def reader():
    reader = MagiReader(GOLDEN, "cpu")
    await reader.load()
    # Words of the tiny model on foreign pages go on for 512 tokens; these tests are not about words.
    for one in reader._words._all:
        reader_words = one
        reader_words.read_now = lambda crops: [Words("word", 0.5)] * len(crops)
    yield reader
    await reader.aclose()


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


async def test_colour_modes_read_alike_where_they_look_alike(reader):
    base = page().convert("L")
    alpha = Image.new("LA", base.size, (0, 0))
    alpha.putalpha(base.point(lambda value: 255 - value))
    variants = [base, base.convert("RGB"), base.convert("P"), base.convert("RGBA"), alpha, base.convert("1")]
    readings = await reader.read([png(image) for image in variants], ReadOptions())
    assert all(reading == readings[0] for reading in readings[:4])
    assert all(isinstance(reading, Reading) for reading in readings)


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


async def test_a_page_reads_the_same_whatever_its_neighbours(reader):
    pages = [png(page()), png(page((300, 200))), png(page((200, 301)))]
    alone = [(await reader.read([one], ReadOptions()))[0] for one in pages]
    together = await reader.read([*pages, *pages], ReadOptions())
    for one, two in zip([*alone, *alone], together, strict=True):
        assert [text.kind for text in one.boxes] == [text.kind for text in two.boxes]
        np.testing.assert_allclose([b.box for b in one.boxes] or [0], [b.box for b in two.boxes] or [0], atol=0.05)


async def test_no_pages_are_no_readings(reader):
    assert await reader.read([], ReadOptions()) == []


async def test_the_first_page_does_not_wait_for_the_twentieth(reader):
    finished = []

    async def one(number):
        await reader.read([png(page((120 + number, 150)))], ReadOptions())
        finished.append(number)

    await asyncio.gather(*(one(number) for number in range(10)))
    assert set(finished[:2]) < set(range(10))
    assert len(finished) == 10


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


class TestLife:
    async def test_loading_twice_at_once_loads_once_and_states_the_licence(self, caplog):
        reader = MagiReader(GOLDEN, "cpu")
        assert reader.state is EngineState.IDLE
        mark = reader.fingerprint
        with caplog.at_level(logging.INFO):
            await asyncio.gather(reader.load(), reader.load())
        assert sum(LICENCE_NOTICE in record.getMessage() for record in caplog.records) == 1
        assert reader.state is EngineState.READY
        assert reader.fingerprint == mark
        await reader.aclose()
        assert reader.state is EngineState.IDLE

    async def test_closing_while_pages_are_read_says_so(self):
        reader = MagiReader(GOLDEN, "cpu", page_batch=1)
        await reader.load()
        reading = asyncio.create_task(reader.read([png(page())] * 6, ReadOptions()))
        await asyncio.sleep(0.05)
        await reader.aclose()
        with pytest.raises(Unavailable, match="closed"):
            await reading

    async def test_a_missing_directory(self, tmp_path):
        reader = MagiReader(tmp_path / "nowhere", "cpu")
        with pytest.raises(ConfigurationError, match=r"There is no directory|is missing"):
            await reader.load()
        assert reader.state is EngineState.FAILED
        await reader.aclose()

    async def test_a_gpu_that_is_not_there(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        reader = MagiReader(GOLDEN, "cuda")
        with pytest.raises(ConfigurationError, match="no GPU"):
            await reader.load()
        await reader.aclose()

    async def test_without_torch_the_sentence_says_what_to_install(self, monkeypatch):
        find = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest))
        with pytest.raises(ConfigurationError, match=r"tanoshi-narration\[gpu\]"):
            MagiReader(GOLDEN)

    def test_importing_the_reader_imports_no_torch(self, monkeypatch):
        kept = {name: module for name, module in sys.modules.items() if name.startswith("backend.readers")}
        for name in kept:
            monkeypatch.delitem(sys.modules, name)
        real = builtins.__import__

        def no_torch(name, *rest):
            assert name.split(".")[0] != "torch"
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", no_torch)
        importlib.import_module("backend.readers.magi")

    async def test_manga_ocr_beside_the_weights_is_found(self, tmp_path):
        (tmp_path / "manga-ocr").mkdir()
        reader = build_reader(tmp_path)
        assert [sorted(one.langs) for one in reader._recognizers] == [["ja"]]
        await reader.aclose()


class Stub:
    """A recogniser that says its own name."""

    def __init__(self, name, langs, confidence=0.9):
        self.langs, self.fingerprint = frozenset(langs), name
        self.name, self.confidence, self.calls = name, confidence, []

    async def load(self): ...

    async def aclose(self): ...

    async def read(self, crops):
        self.calls.append(len(crops))
        return [Words(self.name, self.confidence) for _ in crops]


def columns_of_text(count=3):
    image = Image.new("L", (30 * count + 10, 150), 255)
    draw = ImageDraw.Draw(image)
    for column in range(count):
        for row in range(7):
            draw.rectangle((8 + 30 * column, 6 + 20 * row, 24 + 30 * column, 20 + 20 * row), fill=0)
    return image


def lines_of_text():
    return columns_of_text().transpose(Image.Transpose.TRANSPOSE)


class TestLanguages:
    async def test_columns_go_to_the_japanese_recogniser_at_a_glance(self):
        english, japanese = Stub("words", {"en"}), Stub("ことば", {"ja"})
        text = PageTexts([columns_of_text()] * 4, None)
        await WordReaders([japanese, english]).read([text])
        assert text.langs == ["ja"] * 4
        assert (english.calls, japanese.calls) == ([], [4])

    @pytest.mark.parametrize(("sure_of_english", "lang"), [(0.95, "en"), (0.2, "ja")])
    async def test_lines_go_to_the_surer_one(self, sure_of_english, lang):
        english, japanese = Stub("words", {"en"}, sure_of_english), Stub("ことば", {"ja"}, 0.6)
        text = PageTexts([lines_of_text()] * 5, None)
        await WordReaders([japanese, english]).read([text])
        assert text.langs == [lang] * 5
        assert max(english.calls + japanese.calls) == 5

    async def test_a_recogniser_of_any_language_is_the_referee_and_the_last_resort(self):
        english, any_language = Stub("words", {"en"}), Stub("안녕하세요", set())
        text = PageTexts([lines_of_text()], None)
        await WordReaders([any_language, english]).read([text])
        assert (text.langs, text.words[0].text) == (["ko"], "안녕하세요")

    async def test_what_the_book_says_is_believed(self):
        english, japanese = Stub("words", {"en"}), Stub("ことば", {"ja"})
        text = PageTexts([columns_of_text()], "en")
        await WordReaders([japanese, english]).read([text])
        assert (text.langs, text.words[0].text) == (["en"], "words")

    async def test_a_language_nobody_reads_is_left_unread_and_said(self, caplog):
        text = PageTexts([columns_of_text()], None)
        await WordReaders([Stub("words", {"en"})]).read([text])
        assert text.words == [Words("", 0.0)]
        assert "'ja'" in caplog.text

    async def test_texts_of_many_pages_share_one_call(self):
        english = Stub("words", {"en"})
        pages = [PageTexts([lines_of_text()] * 2, "en") for _ in range(5)]
        await WordReaders([english]).read(pages)
        assert english.calls == [10]

    async def test_a_borrowed_reader_is_shown_crops_as_pages(self):
        class PageStub(Stub):
            async def read(self, pages, options):
                sizes = [Image.open(io.BytesIO(page)).size for page in pages]
                box = {"box": (0, 0, 5, 5), "kind": Kind.SPEECH, "lang": "fr", "confidence": 0.5}
                good = Reading(width=9, height=9, boxes=[{**box, "text": "bon"}, {**box, "text": f"{sizes[0][0]}"}])
                return [good, ReadingFailed("no")]

        words = await BorrowedRecognizer(PageStub("page", set())).read([columns_of_text(), columns_of_text()])
        assert words[0].text.startswith("bon 1")
        assert words[1] == Words("", 0.0)


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
