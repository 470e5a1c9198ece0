"""The drawing program and the pages in the repository belong together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from samples import draw, fonts

SAMPLES = Path(draw.__file__).parent
TOLERANCE_PX = 12
"""Another release of a typeface moves words by some pixels; a bubble elsewhere moves them by far more."""


@pytest.fixture(scope="module")
def drawn() -> dict[str, dict[str, Any]]:
    try:
        return {name: record for name, _, record in draw.drawn()}
    except fonts.FontsMissing as missing:
        pytest.skip(f"{missing} Only redrawing needs it; the finished pages are in the repository.")


def test_drawing_again_gives_the_pages_of_the_repository(drawn: dict[str, dict[str, Any]]) -> None:
    assert sorted(drawn) == sorted(f"{p.parent.name}/{p.stem}" for p in SAMPLES.glob("*/page-*.json"))
    for name, record in drawn.items():
        kept = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        assert record["panels"] == kept["panels"]
        assert record["characters"] == kept["characters"]
        assert [b["text"] for b in record["blocks"]] == [b["text"] for b in kept["blocks"]]
        for block, was in zip(record["blocks"], kept["blocks"], strict=True):
            assert block["box"] == pytest.approx(was["box"], abs=TOLERANCE_PX), block["text"]


def test_a_missing_typeface_names_the_package_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_FACES", {"ja": ("NoSuchFace.ttc", "fonts-noto-cjk")})
    fonts._path.cache_clear()
    with pytest.raises(fonts.FontsMissing, match="apt-get install fonts-noto-cjk"):
        fonts.require()
    fonts._path.cache_clear()
