"""benchmarks/magi.py prints what its page says, with the tiny model in place of one of the published size."""

from __future__ import annotations

import re
import sys
import types

import pytest

from benchmarks import magi
from tests.readers.magi.conftest import GOLDEN


def run(monkeypatch, capsys, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["magi", "--directory", str(GOLDEN), "--device", "cpu", "--tokens", "6", *arguments])
    magi.main()
    return capsys.readouterr().out


def test_pages_a_second_by_stage_and_in_all_memory_and_both_ratios(monkeypatch, capsys):
    seen = []

    def read(directory: str, pages: list) -> None:
        seen.append((directory, [page.shape for page in pages]))

    standin = types.ModuleType("standin_reader")
    standin.read = read
    monkeypatch.setitem(sys.modules, "standin_reader", standin)
    said = run(monkeypatch, capsys, "--pages", "2", "--as-upstream", "--rounds", "1", "--reference", "standin_reader:read")
    ours, upstream = said.split("the reference's schedule")
    for report in (ours, upstream):
        for stage in ("prepare", "detect", "embed figures", "crop, link, order", "look at texts", "write texts", "in all"):
            assert re.search(rf"{stage} +[\d.]+ s/page +[\d.]+ pages/s", report), stage
    for stage in ("cut out texts", "look at bubbles", "put together", r"MagiReader\.read"):
        assert re.search(rf"{stage} +[\d.]+ s/page +[\d.]+ pages/s", ours), stage
    assert re.search(r"peak: [\d.]+ GB", ours)
    assert re.search(r"[\d.]+ x our time; the same token ids", upstream), "the rebuilt schedule gives equal results"
    assert re.search(r"standin_reader:read: [\d.]+ s/page, [\d.]+ x our time", upstream)
    assert seen == [(str(GOLDEN), [(1600, 1114, 3)] * 2)]


@pytest.mark.parametrize("decoder", ["growing", "fixed"])
def test_both_ways_to_write_can_be_measured(monkeypatch, capsys, decoder):
    assert "write texts" in run(monkeypatch, capsys, "--pages", "1", "--rounds", "1", "--decoder", decoder)
