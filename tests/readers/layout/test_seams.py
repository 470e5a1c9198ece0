"""Pages whose art runs to the fold, joined without a blank between them."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from backend.readers.base import Box, Direction
from backend.readers.layout import find_spread, lay_out, panels_of, reading_order
from backend.readers.layout.gutters import cut_page
from backend.readers.layout.seams import find_seam

SIZE = (1400, 1000)
WORDS: list[Box] = [
    (1200, 60, 1300, 160),
    (1000, 480, 1100, 560),
    (800, 900, 900, 960),
    (400, 60, 500, 160),
    (200, 620, 300, 700),
]
"""On a right page of three tiers, then on a left one of two."""


def art(width: int, height: int, seed: int) -> Image.Image:
    """Soft shades that go on from one side to the other, none of them blank."""
    waves = np.random.default_rng(seed).integers(40, 180, (4, 4)).astype(np.uint8)
    return Image.fromarray(waves).resize((width, height), Image.Resampling.BICUBIC)


def bleeding(tiers: list[tuple[int, int]], phase: float, width: int = 700) -> Image.Image:
    """A page of slanting waves to the edges, white between the tiers. Waves of opposite phase meet in no long stroke."""
    rows, columns = np.mgrid[:1000, :width]
    waves = np.round(120 + 75 * np.sin(2 * np.pi * (rows + columns - phase) / 32)).astype(np.uint8)
    inked = [any(top <= row < bottom for top, bottom in tiers) for row in range(1000)]
    waves[~np.array(inked)] = 255
    return Image.fromarray(waves)


def joined(shift: int = 0) -> Image.Image:
    """Two pages without a common row: the left has a gutter at 500, the right at 300 and 700; a bubble's worth of white at each word."""
    image = Image.new("L", SIZE)
    image.paste(bleeding([(0, 490), (510, 1000)], 0, 700 + shift), (0, 0))
    image.paste(bleeding([(0, 290), (310, 690), (710, 1000)], 16 - 700 - shift), (700 + shift, 0))
    pen = ImageDraw.Draw(image)
    for box in WORDS:
        pen.rectangle(tuple(round(value) for value in box), fill="white")
    return image


@pytest.mark.parametrize("shift", [-40, 0, 40])
def test_pages_whose_art_meets_at_the_fold_are_read_one_after_the_other(shift: int) -> None:
    image = joined(shift)
    assert find_seam(image, 0.06) == 700 + shift
    assert find_spread(SIZE, panels_of(image, cut_page(image)), WORDS, Direction.RTL) is None, "no gutter tells of the fold"
    for direction, order in ((Direction.RTL, [0, 1, 2, 3, 4]), (Direction.LTR, [3, 4, 0, 1, 2])):
        tree, panels = lay_out(image, WORDS, direction)
        assert reading_order(WORDS, direction, tree) == order
        assert len(panels) == 5


def test_one_picture_over_the_whole_image_has_no_seam() -> None:
    for seed in range(20):
        assert find_seam(art(*SIZE, seed), 0.06) is None
    assert find_seam(Image.new("L", SIZE, "white"), 0.06) is None
    assert find_seam(Image.new("L", SIZE, "black"), 0.06) is None


def test_a_panel_that_ends_in_the_middle_of_one_tier_is_no_seam() -> None:
    image = art(*SIZE, 3)
    image.paste(art(700, 600, 9), (700, 0))
    assert find_seam(image, 0.06) is None


def test_level_rows_that_meet_at_a_seam_stay_one_page() -> None:
    image = Image.new("L", SIZE)
    for x, phase in ((0, 0), (700, 16 - 700)):
        image.paste(bleeding([(0, 490), (510, 1000)], phase), (x, 0))
    words: list[Box] = [(1200, 60, 1300, 160), (400, 60, 500, 160), (1200, 620, 1300, 700), (400, 620, 500, 700)]
    assert find_seam(image, 0.06) == 700
    tree, _ = lay_out(image, words, Direction.RTL)
    assert tree == cut_page(image)
    assert reading_order(words, Direction.RTL, tree) == [0, 1, 2, 3]


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (5, 4), (17, 12)])
def test_an_image_of_a_few_pixels_has_none(size: tuple[int, int]) -> None:
    assert find_seam(Image.new("L", size, "white"), 0.06) is None
    lay_out(Image.new("L", size, "white"), [], Direction.RTL)
