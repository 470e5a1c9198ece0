"""Cues: when each line is heard and where on the page it stands. A page's cues.json; captions and transcripts show them too.

Texts and boxes come from models and are untrusted: a cue's text is always valid Unicode, its box always lies on the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from backend.narration.script import ScriptLine
from backend.readers.base import Box, Kind


class Cue(BaseModel):
    """One line as it is heard. Cues of a page are in the order of speech, lie inside its sound and do not overlap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    """`ScriptLine.number`: how a correction names this line."""
    start: float = Field(ge=0)
    """Seconds from the beginning of the page's sound, to the millisecond."""
    end: float = Field(ge=0)
    text: str
    """As printed on the page."""
    spoken: str
    """As handed to the synthesizer."""
    lang: str
    speaker: str | None
    """Label of the character; None is unknown."""
    voice: str
    """Id of the voice."""
    kind: Kind
    box: Box
    """x0, y0, x1, y1 in pixels of the page."""
    box_percent: Box
    """The same in per cent of the page's width and height, 0 to 100: what a client draws without knowing the scan's size."""


class PageCues(BaseModel):
    """The content of a page's cues.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int
    height: int
    """Of the page, in pixels: what `Cue.box` is measured in."""
    duration: float
    """Seconds, as announced in page_ready."""
    cues: tuple[Cue, ...]


def cue(line: ScriptLine, *, start_s: float, end_s: float, page_size: tuple[int, int]) -> Cue:
    """The cue of `line`; `page_size` is (width, height) in pixels."""
    box = on_page(line.box, page_size)
    width, height = page_size
    return Cue(
        number=line.number,
        start=round(start_s, 3),
        end=round(end_s, 3),
        text=valid_unicode(line.text),
        spoken=valid_unicode(line.utterance.text),
        lang=line.utterance.lang,
        speaker=None if line.speaker is None else valid_unicode(line.speaker),
        voice=line.utterance.voice.id,
        kind=line.kind,
        box=box,
        box_percent=(_percent(box[0], width), _percent(box[1], height), _percent(box[2], width), _percent(box[3], height)),
    )


def on_page(box: Sequence[float], page_size: tuple[int, int]) -> Box:
    """`box` with its corners sorted, clipped to the page; a coordinate that is not a number becomes the page's edge."""
    width, height = page_size
    x0, y0, x1, y1 = box
    xs = sorted((_clamped(x0, width, otherwise=0), _clamped(x1, width, otherwise=width)))
    ys = sorted((_clamped(y0, height, otherwise=0), _clamped(y1, height, otherwise=height)))
    return xs[0], ys[0], xs[1], ys[1]


def valid_unicode(text: str) -> str:
    """`text` with surrogate pairs joined and lone surrogates replaced by U+FFFD, so that it can be written as JSON."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _clamped(value: float, limit: float, *, otherwise: float) -> float:
    # Infinity clamps to an edge as any other number does; only "not a number" has no place of its own.
    return float(otherwise) if math.isnan(value) else float(min(max(value, 0), limit))


def _percent(value: float, whole: int) -> float:
    return round(min(100.0, 100.0 * value / whole), 3)
