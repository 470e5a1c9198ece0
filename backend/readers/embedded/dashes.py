"""The long dash before or after a column of Japanese, which the OCR engine takes for a stroke of the drawing.

A dash says that a sentence breaks off, or begins before one can hear it. In a column it is a thin straight stroke on the column's axis,
longer than a character, with nothing beside it. The trap: a bubble's outline and speed lines are thin strokes too; they go on, they
have company, or they do not stand on the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.readers.embedded.detector import LEVEL_DEGREES
from backend.readers.embedded.line import Line

DASH: Final = "――"

MARK: Final = "ー―—–─〜～~"
"""What says a dash already, or a long vowel that is drawn as long."""

MISREAD: Final = "一|丨Il1"
"""What the stroke may have been read as; none of these is an upright stroke of its own in a column."""

MIN_LENGTH: Final = 1.3
MAX_LENGTH: Final = 7.0
MAX_WIDTH: Final = 0.2
"""Of the stroke, in thicknesses of the column (about one character). The mark of a long vowel is shorter than the shortest."""

MAX_OFF_AXIS: Final = 0.2
"""Between the axes of the stroke and of the column, in thicknesses; so is what follows."""

MAX_GAP: Final = 0.7
"""From the column's end to the stroke's beginning."""

MAX_INSIDE: Final = 3.0
"""How far the column's box may reach around the stroke."""

READ: Final = 0.5
"""How much of the stroke lies in the column's box if the engine has read it: a real 一 beside a dash is kept."""

REACH: Final = 0.5
"""Nothing else stands this near to the stroke's axis, at either hand."""

DOT: Final = 0.1, 0.4
"""What a dot measures either way, in thicknesses."""

MAX_COMPANY: Final = 0.02
"""Ink beside the stroke, as a share of that area: paper is never quite clean."""

MIN_THICKNESS_PX: Final = 8.0


@dataclass(frozen=True, slots=True)
class _Paper:
    """The ink around a column, [height, width], the column's foot towards the last row; and where in it the column ends."""

    ink: NDArray[np.bool_]
    end: float
    thickness: float


def with_dashes(image: Image.Image, lines: Sequence[Line]) -> list[Line]:
    """`lines`, with the dash in the text and in the box of those that one begins or ends."""
    grey = np.asarray(image.convert("L"))
    return [_with_dashes(grey, line) if _may_have_one(line) else line for line in lines]


def _may_have_one(line: Line) -> bool:
    return bool(line.vertical) and line.is_cjk and abs(line.angle) < LEVEL_DEGREES and line.width >= MIN_THICKNESS_PX


def _with_dashes(grey: NDArray[np.uint8], line: Line) -> Line:
    middle, thickness = (line.x0 + line.x1) / 2, line.thickness
    far = (MAX_LENGTH + MAX_GAP) * thickness
    top, bottom = max(0, round(line.y0 - far)), round(line.y1 + far)
    left = max(0, round(middle - REACH * thickness))
    ink = _ink(grey[top:bottom, left : round(middle + REACH * thickness)], _column(grey, line))
    if line.text[-1] not in MARK and (found := _stroke(_Paper(ink, line.y1 - top, thickness))) is not None:
        end, was_read = found
        text = _without(line.text[::-1])[::-1] if was_read else line.text
        line = replace(line, y1=float(top + end), text=text + DASH)
    if line.text[0] not in MARK and (found := _stroke(_Paper(ink[::-1], top + len(ink) - line.y0, thickness))) is not None:
        end, was_read = found
        line = replace(line, y0=float(top + len(ink) - end), text=DASH + (_without(line.text) if was_read else line.text))
    return line


def _column(grey: NDArray[np.uint8], line: Line) -> NDArray[np.uint8]:
    return grey[round(line.y0) : round(line.y1), round(line.x0) : round(line.x1)]


def _without(text: str) -> str:
    """`text` without the first character if that is what the stroke was read as."""
    return text[1:] if text[0] in MISREAD and len(text) > 1 else text


def _ink(grey: NDArray[np.uint8], column: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels have the colour the column is written in."""
    level, dark = cv2.threshold(column, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    inked: NDArray[np.bool_] = grey <= level if dark.mean() < 0.5 else grey > level
    return inked


def _stroke(paper: _Paper) -> tuple[int, bool] | None:
    """The row below a dash at the column's foot, and whether it is in the column's box, so that it may have been read as a character;
    None without one."""
    thickness = paper.thickness
    begin = max(0, round(paper.end - MAX_INSIDE * thickness))
    ink = paper.ink[begin:]
    _, parts, measures, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8))
    for number, (x, y, width, height, _area) in enumerate(measures[1:].tolist(), 1):
        thin = width <= max(2.0, MAX_WIDTH * thickness) and height >= MIN_LENGTH * thickness
        on_axis = abs(x + width / 2 - ink.shape[1] / 2) <= MAX_OFF_AXIS * thickness
        whole = y > 0 and y + height < len(ink)
        at_foot = begin + y - paper.end <= MAX_GAP * thickness and paper.end - (begin + y + height) <= MAX_GAP * thickness
        if (
            thin
            and on_axis
            and whole
            and at_foot
            and _alone(ink, parts == number, y, height)
            and not _has_dot(ink, y + height, thickness)
        ):
            return int(begin + y + height), paper.end - (begin + y) >= READ * thickness
    return None


def _has_dot(ink: NDArray[np.bool_], below: int, thickness: float) -> bool:
    """Whether a dot follows, as below the bar of an exclamation mark; what goes on out of sight is none."""
    near = ink[below : below + round(MAX_GAP * thickness)]
    _, _, measures, _ = cv2.connectedComponentsWithStats(near.astype(np.uint8))
    for x, y, width, height, _area in measures[1:].tolist():
        of_its_size = DOT[0] * thickness <= min(width, height) and max(width, height) <= DOT[1] * thickness
        on_axis = abs(x + width / 2 - near.shape[1] / 2) <= MAX_OFF_AXIS * thickness
        if of_its_size and on_axis and y + height < len(near):
            return True
    return False


def _alone(ink: NDArray[np.bool_], stroke: NDArray[Any], y: int, height: int) -> bool:
    rows = slice(y, y + height)
    return float((ink[rows] & ~stroke[rows]).mean()) <= MAX_COMPANY
