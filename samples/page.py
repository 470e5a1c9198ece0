"""One page in the making: panels, bubbles, captions and sound effects, and the record of what stands on it.

Whatever has words is added in reading order: that order is the order of the record's blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from PIL import Image, ImageDraw

from samples.fonts import font
from samples.lettering import Lettering
from samples.pen import INK, PAPER, Pen, Point, Rect

WIDTH: Final = 1100
HEIGHT: Final = 1560
GREYS: Final = 16
"""Grey levels a finished page keeps: enough for smooth edges, and a page stays under 80 kB."""

Shape = Literal["round", "spiky", "box", "wobbly"]


@dataclass(slots=True)
class _Effect:
    text: str
    centre: Point
    size: int
    angle: float
    vertical: bool


@dataclass(slots=True)
class Page:
    """A page of `lang` read in `direction`; `number` is printed at its foot, None prints none."""

    lang: str
    direction: str
    number: int | None = None
    panels: list[Rect] = field(default_factory=list)
    characters: list[dict[str, Any]] = field(default_factory=list)
    _pen: Pen = field(default_factory=lambda: Pen(WIDTH, HEIGHT))
    _words: list[tuple[dict[str, Any], Lettering | _Effect]] = field(default_factory=list)

    @contextmanager
    def panel(self, x: float, y: float, width: float, height: float, paper: int = PAPER) -> Iterator[Pen]:
        """A panel to draw in, in page coordinates; what passes its border is cut off."""
        pen = Pen(width, height, origin=(x, y), paper=paper)
        yield pen
        pen.rectangle((x + 1.5, y + 1.5, width - 3, height - 3), width=4)
        self._pen.paste(pen)
        self.panels.append((x, y, width, height))

    def cast(self, name: str, box: Rect) -> None:
        """Records that `name` is seen in `box`."""
        self.characters.append({"name": name, "box": _whole(_clip(box))})

    def speech(
        self,
        speaker: str,
        lines: list[str],
        centre: Point,
        tail: Point,
        *,
        shape: Shape = "round",
        ruby: dict[str, str] | None = None,
    ) -> None:
        """A bubble around `lines` whose tail points at `tail` (the speaker's mouth) and ends well before it."""
        words = Lettering(lines, centre, self.lang, ruby or {})
        width, height = words.extent
        # An ellipse around a rectangle of words: sqrt(2) times its sides would just touch the corners, which words rarely reach.
        rx, ry = width / 2 * 1.2 + 36, height / 2 * 1.2 + 30
        outline = _outline(shape, centre, rx, ry)
        angle = math.atan2(tail[1] - centre[1], tail[0] - centre[0])
        reach = math.hypot(rx * math.cos(angle), ry * math.sin(angle))
        tip = reach + min(58.0, 0.6 * max(0.0, math.dist(centre, tail) - reach))
        point = (centre[0] + tip * math.cos(angle), centre[1] + tip * math.sin(angle))
        root = [(centre[0] + rx * 0.7 * math.cos(angle + d), centre[1] + ry * 0.7 * math.sin(angle + d)) for d in (-0.22, 0.22)]
        for fill, ink in ((PAPER, INK), (PAPER, None)):
            self._pen.polygon([root[0], point, root[1]], fill, ink, width=7 if ink is not None else 1)
            self._pen.polygon(outline, fill, ink, width=7 if ink is not None else 1)
        self._words.append(({"kind": "speech", "speaker": speaker}, words))

    def caption(self, lines: list[str], centre: Point, *, ruby: dict[str, str] | None = None) -> None:
        """The narrator's words in a rectangle."""
        words = Lettering(lines, centre, self.lang, ruby or {})
        width, height = words.extent
        self._pen.polygon(_outline("box", centre, width / 2 + 26, height / 2 + 24), PAPER, INK, 3)
        self._words.append(({"kind": "narration", "speaker": "Narrator"}, words))

    def sfx(self, text: str, centre: Point, size: int, *, angle: float = 0, vertical: bool = False) -> None:
        """A sound effect lettered over the picture; positive angles turn it against the clock."""
        self._words.append(({"kind": "sfx"}, _Effect(text, centre, size, angle, vertical)))

    def finish(self) -> tuple[Image.Image, dict[str, Any]]:
        """The page as a palette image of `GREYS` levels, and its record (see samples/README.md)."""
        image = self._pen.finished()
        blocks = [_set_block(image, record, words) for record, words in self._words]
        record: dict[str, Any] = {
            "lang": self.lang,
            "direction": self.direction,
            "width": WIDTH,
            "height": HEIGHT,
            "panels": [_whole(p) for p in self.panels],
            "blocks": blocks,
            "characters": self.characters,
        }
        if self.number is not None:
            folio = Lettering([str(self.number)], (WIDTH / 2, HEIGHT - 22), "en", size=24)
            record["page_number"] = {"box": _whole(folio.set_on(image)), "text": str(self.number)}
        return image.quantize(GREYS, dither=Image.Dither.NONE), record


def _set_block(image: Image.Image, record: dict[str, Any], words: Lettering | _Effect) -> dict[str, Any]:
    if isinstance(words, _Effect):
        return {"box": _whole(_set_effect(image, words)), "text": words.text, "lines": [words.text], **record}
    block: dict[str, Any] = {"box": _whole(words.set_on(image)), "text": words.text, "lines": words.lines, **record}
    if rubies := words.rubies():
        block["ruby"] = [{"box": _whole(r.box), "text": r.text, "base": r.base} for r in rubies]
    return block


def _set_effect(image: Image.Image, effect: _Effect) -> Rect:
    face = font("ja-bold" if _is_japanese(effect.text) else "en", effect.size)
    side = round(effect.size * (len(effect.text) + 1))
    sheet = Image.new("LA", (side, side), (255, 0))
    draw = ImageDraw.Draw(sheet)
    middle = side / 2
    if effect.vertical:
        draw.text(
            (middle, middle - effect.size * len(effect.text) / 2), effect.text, (INK, 255), face,
            anchor="mt", direction="ttb", language="ja", stroke_width=7, stroke_fill=(255, 255),
        )  # fmt: skip
    else:
        draw.text((middle, middle), effect.text, (INK, 255), face, anchor="mm", stroke_width=7, stroke_fill=(255, 255))
    sheet = sheet.rotate(effect.angle, Image.Resampling.BICUBIC)
    x, y = round(effect.centre[0] - middle), round(effect.centre[1] - middle)
    image.paste(sheet.getchannel("L"), (x, y), sheet.getchannel("A"))
    x0, y0, x1, y1 = sheet.getchannel("A").getbbox() or (0, 0, 0, 0)
    return _clip((x + x0, y + y0, x1 - x0, y1 - y0))


def _is_japanese(text: str) -> bool:
    return any("\u3040" <= c <= "\u30ff" for c in text)


def _outline(shape: Shape, centre: Point, rx: float, ry: float) -> list[Point]:
    """Points around `centre`; a superellipse for bubbles, because words are rectangles."""
    if shape == "box":
        return [(centre[0] + sx * rx, centre[1] + sy * ry) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    n = 44 if shape == "spiky" else 96
    points = []
    for i in range(n):
        angle = 2 * math.pi * i / n
        c, s = math.cos(angle), math.sin(angle)
        reach = (1.16 if i % 2 else 1.0) if shape == "spiky" else 1.0 + (0.03 * math.sin(9 * angle) if shape == "wobbly" else 0)
        x, y = math.copysign(abs(c) ** 0.8, c), math.copysign(abs(s) ** 0.8, s)
        points.append((centre[0] + rx * reach * x, centre[1] + ry * reach * y))
    return points


def _clip(rect: Rect) -> Rect:
    x0, y0 = max(0.0, rect[0]), max(0.0, rect[1])
    x1, y1 = min(WIDTH, rect[0] + rect[2]), min(HEIGHT, rect[1] + rect[3])
    return x0, y0, x1 - x0, y1 - y0


def _whole(rect: Rect) -> list[int]:
    return [round(v) for v in rect]
