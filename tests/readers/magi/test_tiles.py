"""Strips, as web comics are: shown to the detector in tiles of a page's shape, and one page again after it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from backend.readers.base import Direction, ReadOptions
from backend.readers.magi.detections import CHARACTER, PANEL, TEXT
from backend.readers.magi.engine import Engine
from backend.readers.magi.network import Network
from backend.readers.magi.tiles import Objects, joined, prepare
from tests.readers.magi.conftest import GOLDEN
from tests.readers.magi.pages import page, plant, png

WIDTH, HEIGHT = 600, 9000


def seen(tile, things: list[tuple[float, float]], off: float) -> Objects:
    """What a detector says of a tile: of each thing (top, bottom) the part that shows, `off` pixels away from where it is."""
    boxes, features = [], []
    for number, (top, bottom) in enumerate(things):
        y0, y1 = max(top, tile.top) - tile.top, min(bottom, tile.bottom) - tile.top
        if y1 > y0:
            high = tile.bottom - tile.top
            boxes.append((0.5, ((y0 + y1) / 2 + off) / high, 0.2, (y1 - y0) / high))
            features.append([float(number)])
    tops = torch.tensor([float(tile.top)])
    logits = np.zeros((len(boxes), 4), np.float32)
    return Objects(logits, np.array(boxes, np.float32).reshape(-1, 4), torch.tensor(features).reshape(-1, 1), tops, -tops)


@pytest.mark.parametrize("off", [0.0, 4.0])
@pytest.mark.parametrize("high", [30, 250, 330, 420, 700, 1300, 4000])
def test_every_thing_is_found_once_and_whole_wherever_tiles_meet(high, off):
    """Also where two tiles are not of one mind about its place: each tile sees things as much too high as the next too low. And also what
    is higher than the tiles overlap, or than a tile: figures and panels are, and no tile shows the whole of them.
    """
    strip = prepare(Image.new("L", (WIDTH, HEIGHT), 255), 800, 1333, Direction.VERTICAL)
    things = [(float(top), float(top + high)) for top in range(0, HEIGHT - high + 1, high + 11)]
    found = joined(strip, [seen(tile, things, -off if at % 2 else off) for at, tile in enumerate(strip.tiles)])
    order = np.argsort(found.features[:, 0].numpy())
    assert [int(found.features[at, 0]) for at in order] == list(range(len(things)))
    corners = [((y - h / 2) * HEIGHT, (y + h / 2) * HEIGHT) for _, y, _, h in found.boxes[order].tolist()]
    np.testing.assert_allclose(corners, things, atol=off + 0.01)
    assert len(found.logits) == len(things)
    assert float(found.same_token) == pytest.approx(np.mean([tile.top for tile in strip.tiles])) == -float(found.speaker_token)


def test_figures_side_by_side_are_cut_by_the_same_edge_and_stay_two():
    """They overlap as embracing ones do; and a panel around them is no figure."""
    strip = prepare(Image.new("L", (WIDTH, HEIGHT), 255), 800, 1333, Direction.VERTICAL)
    things = [(CHARACTER, 0.3, 0.3), (CHARACTER, 0.4, 0.3), (PANEL, 0.35, 0.4)]
    top, bottom = 500.0, 1500.0
    tiles = []
    for tile in strip.tiles:
        found = seen(tile, [(top, bottom)] * len(things), 0.0)
        if len(found.boxes):
            found.boxes[:, 0], found.boxes[:, 2] = np.array([thing[1:] for thing in things], np.float32).T
            found.logits[np.arange(len(things)), [kind for kind, _, _ in things]] = 2.0
        tiles.append(found)
    found = joined(strip, tiles)
    assert sorted(found.features[:, 0].tolist()) == [0.0, 1.0, 2.0]
    order = np.argsort(found.features[:, 0].numpy())
    np.testing.assert_allclose(found.boxes[order][:, [0, 2]], [thing[1:] for thing in things], atol=1e-5)
    np.testing.assert_allclose(found.boxes[:, 3] * HEIGHT, bottom - top, atol=0.01)


@pytest.mark.parametrize(
    ("size", "direction", "count"),
    [
        ((600, 9000), Direction.VERTICAL, 14),
        ((600, 9000), Direction.RTL, 14),
        ((600, 1800), Direction.VERTICAL, 3),
        ((600, 1800), Direction.RTL, 1),
        ((600, 900), Direction.VERTICAL, 1),
        ((9000, 600), Direction.VERTICAL, 1),
        ((600, 9000), None, 1),
    ],
)
def test_a_strip_is_cut_into_parts_of_a_page_s_shape_and_a_page_is_not(size, direction, count):
    prepared = prepare(Image.new("L", size, 255), 800, 1333, direction)
    assert len(prepared.tiles) == len(prepared.shown_tiles) == count
    assert (prepared.tiles[0].top, prepared.tiles[-1].bottom) == (0, size[1])
    if count > 1:
        assert {shown.shape for shown in prepared.shown_tiles[:-1]} == {(1280, 800)}, "nothing is scaled down"


def test_a_page_is_its_only_tile():
    """To the last bit: what is compared with the reference is what is read."""
    engine, image = Engine(Network.load(GOLDEN)), page()
    (tiled,) = engine.detect([prepare(image, 200, 300, Direction.RTL)])
    (whole,) = engine.detect([prepare(image, 200, 300)])
    assert np.array_equal(tiled.boxes, whole.boxes)
    assert torch.equal(tiled.features, whole.features)


async def test_the_bubbles_of_a_strip_are_read_from_top_to_bottom_as_one_page(reader):
    """Two of them on every tile."""
    engine = reader._engine
    detect = engine._detect
    engine.detect = lambda pages: type(engine).detect(engine, pages)

    def planted(shown):
        standin = type("Shown", (), {"detect": staticmethod(lambda _: detect(shown))})()
        plant(standin, [(TEXT, (0.5, 0.45, 0.3, 0.05)), (TEXT, (0.5, 0.55, 0.3, 0.05))])
        return standin.detect(shown)

    engine._detect = planted
    (reading,) = await reader.read([png(page((100, 1500)))], ReadOptions(direction=Direction.VERTICAL, lang="en"))
    tiles = prepare(page((100, 1500)), 200, 300, Direction.VERTICAL).tiles
    assert (reading.width, reading.height) == (100, 1500)
    assert len(reading.boxes) == 2 * len(tiles) > 4
    tops = [box.box[1] for box in reading.boxes]
    assert tops == sorted(tops)
    assert tops[-1] > 1100


@pytest.mark.parametrize("broken", [{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {2}])
def test_a_tile_without_finite_numbers_fails_its_strip_and_is_not_taken_for_a_blank_one(monkeypatch, broken):
    engine = Engine(Network.load(GOLDEN))

    def overflowed(shown):
        numbers = np.random.default_rng(1)
        found = []
        for tile in range(len(shown)):
            boxes = (numbers.random((30, 4)) * 0.5 + 0.1).astype(np.float32)
            logits = numbers.random((30, 4)).astype(np.float32)
            factor = np.float32(np.nan if tile in broken else 1.0)
            found.append(Objects(logits * factor, boxes * factor, torch.zeros(30, 64), torch.zeros(64), torch.zeros(64)))
        return found

    monkeypatch.setattr(engine, "_detect", overflowed)
    strip = prepare(Image.new("L", (600, 4500), 255), 200, 300, Direction.VERTICAL)
    with pytest.raises(ArithmeticError, match="no finite number"):
        engine.find([strip], [Direction.VERTICAL])
