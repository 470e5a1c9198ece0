"""An image of two pages is read page after page; one landscape page stays one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.readers.base import Box, Direction
from backend.readers.layout import cut_page, find_spread, lay_out, panels_of, reading_order
from tests.readers.layout.layouts import GUTTER, HEIGHT, WIDTH, Layout, drawn, pages

SIZE = (2 * WIDTH, HEIGHT)
BOOKS = [Direction.RTL, Direction.LTR]


def grid(columns: int, rows: int, gutter: float = 20, middle: float = 20) -> list[Box]:
    """Panels over the whole image, `middle` between the inner two columns."""
    width = (1400 - (columns - 2) * gutter - middle) / columns
    height = (1000 - (rows - 1) * gutter) / rows
    shifts = [middle - gutter if column >= columns / 2 else 0.0 for column in range(columns)]
    return [
        (x, y, x + width, y + height)
        for y in (row * (height + gutter) for row in range(rows))
        for x in (column * (width + gutter) + shifts[column] for column in range(columns))
    ]


def on_page(layout: Layout, direction: Direction) -> list[Box]:
    """A lone page's texts as `lay_out` orders them."""
    tree, _ = lay_out(drawn(layout.panels, (WIDTH, HEIGHT)), layout.texts, direction)
    return [layout.texts[at] for at in reading_order(layout.texts, direction, tree)]


@settings(max_examples=12, deadline=None)
@given(pages(), pages(), st.sampled_from(BOOKS))
def test_two_pages_in_one_image_are_read_as_they_are_read_alone(first: Layout, second: Layout, direction: Direction) -> None:
    places = (WIDTH, 0) if direction is Direction.RTL else (0, WIDTH)
    one, other = first.moved(places[0]), second.moved(places[1])
    texts = (*one.texts, *other.texts)
    tree, panels = lay_out(drawn((*one.panels, *other.panels), SIZE), texts, direction)
    alone = [
        (x0 + place, y0, x1 + place, y1)
        for page, place in zip((first, second), places, strict=True)
        for x0, y0, x1, y1 in on_page(page, direction)
    ]
    assert [texts[at] for at in reading_order(texts, direction, tree)] == alone
    sides = [(panel[0] + panel[2] > 2 * WIDTH) for panel in panels]
    assert sides == sorted(sides, reverse=direction is Direction.RTL)


@settings(max_examples=200, deadline=None)
@given(pages(), pages(), st.sampled_from(BOOKS))
def test_a_fold_wider_than_the_gutters_is_found_whatever_the_pages(first: Layout, second: Layout, direction: Direction) -> None:
    right = second.moved(WIDTH)
    panels, texts = (*first.panels, *right.panels), (*first.texts, *right.texts)
    spread = find_spread(SIZE, panels, texts, direction)
    assert spread is not None
    assert spread.fold == pytest.approx(WIDTH)
    right_panels, left_panels = list(range(len(first.panels), len(panels))), list(range(len(first.panels)))
    both = [right_panels, left_panels] if direction is Direction.RTL else [left_panels, right_panels]
    assert spread.parts(panels, direction) == [[], *both, []]
    assert find_spread(SIZE, panels, texts, Direction.VERTICAL) is None


@settings(max_examples=12, deadline=None)
@given(pages(width=2 * WIDTH, stacks=False, columns=4), st.sampled_from(BOOKS))
def test_a_landscape_page_of_tiers_is_read_tier_by_tier(page: Layout, direction: Direction) -> None:
    side = -1 if direction is Direction.RTL else 1
    expected = sorted(range(len(page.panels)), key=lambda at: (page.panels[at][1], side * page.panels[at][0]))
    tree, _ = lay_out(drawn(page.panels, SIZE), page.texts, direction)
    assert reading_order(page.panels, direction, tree) == expected


@pytest.mark.parametrize(("columns", "rows"), [(2, 2), (2, 3), (2, 4), (4, 2), (4, 3)])
def test_level_rows_over_even_gutters_are_one_page(columns: int, rows: int) -> None:
    assert find_spread((1400, 1000), grid(columns, rows), [], Direction.RTL) is None


@pytest.mark.parametrize(("columns", "rows"), [(2, 2), (2, 3), (4, 2), (4, 3)])
def test_level_rows_over_a_wide_fold_are_two_pages(columns: int, rows: int) -> None:
    assert find_spread((1400, 1000), grid(columns, rows, middle=50), [], Direction.RTL) is not None


def test_rows_that_are_not_level_are_two_pages_however_narrow_the_fold() -> None:
    left: list[Box] = [(0, 0, 700, 320), (0, 340, 700, 660), (0, 680, 700, 1000)]
    right: list[Box] = [(700, 0, 1400, 345), (700, 355, 1400, 500), (700, 510, 1400, 1000)]
    assert find_spread((1400, 1000), left + right, [], Direction.RTL) is not None


def test_one_stack_beside_a_high_panel_does_not_make_two_pages() -> None:
    """The lower tier of one page: a panel, and two beside it, one on the other."""
    panels = [*grid(2, 2)[:3], (710, 510, 1400, 745), (710, 765, 1400, 1000)]
    assert find_spread((1400, 1000), panels, [], Direction.RTL) is None


@pytest.mark.parametrize("direction", BOOKS)
def test_a_picture_over_both_pages_is_read_by_its_place(direction: Direction) -> None:
    pair = [(0.0, 340.0, 670.0, 480.0), (0.0, 500.0, 670.0, 700.0), (730.0, 340.0, 1400.0, 560.0), (730.0, 580.0, 1400.0, 700.0)]
    above, below = (0.0, 0.0, 1400.0, 200.0), (0.0, 850.0, 1400.0, 1000.0)
    title = (600.0, 50.0, 800.0, 100.0)
    spread = find_spread((1400, 1000), [below, *pair, above], [title], direction)
    assert spread is not None
    pages_ = [[3, 4], [1, 2]] if direction is Direction.RTL else [[1, 2], [3, 4]]
    assert spread.parts([below, *pair, above], direction) == [[5], *pages_, [0]]
    assert spread.parts([title], direction) == [[0], [], [], []]


def test_the_pixels_of_a_picture_over_both_pages_are_read_first_and_the_pages_after_it() -> None:
    boxes: list[Box] = [
        (20, 20, 1380, 300),
        *[(740, 330, 1380, 600), (740, 615, 1380, 980)],
        *[(20, 330, 660, 600), (20, 615, 660, 980)],
    ]
    image = drawn(tuple(boxes), (1400, 1000))
    tree, panels = lay_out(image, [], Direction.RTL)
    assert reading_order(boxes, Direction.RTL, tree) == [0, 1, 2, 3, 4]
    assert len(panels) == 5
    assert all(abs(a - b) <= 6 for panel, box in zip(panels, boxes, strict=True) for a, b in zip(panel, box, strict=True))


def test_a_picture_over_the_fold_between_other_panels_is_not_torn() -> None:
    panels = [*grid(2, 3, middle=60)[:2], (0.0, 350.0, 1400.0, 650.0), *grid(2, 3, middle=60)[4:]]
    assert find_spread((1400, 1000), panels, [], Direction.RTL) is None


def test_a_picture_over_most_of_the_image_leaves_no_pages() -> None:
    panels = [(0.0, 0.0, 1400.0, 600.0), (0.0, 620.0, 660.0, 1000.0), (740.0, 620.0, 1400.0, 1000.0)]
    assert find_spread((1400, 1000), panels, [], Direction.RTL) is None


def test_a_text_over_the_fold_keeps_the_image_whole() -> None:
    panels = grid(2, 2, middle=50)
    assert find_spread((1400, 1000), panels, [(640, 100, 760, 200)], Direction.RTL) is None
    assert find_spread((1400, 1000), panels, [(560, 100, 710, 200)], Direction.RTL) is not None, "a bubble may overhang"


@pytest.mark.parametrize("size", [(700, 1000), (1000, 1000), (1100, 1000), (2000, 1000), (1000, 4000)])
def test_images_of_another_shape_are_never_two_pages(size: tuple[int, int]) -> None:
    panels = [
        (x * size[0] / 1400, y * size[1] / 1000, x1 * size[0] / 1400, y1 * size[1] / 1000) for x, y, x1, y1 in grid(2, 2, 20, 80)
    ]
    assert find_spread(size, panels, [], Direction.RTL) is None


def test_panels_on_one_side_only_or_none_are_one_page() -> None:
    assert find_spread((1400, 1000), [], [(100, 100, 200, 200)], Direction.RTL) is None
    assert find_spread((1400, 1000), [(0, 0, 600, 400), (0, 420, 600, 1000)], [(900, 100, 1000, 200)], Direction.RTL) is None


def test_a_fold_far_from_the_middle_is_none() -> None:
    panels = [(x + 200 if x > 700 else x, y, x1 + (200 if x1 < 700 else 0), y1) for x, y, x1, y1 in grid(2, 2, 20, 80)]
    assert find_spread((1400, 1000), panels, [], Direction.RTL) is None


def test_a_single_page_is_laid_out_as_ever() -> None:
    boxes: tuple[Box, ...] = ((35, 35, 665, 400), (35, 400 + GUTTER, 340, 965), (340 + GUTTER, 400 + GUTTER, 665, 965))
    image = drawn(boxes, (WIDTH, HEIGHT))
    tree, panels = lay_out(image, [], Direction.RTL)
    assert tree == cut_page(image)
    assert sorted(panels) == sorted(panels_of(image, tree))
