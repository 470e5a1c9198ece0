"""Two pages in one image through MAGI's rules of order, which stay upstream's for every page."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.readers.base import Direction, ReadOptions
from backend.readers.layout import find_spread
from backend.readers.magi import order
from tests.readers.layout.layouts import HEIGHT, WIDTH, pages
from tests.readers.magi.pages import PANEL, TEXT, page, plant, png

SIZE = (2 * WIDTH, HEIGHT)


def ordered(layout, size, direction):
    """Panels and texts in reading order, and each text's panel."""
    panels, texts, owners = order.order_page(layout.panels, layout.texts, size, direction)
    assert sorted(panels) == list(range(len(layout.panels)))
    return [layout.panels[at] for at in panels], [layout.texts[at] for at in texts], [owners[at] for at in texts]


@settings(max_examples=60, deadline=None)
@given(pages(), pages())
def test_the_right_page_comes_before_the_left_one_each_as_if_alone_and_the_mirror_image_is_left_to_right(first, second):
    right = first.moved(WIDTH)
    both = type(first)((*second.panels, *right.panels), (*second.texts, *right.texts))
    alone = [ordered(layout, (WIDTH, HEIGHT), Direction.RTL) for layout in (right, second)]
    panels, texts, owners = ordered(both, SIZE, Direction.RTL)
    assert panels == alone[0][0] + alone[1][0]
    assert texts == alone[0][1] + alone[1][1]
    assert owners == alone[0][2] + [owner + len(alone[0][0]) for owner in alone[1][2]]
    mirrored = both.mirrored(2 * WIDTH)
    assert order.order_page(mirrored.panels, mirrored.texts, SIZE, Direction.LTR) == order.order_page(
        both.panels, both.texts, SIZE, Direction.RTL
    )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(Direction), pages())
def test_any_other_image_is_ordered_by_the_published_rules(direction, layout):
    for size in ((WIDTH, HEIGHT), (WIDTH, 3 * HEIGHT)):
        panels, texts, owners = order.order_page(layout.panels, layout.texts, size, direction)
        assert panels == order.order_panels(layout.panels, direction)
        assert (texts, owners) == order.order_texts(layout.texts, [layout.panels[at] for at in panels], direction)


def test_no_page_of_the_golden_set_is_taken_for_two(golden):
    for found in golden.found:
        assert find_spread((found.width, found.height), found.panels, found.texts, Direction.RTL) is None


@pytest.mark.parametrize("fold", [0.03, 0.09])
@pytest.mark.parametrize(
    ("direction", "first"), [(Direction.RTL, "right"), (Direction.LTR, "left"), (Direction.VERTICAL, "left")]
)
async def test_four_columns_are_two_pages_if_the_fold_is_wider_than_the_gutters(reader, direction, first, fold):
    """Two by two panels on each half, each with a text, in level rows; with even gutters this is one landscape page."""
    shift = (fold - 0.03) / 2
    cells = [
        (0.14 + 0.24 * column + (shift if column > 1 else -shift), 0.25 + 0.5 * row) for row in range(2) for column in range(4)
    ]
    plant(
        reader._engine,
        [(PANEL, (x, y, 0.21, 0.45)) for x, y in cells] + [(TEXT, (x, y, 0.1, 0.1)) for x, y in cells],
    )
    (reading,) = await reader.read([png(page((600, 400)))], ReadOptions(direction=direction))
    assert len(reading.panels) == len(reading.boxes) == 8
    assert [box.panel for box in reading.boxes] == list(range(8))
    middles = [(panel[0] + panel[2]) / 2 for panel in reading.panels]
    assert (middles[0] > 450) == (first == "right")
    assert (middles[0] < 150) == (first == "left")
    tops = [panel[1] for panel in reading.panels]
    if fold < 0.05 or direction is Direction.VERTICAL:
        assert tops == sorted(tops), "rows go across, as the published order has it"
    else:
        assert [(middle > 300) == (first == "right") for middle in middles] == [True] * 4 + [False] * 4
        assert tops[:4] == sorted(tops[:4])
        assert tops[4:] == sorted(tops[4:])


async def test_a_reader_that_is_to_do_as_the_reference_does_takes_two_pages_for_one(reader):
    cells = [(x, y) for y in (0.25, 0.75) for x in (0.1, 0.34, 0.66, 0.9)]
    plant(reader._engine, [(PANEL, (x, y, 0.2, 0.45)) for x, y in cells] + [(TEXT, (x, y, 0.1, 0.1)) for x, y in cells])
    (ours,) = await reader.read([png(page((600, 400)))], ReadOptions())
    reader._engine.pad_together = True
    (reference,) = await reader.read([png(page((600, 400)))], ReadOptions())
    rows = sorted(ours.panels, key=lambda panel: (panel[1] > 200, -panel[0]))
    assert len(rows) == 8
    assert list(reference.panels) == rows != list(ours.panels)
