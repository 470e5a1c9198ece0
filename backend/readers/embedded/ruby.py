"""Furigana: the small kana beside kanji that say how to read them. They repeat the line and are dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.readers.embedded.line import KANA_ONLY, Line

MAX_THICKNESS: Final = 0.62
MAX_THICKNESS_INSIDE: Final = 0.75
"""Thickest furigana, as a share of the line it stands beside (half is usual); boxes that overlap are drawn too thick."""

MIN_ALONGSIDE: Final = 0.5
"""Share of its length that runs alongside that line."""

MAX_DISTANCE: Final = 0.6
"""Gap or overlap between the two, in thicknesses of the furigana."""

OFF_CENTRE: Final = 0.25
"""Furigana whose box overlaps that of the line is at least this far from the line's middle, in thicknesses of the line."""


def drop_furigana(lines: Sequence[Line]) -> list[Line]:
    """`lines` without the kana-only ones that run thin along the right of a column or on top of a row."""
    return [line for line in lines if not (KANA_ONLY.fullmatch(line.text) and any(_beside(line, base) for base in lines))]


def _beside(ruby: Line, base: Line) -> bool:
    if ruby is base or not base.is_cjk or base.vertical is None:
        return False
    if base.vertical:
        alongside = (min(ruby.y1, base.y1) - max(ruby.y0, base.y0)) / ruby.height
        gap, off = ruby.x0 - base.x1, (ruby.x0 + ruby.x1 - base.x0 - base.x1) / 2
    else:
        alongside = (min(ruby.x1, base.x1) - max(ruby.x0, base.x0)) / ruby.width
        gap, off = base.y0 - ruby.y1, (base.y0 + base.y1 - ruby.y0 - ruby.y1) / 2
    if alongside <= MIN_ALONGSIDE or off <= 0:
        return False
    near = MAX_DISTANCE * ruby.thickness
    if abs(gap) <= near and ruby.thickness <= MAX_THICKNESS * base.thickness:
        return True
    # The engine often draws the line's box around its furigana too.
    inside = -ruby.thickness * 1.2 <= gap <= 0 and off >= OFF_CENTRE * base.thickness
    return inside and ruby.thickness <= MAX_THICKNESS_INSIDE * base.thickness
