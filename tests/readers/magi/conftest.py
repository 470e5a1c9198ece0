"""The golden set: a tiny model under the published tensor names, drawn pages, and what the reference computes for them, stage by stage."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason='torch is not installed; pip install "tanoshi-narration[gpu]"')

from backend.readers.base import Direction  # noqa: E402
from backend.readers.magi import MagiReader, pixels  # noqa: E402
from backend.readers.magi.engine import Engine, Found  # noqa: E402
from backend.readers.magi.network import Network  # noqa: E402
from backend.readers.magi.recognizers import Words  # noqa: E402
from backend.readers.magi.tiles import Objects, Prepared, prepare  # noqa: E402

GOLDEN = Path(__file__).parents[2] / "data" / "magi"
PAGES = range(4)


@dataclass(frozen=True)
class Golden:
    """The set and what this program computes for it, once for all tests."""

    directory: Path
    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]
    network: Network
    pages: list[Prepared]
    engine: Engine
    objects: list[Objects]
    found: list[Found]


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """The tiny model is all overhead; threads that wait for each other on a busy machine only make it slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def golden(_one_thread) -> Golden:
    network = Network.load(GOLDEN)
    pages = [prepare(Image.open(path), 800, 1333) for path in sorted((GOLDEN / "pages").glob("*.png"))]
    engine = Engine(network, pad_together=True)
    objects = engine.detect(pages)
    known = dict(zip(map(id, pages), objects, strict=True))
    # The detector is the slow part: `find` is given what it has just said.
    engine.detect = lambda some: [known[id(page)] for page in some]  # type: ignore[method-assign]
    found = engine.find(pages, [Direction.RTL] * len(pages))
    with np.load(GOLDEN / "expected.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    facts = json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))
    return Golden(GOLDEN, arrays, facts, network, pages, engine, objects, found)


@pytest.fixture(scope="session")
def text_pixels(golden):
    """All texts of all pages in reading order as the text reader sees them."""
    crops = [
        pixels.cut(golden.pages[page].image, tuple(bounds), 384)
        for page in range(4)
        for bounds in golden.arrays[f"p{page}_text_crops"].tolist()
    ]
    return pixels.to_device(crops, pixels.HALF, torch.device("cpu"), torch.float32)[0]


@pytest.fixture(scope="session")
def text_memory(golden, text_pixels):
    return golden.network.read_words(text_pixels)


@pytest.fixture
async def reader():
    reader = MagiReader(GOLDEN, "cpu")
    await reader.load()
    # What these tests are about does not depend on how large pages are shown, but their time does.
    network = reader._engine.network
    network.sizes = replace(network.sizes, shortest_edge=400, longest_edge=666)
    # Words of the tiny model on foreign pages go on for 512 tokens; these tests are not about words.
    for one in reader._words._all:
        reader_words = one
        reader_words.read_now = lambda crops: [Words("word", 0.5)] * len(crops)
    yield reader
    await reader.aclose()
