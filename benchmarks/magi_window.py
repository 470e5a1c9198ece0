"""The window of pages that `benchmarks/magi.py` has read: drawn, with planted boxes, its stages timed one by one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from PIL import Image, ImageDraw

from backend.readers.base import Direction
from backend.readers.magi import pixels
from backend.readers.magi.engine import Engine, Found
from backend.readers.magi.network import Network
from backend.readers.magi.tiles import Objects, Prepared

Place = tuple[int, tuple[int, int, int, int]]
"""Page and bounds of a text, pixels."""

SIZE = (1114, 1600)
BATCH = 32
"""Texts at once, as `MagiReader` takes them."""


class Clock:
    """Seconds by stage; waits for the device before and after each. On a CPU the processor's seconds, which a busy machine changes less."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._now = time.process_time if device.type == "cpu" else time.perf_counter

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        self._wait()
        start = self._now()
        yield
        self._wait()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + self._now() - start

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


class Planted(Engine):
    """An engine whose detector finds a fixed number of things, whatever it says."""

    def __init__(self, network: Network, figures: int, texts: int, clock: Clock, **how: object) -> None:
        super().__init__(network, **how)  # type: ignore[arg-type]
        self.figures, self.texts, self.clock = figures, texts, clock

    def find(self, pages: Sequence[Prepared], direction: Sequence[Direction]) -> list[Found]:
        """Three of four texts are of the story."""
        found = super().find(pages, direction)
        return [replace(here, essential=[5.0 if at % 4 else -5.0 for at in range(len(here.texts))]) for here in found]

    def detect(self, pages: Sequence[Prepared]) -> list[Objects]:
        with self.clock("detect"):
            said = super().detect(pages)
        return [self._plant(objects) for objects in said]

    def embed(self, crops: Sequence[pixels.Grey]) -> np.ndarray:
        with self.clock("embed figures"):
            return super().embed(crops)

    def _plant(self, objects: Objects) -> Objects:
        logits = np.full_like(objects.logits, -10)
        boxes = np.full_like(objects.boxes, 0.05)
        things = [(0, self.figures, (0.15, 0.2)), (1, self.texts, (0.1, 0.06)), (2, 6, (0.48, 0.3))]
        at = 0
        for kind, count, size in things:
            for number in range(count):
                across = 2 if kind == 2 else 4
                boxes[at] = ((number % across + 0.5) / across, (number // across + 0.5) / -(-count // across), *size)
                logits[at, kind] = 3 - at * 0.01
                at += 1
        return Objects(logits, boxes, objects.features, objects.same_token, objects.speaker_token)


def draw(number: int) -> Image.Image:
    """A page of lines and blots; what is on it changes no timing."""
    page = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(page)
    for at in range(60):
        x, y = (at * 173 + number * 31) % SIZE[0], (at * 337) % SIZE[1]
        pen.rectangle((x, y, x + 40 + at, y + 30), outline="black", width=2)
    return page


def story(found: Sequence[Found], every: bool) -> list[Place]:
    """(page, bounds) of the texts to read; those of the story, or `every` text."""
    return [
        (page, bounds)
        for page, here in enumerate(found)
        for bounds, essential in zip(here.text_bounds, here.essential, strict=True)
        if every or essential > 0
    ]


def find(engine: Planted, pages: Sequence[Prepared], clock: Clock) -> list[Found]:
    """Everything but words; what the engine does besides its own stages is one of its own."""
    before, own = clock.total, "crop, link, order"
    with clock(own):
        found = engine.find(pages, [Direction.RTL] * len(pages))
    clock.seconds[own] -= clock.total - clock.seconds[own] - before
    return found


def looked_at(network: Network, pages: Sequence[Prepared], texts: Sequence[Place], clock: Clock) -> Iterator[torch.Tensor]:
    """The encoder's states of the texts, batch by batch."""
    for start in range(0, len(texts), BATCH):
        with clock("prepare"):
            crops = [
                pixels.cut(pages[page].image, bounds, network.sizes.words.image) for page, bounds in texts[start : start + BATCH]
            ]
        with clock("look at texts"):
            x, _ = pixels.to_device(crops, pixels.HALF, network.device, network.dtype)
            picture = network.read_words(x)
        yield picture
