"""Panels found by their gutters, on drawn pages."""

import pytest
from PIL import Image, ImageDraw

from backend.readers.base import Box
from backend.readers.layout import cut_page, panels_of

Rectangle = tuple[int, int, int, int]


def page_of(*panels: Rectangle, empty: tuple[int, ...] = (), words: bool = False) -> Image.Image:
    """Framed panels on a white page; those that are not in `empty` hold something dark."""
    image = Image.new("RGB", (800, 1200), "white")
    pen = ImageDraw.Draw(image)
    for number, panel in enumerate(panels):
        pen.rectangle(panel, fill="white" if number in empty else "gray", outline="black", width=4)
    if words:
        pen.rectangle((300, 1180, 500, 1190), fill="black")
    return image


def found(image: Image.Image) -> list[Box]:
    return panels_of(image, cut_page(image))


def same(a: Box, b: Rectangle) -> bool:
    return all(abs(x - y) <= 6 for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("gutter", [8, 30])
@pytest.mark.parametrize("empty", [(), (0,), (1,), (2,), (0, 1, 2)])
def test_an_empty_panel_with_a_frame_is_one_panel(gutter: int, empty: tuple[int, ...]) -> None:
    panels = ((40, 40, 760, 500), (40, 500 + gutter, 340, 1150), (340 + gutter, 500 + gutter, 760, 1150))
    boxes = found(page_of(*panels, empty=empty))
    assert len(boxes) == len(panels)
    assert all(same(box, panel) for box, panel in zip(boxes, panels, strict=True))


def test_words_in_the_margin_do_not_stretch_a_panel() -> None:
    panels = ((40, 40, 760, 500), (40, 520, 760, 1130))
    boxes = found(page_of(*panels, words=True))
    assert all(same(box, panel) for box, panel in zip(boxes, panels, strict=True))


def test_every_panel_of_a_long_strip_is_found() -> None:
    image = Image.new("RGB", (400, 8000), "white")
    pen = ImageDraw.Draw(image)
    tops = range(100, 7600, 620)
    for top in tops:
        pen.rectangle((20, top, 380, top + 400), fill="gray", outline="black", width=3)
    assert [round(box[1] / 10) for box in found(image)] == [round(top / 10) for top in tops]
