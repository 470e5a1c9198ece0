"""Furigana: the small kana beside kanji that say how to read them. They repeat the line and are dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.readers.embedded.line import KANA_ONLY, Line

MAX_THICKNESS: Final = 0.62
"""Thickest furigana, as a share of the line it stands beside (half is usual)."""

MIN_ALONGSIDE: Final = 0.5
"""Share of its length that runs alongside that line."""

MAX_DISTANCE: Final = 0.6
"""Gap or overlap between the two, in thicknesses of the furigana."""


def drop_furigana(lines: Sequence[Line]) -> list[Line]:
    """`lines` without the kana-only ones that run thin along the right of a column or on top of a row."""
    return [line for line in lines if not (KANA_ONLY.fullmatch(line.text) and any(_beside(line, base) for base in lines))]


def _beside(ruby: Line, base: Line) -> bool:
    if ruby is base or ruby.thickness > MAX_THICKNESS * base.thickness or not base.is_cjk:
        return False
    near = MAX_DISTANCE * ruby.thickness
    if base.vertical:
        alongside = min(ruby.y1, base.y1) - max(ruby.y0, base.y0)
        return alongside > MIN_ALONGSIDE * ruby.height and abs(ruby.x0 - base.x1) <= near and ruby.x0 > base.x0
    if base.vertical is False:
        alongside = min(ruby.x1, base.x1) - max(ruby.x0, base.x0)
        return alongside > MIN_ALONGSIDE * ruby.width and abs(base.y0 - ruby.y1) <= near
    return False
