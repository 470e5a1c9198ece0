"""A bubble that bursts outwards is told from ovals, tails, rectangles and clouds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from backend.readers.embedded.burst import is_burst
from backend.readers.embedded.interior import Page
from backend.readers.embedded.line import Line
from backend.readers.embedded.outline import Surroundings

WORDS = Line(370, 380, 430, 400, "COME BACK!", 0.99)


def burst(spikes: int, depth: float, size: tuple[float, float] = (140.0, 100.0), turn: float = 0.0) -> list[tuple[float, float]]:
    """A star about (400, 390): its tips on an ellipse, its bays `depth` (share of the way to the middle) further in."""
    corners = []
    for k in range(2 * spikes):
        reach = 1.0 - depth * (k % 2)
        angle = math.pi * k / spikes + turn
        corners.append((400 + reach * size[0] * math.cos(angle), 390 + reach * size[1] * math.sin(angle)))
    return corners


def page_with(draw_bubble) -> Page:
    image = Image.new("RGB", (800, 800), "darkgray")
    pen = ImageDraw.Draw(image)
    for x in range(10, 800, 18):
        pen.line((x, 0, x - 8, 800), fill="dimgray", width=2)
    draw_bubble(pen)
    return Page(image, [WORDS])


@pytest.mark.parametrize(("spikes", "depth"), [(12, 0.3), (16, 0.3), (20, 0.25)])
def test_a_star_around_words_is_a_burst(spikes: int, depth: float) -> None:
    around = page_with(lambda pen: pen.polygon(burst(spikes, depth), fill="white", outline="black", width=3)).surroundings(
        [WORDS]
    )
    assert (around.place, around.spiky) == (Surroundings.BUBBLE, True)


def test_an_oval_with_a_tail_is_none() -> None:
    def oval(pen: ImageDraw.ImageDraw) -> None:
        pen.ellipse((280, 320, 520, 460), fill="white", outline="black", width=3)
        pen.polygon([(440, 452), (500, 540), (470, 446)], fill="white", outline="black")

    around = page_with(oval).surroundings([WORDS])
    assert (around.place, around.spiky) == (Surroundings.BUBBLE, False)


def test_a_cloud_is_round_outside_and_none() -> None:
    def cloud(pen: ImageDraw.ImageDraw) -> None:
        for k in range(10):
            x, y = 400 + 95 * math.cos(math.pi * k / 5), 390 + 55 * math.sin(math.pi * k / 5)
            pen.ellipse((x - 36, y - 32, x + 36, y + 32), fill="white", outline="black", width=3)
        pen.ellipse((300, 330, 500, 450), fill="white")

    assert page_with(cloud).surroundings([WORDS]).spiky is False


def test_words_on_the_drawing_have_no_outline_to_be_told() -> None:
    assert page_with(lambda pen: None).surroundings([WORDS]).spiky is None


def filled(corners: list[tuple[float, float]]) -> NDArray[np.bool_]:
    image = Image.new("1", (800, 800))
    ImageDraw.Draw(image).polygon(corners, fill=1)
    return np.asarray(image)


@given(st.integers(12, 18), st.floats(0.3, 0.33), st.floats(100, 160), st.floats(100, 160), st.floats(0, math.pi))
def test_stars_of_all_sizes_are_bursts_whichever_way_they_are_turned(
    spikes: int, depth: float, width: float, height: float, turn: float
) -> None:
    assert is_burst(filled(burst(spikes, depth, (width, height), turn)), 16.0)


@given(st.floats(20, 300), st.floats(20, 300), st.floats(10, 40))
def test_ovals_and_rectangles_are_none(width: float, height: float, thickness: float) -> None:
    oval = [(400 + width * math.cos(k / 20), 390 + height * math.sin(k / 20)) for k in range(126)]
    assert not is_burst(filled(oval), thickness)
    assert not is_burst(filled([(400, 390), (400 + width, 390), (400 + width, 390 + height), (400, 390 + height)]), thickness)


def test_no_ground_is_no_burst() -> None:
    assert not is_burst(np.zeros((5, 5), np.bool_), 3.0)
