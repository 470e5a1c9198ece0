"""MagiReader from loading to closing: what it says when something is missing, and its licence."""

from __future__ import annotations

import asyncio
import builtins
import importlib.util
import logging
import sys
import threading

import pytest
import torch

from backend.engine import EngineState
from backend.engines import make_reader
from backend.errors import ConfigurationError, Unavailable
from backend.readers.base import Reading, ReadOptions
from backend.readers.magi import LICENCE_NOTICE, MagiReader, build_reader
from backend.settings import Settings
from tests.readers.magi.conftest import GOLDEN
from tests.readers.magi.pages import page, png


async def test_loading_twice_at_once_loads_once_and_states_the_licence(caplog):
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


async def test_closing_while_pages_are_read_says_so():
    reader = MagiReader(GOLDEN, "cpu", page_batch=1)
    await reader.load()
    reading = asyncio.create_task(reader.read([png(page())] * 6, ReadOptions()))
    await asyncio.sleep(0.05)
    await reader.aclose()
    with pytest.raises(Unavailable, match="closed"):
        await reading


async def test_a_lost_gpu_is_no_fault_of_the_pages_and_shows_in_the_reader_s_state(reader, monkeypatch, caplog):
    """Pages may be tried again elsewhere, so they are not failed; none is tried alone first, for that would fail too."""
    tried, find = [], reader._engine.find

    def lost(pages, directions):
        tried.append(len(pages))
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(reader._engine, "find", lost)
    with pytest.raises(Unavailable, match="GPU that reads pages was lost"):
        await reader.read([png(page())] * 3, ReadOptions())
    assert tried == [3]
    assert reader.state is EngineState.FAILED
    monkeypatch.setattr(reader._engine, "find", find)
    (reading,) = await reader.read([png(page())], ReadOptions())
    assert isinstance(reading, Reading)
    assert reader.state is EngineState.READY


async def test_a_call_that_was_cancelled_says_nothing_of_the_gpu(reader, monkeypatch):
    find, go_on = reader._engine.find, threading.Event()

    def lost(pages, directions):
        if not pages:
            return find(pages, directions)
        go_on.wait(5)
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(reader._engine, "find", lost)
    first = asyncio.create_task(reader.read([png(page())], ReadOptions()))
    await asyncio.sleep(0.2)
    second = asyncio.create_task(reader.read([png(page())], ReadOptions()))
    await asyncio.sleep(0.2)
    second.cancel()
    await asyncio.sleep(0.02)
    go_on.set()
    with pytest.raises(Unavailable):
        await first
    await asyncio.sleep(0.2)
    assert reader.state is EngineState.FAILED
    monkeypatch.setattr(reader._engine, "find", find)
    await reader.read([png(page())], ReadOptions())


async def test_a_missing_directory(tmp_path):
    reader = MagiReader(tmp_path / "nowhere", "cpu")
    with pytest.raises(ConfigurationError, match=r"There is no directory .*nowhere\.$"):
        await reader.load()
    assert reader.state is EngineState.FAILED
    await reader.aclose()


async def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    reader = MagiReader(GOLDEN, "cuda")
    with pytest.raises(ConfigurationError, match="no GPU"):
        await reader.load()
    await reader.aclose()


async def test_without_torch_the_sentence_says_what_to_install(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest))
    with pytest.raises(ConfigurationError, match=r"tanoshi-narration\[gpu\]"):
        MagiReader(GOLDEN)


def test_importing_the_reader_imports_no_torch(monkeypatch):
    kept = {name: module for name, module in sys.modules.items() if name.startswith("backend.readers")}
    for name in kept:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def no_torch(name, *rest):
        assert name.split(".")[0] != "torch"
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_torch)
    importlib.import_module("backend.readers.magi")


async def test_manga_ocr_beside_the_weights_is_found(tmp_path):
    (tmp_path / "manga-ocr").mkdir()
    reader = build_reader(tmp_path)
    assert [sorted(one.langs) for one in reader._recognizers] == [["ja"]]
    await reader.aclose()


async def test_reader_magi_in_the_settings_reads_with_the_embedded_reader_to_fall_back_on(tmp_path, golden):
    """READER=magi MAGI_DIR=... in any process. The tiny model knows its pages as one padded batch only, so it is shown them as that."""
    reader = make_reader(Settings(_env_file=None, reader="magi", magi_dir=GOLDEN, data_dir=tmp_path))
    assert isinstance(reader, MagiReader)
    assert [type(one).__name__ for one in reader._recognizers] == ["WholePageRecognizer"]
    await reader.load()
    reader._engine.pad_together = True
    pages = [path.read_bytes() for path in sorted((GOLDEN / "pages").glob("*.png"))]
    reading, *_ = await reader.read(pages, ReadOptions(lang="en"))
    assert isinstance(reading, Reading)
    expected = golden.facts["results"][0]
    told = [words for words, essential in zip(expected["ocr"], expected["is_essential_text"], strict=True) if essential]
    assert [box.text for box in reading.boxes if box.text] == told
    await reader.aclose()
