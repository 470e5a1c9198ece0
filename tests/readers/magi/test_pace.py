"""What keeps a GPU busy, seen without one: few crossings from the device, no waiting for the last page, preparing while it computes."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from PIL import Image

from backend.readers.base import Direction, ReadOptions
from backend.readers.magi import decoding, look, pixels
from backend.readers.magi import reader as reader_module
from backend.readers.magi.engine import Engine
from backend.readers.magi.network import Network
from backend.readers.magi.recognizers import TrocrRecognizer, Words
from backend.readers.magi.tiles import prepare
from backend.readers.magi.transcribe import one_ahead
from tests.readers.magi.conftest import GOLDEN
from tests.readers.magi.pages import CHARACTER, PANEL, TEXT, page, plant, png


class OnDevice(torch.Tensor):
    """A tensor that pretends to lie on a device: whatever is computed from it lies there too, until `cpu` brings it over.

    Counts what would make the host wait for a GPU.
    """

    waits: list[str]
    WAITING = frozenset(
        {"cpu", "item", "tolist", "numpy", "nonzero", "__bool__", "__int__", "__float__", "__index__", "__array__"}
    )

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in cls.WAITING:
            cls.waits.append(name)
        out = super().__torch_function__(func, types, args, kwargs or {})
        return out.as_subclass(torch.Tensor) if name == "cpu" else out


@pytest.fixture
def waits(monkeypatch):
    """Every image goes to the pretended device; returns the list of what waited for it."""
    OnDevice.waits = []
    to_device = pixels.to_device

    def onto(*args):
        x, inside = to_device(*args)
        return x.as_subclass(OnDevice), None if inside is None else inside.as_subclass(OnDevice)

    monkeypatch.setattr(pixels, "to_device", onto)
    return OnDevice.waits


def planted(figures: int, texts: int) -> Engine:
    engine = Engine(Network.load(GOLDEN), crop_batch=64)
    things = [(CHARACTER, (0.1 + 0.02 * at, 0.3, 0.05, 0.1)) for at in range(figures)]
    plant(engine, things + [(TEXT, (0.5, 0.02 + 0.04 * at, 0.1, 0.03)) for at in range(texts)] + [(PANEL, (0.5, 0.5, 1, 1))])
    return engine


@pytest.mark.parametrize(("figures", "texts"), [(1, 1), (12, 20)])
def test_the_host_waits_for_the_device_twice_a_batch_however_much_is_on_the_pages(waits, figures, texts):
    pages = [prepare(page(), 200, 300) for _ in range(4)]
    found = planted(figures, texts).find(pages, [Direction.RTL] * 4)
    assert [len(one.characters) for one in found] == [figures] * 4
    assert [len(one.texts) for one in found] == [texts] * 4
    assert waits == ["cpu", "cpu"], "object queries of all pages, appearance of all figures"


def test_words_cross_once_in_eight_tokens_for_all_texts_together(waits):
    """What a step itself may not do is tested where steps are recorded (`test_fixed.py`)."""
    network = Network.load(GOLDEN)
    crops = [pixels.resized(Image.new("L", (50, 50), 255), (384, 384))] * 6
    x, _ = pixels.to_device(crops, pixels.HALF, network.device, torch.float32)
    network.ocr_model.decoder.end = -1
    texts = decoding.write(network.ocr_model.decoder, network.read_words(x), longest=24, patience=8)
    assert {len(text.ids) for text in texts} == {24}
    assert waits == ["tolist"] * 3


async def test_a_text_is_shown_to_the_word_reader_once_and_only_if_it_is_of_the_story(reader):
    shown = []
    for one in reader._words._all:
        if isinstance(one, TrocrRecognizer):
            one.read_now = lambda crops: [shown.append(1) or Words("word", 0.5) for _ in crops]
    (reading,) = await reader.read([(GOLDEN / "pages" / "page_0.png").read_bytes()], ReadOptions(lang="en"))
    told = sum(score > 0.6225 for score in reading.scores.story)
    assert sum(shown) == told < len(reading.boxes)


async def test_each_figure_is_embedded_once(reader, monkeypatch):
    embedded, embed = [], reader._engine.embed
    monkeypatch.setattr(reader._engine, "embed", lambda crops: (embedded.append(len(crops)), embed(crops))[1])
    pages = [path.read_bytes() for path in sorted((GOLDEN / "pages").glob("*.png"))]
    readings = await reader.read(pages, ReadOptions())
    assert sum(embedded) == sum(len(reading.characters) for reading in readings) > 0


async def test_the_first_page_does_not_wait_for_the_twentieth(reader, monkeypatch):
    """Twenty pages come at once, each in a call of its own: the first is told when at most one more batch has been begun."""
    begun, find = [], reader._engine.find

    def counted(pages, directions):
        begun.append(len(pages))
        return find(pages, directions)

    monkeypatch.setattr(reader._engine, "find", counted)
    reader._page_batch = 2
    calls = [asyncio.create_task(reader.read([png(page((120, 150)))], ReadOptions())) for _ in range(20)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    assert sum(begun) <= 4
    await asyncio.gather(*calls)
    assert sum(begun) == 20


async def test_pages_are_prepared_while_the_device_computes(reader, monkeypatch):
    """The second chunk of a call is decoded and resized although the first is still in the network."""
    prepared, both = [], threading.Event()
    prepare_one, find = reader._prepare, reader._engine.find

    def noted(data, direction):
        prepared.append(threading.current_thread().name)
        if len(prepared) == 4:
            both.set()
        return prepare_one(data, direction)

    def slow(pages, directions):
        assert both.wait(20), "the other pages were not prepared meanwhile"
        return find(pages, directions)

    monkeypatch.setattr(reader, "_prepare", noted)
    monkeypatch.setattr(reader._engine, "find", slow)
    reader._page_batch = 2
    assert len(await reader.read([png(page((120, 150)))] * 4, ReadOptions())) == 4
    assert all(name.startswith("magi-prepare") for name in prepared)


async def test_bubbles_are_looked_at_while_words_are_read_and_nothing_of_it_holds_up_the_event_loop(reader, monkeypatch):
    looked, names = threading.Event(), {}

    def noted(work):
        def run(*parts):
            names.setdefault(work.__name__, set()).add(threading.current_thread().name.rpartition("_")[0])
            return work(*parts)

        return run

    def bursts_of(*parts):
        looked.set()
        return bursts(*parts)

    def words(crops):
        assert looked.wait(20), "the bubbles were left for later"
        return [Words("word", 0.5)] * len(crops)

    bursts = reader_module.bursts_of
    monkeypatch.setattr(reader_module, "bursts_of", noted(bursts_of))
    for name in ("texts_of", "reading_of"):
        monkeypatch.setattr(reader_module, name, noted(getattr(reader_module, name)))
    monkeypatch.setattr(look, "columns", noted(look.columns))
    reader._english.read_now = words
    (reading,) = await reader.read([(GOLDEN / "pages" / "page_0.png").read_bytes()], ReadOptions(lang="en"))
    assert "word" in [box.text for box in reading.boxes]
    assert names == {name: {"magi-prepare"} for name in ("texts_of", "bursts_of", "reading_of", "columns")}


def test_the_next_crops_are_resized_while_the_device_works_on_those_before():
    begun = [threading.Event() for _ in range(4)]

    def work(number):
        begun[number].set()
        return 10 * number

    with ThreadPoolExecutor(1) as pool:
        for number, result in enumerate(one_ahead(pool, work, range(4))):
            assert result == 10 * number
            assert begun[min(number + 1, 3)].wait(20), "nobody works ahead"
            assert not any(event.is_set() for event in begun[number + 2 :]), "one batch ahead and no more: crops take room"
        assert list(one_ahead(pool, work, [])) == []


def test_images_for_a_gpu_lie_in_pinned_memory(monkeypatch):
    """No GPU here: what is asked of torch is looked at, and nothing is moved."""
    asked, zeros, to = [], torch.zeros, torch.Tensor.to

    def noted(*size, pin_memory=False, **how):
        asked.append(pin_memory)
        return zeros(*size, **how)

    moved = []

    def stay(tensor, *where, non_blocking=False, **how):
        if where and isinstance(where[0], torch.device):
            moved.append((tensor.dtype, non_blocking))
            return tensor
        return to(tensor, *where, **how)

    monkeypatch.setattr(torch, "zeros", noted)
    monkeypatch.setattr(torch.Tensor, "to", stay)
    images = [pixels.resized(Image.new("L", (20, 30)), size) for size in ((8, 9), (8, 7))]
    pixels.to_device(images, pixels.IMAGENET, torch.device("cuda"), torch.float32)
    assert asked == [True, True], "the pixels and which of them are the page"
    assert set(moved) == {(torch.uint8, True), (torch.bool, True)}, "nothing else crosses, and nobody waits for it"
