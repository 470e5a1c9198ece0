"""Drawn pages for the tests of MagiReader."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

CHARACTER, TEXT, PANEL, TAIL = range(4)
Thing = tuple[int, tuple[float, float, float, float]]
"""A class, and centre and size as shares of the page."""


def plant(engine, things: Sequence[Thing]) -> None:
    """From now on the detector of an engine finds exactly these things on every page; what it makes of them is its own."""
    detect = engine.detect

    def planted(pages):
        found = []
        for said in detect(pages):
            logits, boxes = np.full_like(said.logits, -10), np.full_like(said.boxes, 0.01)
            for at, (kind, box) in enumerate(things):
                logits[at, kind], boxes[at] = 3 - 0.01 * at, box
            found.append(type(said)(logits, boxes, said.features, said.same_token, said.speaker_token))
        return found

    engine.detect = planted


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def page(size=(200, 300)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((5, 5, max(6, size[0] - 5), max(6, size[1] // 2)), outline="black", width=3)
    draw.ellipse((40, 30, 120, 90), outline="black", width=2)
    return image
