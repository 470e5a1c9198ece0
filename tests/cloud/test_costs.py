"""The tables of need.md are arithmetic that can be checked, and they exist for every setting."""

from __future__ import annotations

import pytest

from backend.cloud.costs import CORE_USD_S, GPU_USD_S, PRICES_SEEN, Container, Speeds, chapter_cost, gpu_usd_s, month_cost, tables
from backend.cloud.sizing import CloudSettings
from backend.errors import ConfigurationError
from tests.support.modal_cloud.cloud import ROOT


def sizes(**changes: object) -> CloudSettings:
    return CloudSettings(_env_file=None, **changes)


def test_a_warm_container_costs_its_seconds() -> None:
    assert month_cost(Container("L4", 0, 0)) == pytest.approx(GPU_USD_S["L4"] * 730 * 3600)
    assert month_cost(Container(None, 2, 0)) == pytest.approx(2 * CORE_USD_S * 730 * 3600)


def test_a_longer_chapter_costs_more_and_less_a_page() -> None:
    short, long = (chapter_cost(pages, 12, sizes(), Speeds()) for pages in (20, 200))
    assert short.alone < long.alone < 10 * short.alone
    assert long.shared == pytest.approx(10 * short.shared)


def test_sharing_is_never_dearer_than_being_alone() -> None:
    for pages in (1, 20, 200):
        cost = chapter_cost(pages, 6, sizes(), Speeds())
        assert 0 < cost.shared < cost.alone


def test_staying_awake_longer_costs_more() -> None:
    costs = [chapter_cost(20, 12, sizes(scaledown_s=seconds), Speeds()).alone for seconds in (30, 90, 300)]
    assert costs == sorted(costs)


def test_the_tables_name_the_gpu_that_is_asked_for_first() -> None:
    assert "| SovitsSpeaker | A10, 1 core" in "\n".join(tables(sizes(speaker_gpu=("A10", "L4")), Speeds()))
    assert "| MagiReader | 1 core" in "\n".join(tables(sizes(reader_gpu=()), Speeds()))


def test_the_tables_of_need_md_are_those_of_the_program() -> None:
    page = (ROOT / "need.md").read_text(encoding="utf-8")
    for table in "\n".join(tables(sizes(), Speeds())).split("\n\n"):
        assert table in page, f"`python -m backend.cloud.costs` prints another table than need.md has:\n{table}"
    assert PRICES_SEEN in page


@pytest.mark.parametrize(
    ("name", "usd_an_hour"), [("T4", 0.5904), ("L4", 0.7992), ("L40S", 1.9512), ("A100-80GB", 2.4984), ("H100", 3.9492)]
)
def test_prices_a_second_are_the_published_prices_an_hour(name: str, usd_an_hour: float) -> None:
    assert GPU_USD_S[name] * 3600 == pytest.approx(usd_an_hour)


def test_a_gpu_is_priced_by_whatever_name_modal_takes() -> None:
    assert gpu_usd_s("A10G") == gpu_usd_s("a10") == GPU_USD_S["A10"]
    assert gpu_usd_s("A100") == GPU_USD_S["A100-40GB"]
    assert gpu_usd_s("L4:2") == 2 * gpu_usd_s("L4")
    assert gpu_usd_s("H100!") == GPU_USD_S["H100"]
    with pytest.raises(ConfigurationError, match="K80"):
        gpu_usd_s("K80")


def test_gpus_are_listed_with_commas_and_none_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_READER_GPU", "T4, L4")
    monkeypatch.setenv("CLOUD_SPEAKER_GPU", "none")
    found = CloudSettings(_env_file=None)
    assert (found.reader_gpu, found.speaker_gpu) == (("T4", "L4"), ())
