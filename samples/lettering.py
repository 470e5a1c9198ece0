"""Sets the words of a page: Japanese in columns with furigana, English in centred lines.

A block is laid out first (how large is it?) and set afterwards, when the picture below it is finished.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from PIL import Image, ImageDraw

from samples.fonts import font
from samples.pen import Rect

JA_SIZE: Final = 32
JA_COLUMN: Final = 1.32
JA_COLUMN_WITH_RUBY: Final = 1.42
"""Distance of two columns in ems, without and with room for furigana."""
RUBY_SIZE: Final = 13
EN_SIZE: Final = 31
EN_LINE: Final = 1.12


@dataclass(frozen=True, slots=True)
class Ruby:
    """Furigana beside a word: where it stands, what it says, over which characters."""

    box: Rect
    text: str
    base: str


@dataclass(slots=True)
class Lettering:
    """A block of words around a centre: `lines` are columns from right to left (ja) or lines from top to bottom (en)."""

    lines: list[str]
    centre: tuple[float, float]
    lang: str
    ruby: dict[str, str] = field(default_factory=dict)
    """Characters of one column -> their furigana."""
    size: int = 0

    def __post_init__(self) -> None:
        self.size = self.size or (JA_SIZE if self.lang == "ja" else EN_SIZE)

    @property
    def text(self) -> str:
        return ("" if self.lang == "ja" else " ").join(self.lines)

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height of the words in pixels, without furigana."""
        if self.lang == "ja":
            return self._step * (len(self.lines) - 1) + self.size, self.size * max(map(len, self.lines))
        face = font("en", self.size)
        return max(face.getlength(line) for line in self.lines), self.size * EN_LINE * len(self.lines)

    @property
    def _step(self) -> float:
        return self.size * (JA_COLUMN_WITH_RUBY if self.ruby else JA_COLUMN)

    def columns(self) -> list[tuple[float, float]]:
        """Middle and top of every column."""
        width, height = self.extent
        right, top = self.centre[0] + width / 2 - self.size / 2, self.centre[1] - height / 2
        return [(right - i * self._step, top) for i in range(len(self.lines))]

    def rubies(self) -> list[Ruby]:
        found = []
        for (x, top), line in zip(self.columns(), self.lines, strict=True):
            for base, reading in self.ruby.items():
                if base in line:
                    middle = top + (line.index(base) + len(base) / 2) * self.size
                    height = RUBY_SIZE * len(reading)
                    found.append(Ruby((x + self.size / 2 + 1, middle - height / 2, RUBY_SIZE, height), reading, base))
        return found

    def set_on(self, page: Image.Image, ink: int = 0) -> Rect:
        """Draws the words and returns the box of their ink, furigana left out: x, y, width, height."""
        words = Image.new("L", page.size, 0)
        draw = ImageDraw.Draw(words)
        if self.lang == "ja":
            for (x, top), line in zip(self.columns(), self.lines, strict=True):
                draw_column(draw, x, top, line, self.size, "ja")
        else:
            face = font("en", self.size)
            top = self.centre[1] - self.extent[1] / 2
            for i, line in enumerate(self.lines):
                draw.text((self.centre[0], top + (i + 0.5) * self.size * EN_LINE), line, fill=255, font=face, anchor="mm")
        x0, y0, x1, y1 = words.getbbox() or (0, 0, 0, 0)
        for ruby in self.rubies():
            draw_column(draw, ruby.box[0] + RUBY_SIZE / 2, ruby.box[1], ruby.text, RUBY_SIZE, "ja")
        page.paste(ink, (0, 0), words)
        return x0, y0, x1 - x0, y1 - y0


def draw_column(draw: ImageDraw.ImageDraw, x: float, top: float, text: str, size: int, face: str) -> None:
    """One vertical column around the line `x`, with the vertical forms of long marks, brackets and small kana."""
    draw.text((x, top), text, fill=255, font=font(face, size), direction="ttb", anchor="mt", language="ja")
