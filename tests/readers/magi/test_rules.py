"""The rules before and after the model, each on its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from backend.errors import ConfigurationError
from backend.readers.base import Direction, Kind
from backend.readers.magi import detections, links, order, pixels
from backend.readers.magi.decoding import GrowingMemory, circle, write
from backend.readers.magi.heads import PairHead
from backend.readers.magi.kinds import kind_of
from backend.readers.magi.look import columns
from backend.readers.magi.mend import mend
from backend.readers.magi.vocabulary import ByteVocabulary, CharacterVocabulary, script


class TestMend:
    @pytest.mark.parametrize(
        ("printed", "meant"),
        [
            ("inter- esting", "interesting"),
            ("INTER- ESTING, IS IT?", "INTERESTING, IS IT?"),
            ("un- der- stand", "understand"),
            ("W- what", "W- what"),
            ("wh- what", "wh-what"),
            ("NO- NOBODY", "NO-NOBODY"),
            ("but- wait", "but—wait"),
            ("well- known", "well-known"),
            ("TWENTY- ONE", "TWENTY-ONE"),
            ("Mary- Ann", "Mary-Ann"),
            ("re- read", "re-read"),
            ("a well-known face", "a well-known face"),
            ("wait -- what", "wait -- what"),
            ("night , and rain !", "night, and rain!"),
            ("two\nlines\n", "two lines"),
            ("", ""),
        ],
    )
    def test_line_ends(self, printed, meant):
        assert mend(printed) == meant

    @given(st.text(alphabet="ab-' ,.\nAB…", max_size=30))
    def test_mending_twice_changes_nothing_more(self, text):
        assert mend(mend(text)) == mend(text)


class TestOrder:
    GRID = ((0, 0, 90, 90), (110, 0, 200, 90), (0, 110, 90, 200), (110, 110, 200, 200))

    @pytest.mark.parametrize(
        ("direction", "expected"),
        [(Direction.RTL, [1, 0, 3, 2]), (Direction.LTR, [0, 1, 2, 3]), (Direction.VERTICAL, [0, 1, 2, 3])],
    )
    def test_four_panels(self, direction, expected):
        assert order.order_panels(self.GRID, direction) == expected

    def test_texts_follow_their_panel_outwards_from_its_first_corner(self):
        texts = [(10, 10, 30, 30), (60, 10, 80, 30), (150, 150, 160, 160), (92, 95, 100, 105)]
        panels = [self.GRID[at] for at in order.order_panels(self.GRID)]
        found, owners = order.order_texts(texts, panels)
        assert found[:2] == [1, 0] or found.index(1) < found.index(0)
        assert [panels[at] for at in owners[:3]] == [self.GRID[0], self.GRID[0], self.GRID[3]]
        assert owners[3] is not None

    def test_no_panels_no_texts(self):
        assert order.order_panels([]) == []
        assert order.order_texts([], []) == ([], [])
        assert order.order_texts([(0, 0, 5, 5), (50, 0, 55, 5)], []) == ([1, 0], [None, None])

    def test_text_order_of_every_golden_case(self, golden):
        for case in golden.facts["order_cases"]:
            panels = [case["panels"][at] for at in case["panel_order"]]
            assert order.order_texts(case["texts"], panels)[0] == case["text_order"]

    def test_panel_order_of_every_golden_case(self, golden):
        for case in golden.facts["order_cases"]:
            assert order.order_panels(case["panels"]) == case["panel_order"]

    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(st.tuples(*[st.floats(0, 100, width=16)] * 2, *[st.floats(1, 60, width=16)] * 2), max_size=9),
        st.sampled_from(Direction),
    )
    def test_any_layout_has_an_order_and_left_to_right_is_its_mirror(self, raw, direction):
        boxes = [(x, y, x + w, y + h) for x, y, w, h in raw]
        found = order.order_panels(boxes, direction)
        assert sorted(found) == list(range(len(boxes)))
        mirrored = [(-x1, y0, -x0, y1) for x0, y0, x1, y1 in boxes]
        assert order.order_panels(mirrored, Direction.LTR) == order.order_panels(boxes, Direction.RTL)

    def test_three_hundred_tangled_panels_are_put_in_order_too(self):
        corners = np.random.default_rng(0).uniform(0, 1000, (300, 2))
        boxes = [(x, y, x + 80, y + 80) for x, y in corners.tolist()]
        kept = detections.keep_scored(
            np.linspace(0.9, 0.3, 300, dtype=np.float32), np.full(300, detections.PANEL), np.array(boxes, dtype=np.float32)
        )
        assert sorted(order.order_panels([boxes[at] for at in kept.panels])) == list(range(len(kept.panels)))


class TestDetections:
    def test_covered_area_is_that_of_the_union(self):
        box = np.array([0, 0, 10, 10], dtype=np.float32)
        others = np.array([[0, 0, 5, 10], [0, 0, 6, 10], [20, 20, 30, 30]], dtype=np.float32)
        assert detections.covered(box, others) == 60
        assert detections.covered(box, others[:0]) == 0

    @pytest.mark.parametrize(
        ("kind", "threshold"),
        [(detections.CHARACTER, 0.3), (detections.TEXT, 0.3), (detections.PANEL, 0.2), (detections.TAIL, 0.34)],
    )
    def test_each_class_has_its_threshold(self, kind, threshold):
        scores = np.array([threshold - 0.001, threshold, threshold + 0.001], dtype=np.float32)
        boxes = np.array([[10 * at, 0, 10 * at + 9, 9] for at in range(3)], dtype=np.float32)
        kept = detections.keep_scored(scores, np.full(3, kind), boxes)
        found = [*kept.characters, *kept.texts, *kept.panels, *kept.tails]
        assert 2 in found
        assert 0 not in found

    def test_numbers_that_are_none_are_nothing(self):
        logits = np.full((3, 4), 5.0, dtype=np.float32)
        boxes = np.array([[0, 0, 5, 5], [np.nan] * 4, [0, 0, np.inf, 5]], dtype=np.float32)
        assert detections.keep(logits, boxes).characters.tolist() == [0]


class TestPixels:
    @pytest.mark.parametrize(
        ("size", "shown"),
        [
            ((640, 904), (800, 1130)),
            ((1480, 700), (1333, 630)),
            ((98, 140), (800, 1142)),
            ((5000, 1), (1333, 1)),
            ((1, 1), (800, 800)),
            # Whose short side would stay what it is keeps its long side too.
            ((800, 1201), (800, 1201)),
            ((1334, 573), (1334, 573)),
            ((102, 1330), (102, 1330)),
            ((1335, 600), (1333, 599)),
        ],
    )
    def test_page_size(self, size, shown):
        assert pixels.page_size(*size, 800, 1333) == shown

    @given(st.tuples(*[st.floats(-500, 1500)] * 4), st.integers(1, 1000), st.integers(1, 1000))
    def test_a_crop_always_has_pixels_of_the_page(self, box, width, height):
        x0, y0, x1, y1 = pixels.crop_bounds(box, width, height)
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert x1 - x0 >= min(10, width)
        assert y1 - y0 >= min(10, height)

    def test_pages_of_one_size_need_no_mask_and_others_are_zero_outside(self):
        small, large = np.full((4, 6), 255, np.uint8), np.full((5, 6), 255, np.uint8)
        same, inside = pixels.to_device([small, small], pixels.IMAGENET, torch.device("cpu"), torch.float32)
        assert inside is None
        mixed, inside = pixels.to_device([small, large], pixels.IMAGENET, torch.device("cpu"), torch.float32)
        assert torch.equal(mixed[0, :, :4], same[0])
        assert not mixed[0, :, 4].any()
        assert inside.sum().item() == 24 + 30


class TestLinks:
    def test_chains_join(self):
        same = np.eye(4, dtype=np.float32)
        same[0, 2] = same[2, 0] = same[2, 3] = same[3, 2] = 0.9
        assert links.clusters(same) == [0, 1, 0, 0]
        assert links.clusters(np.zeros((0, 0), dtype=np.float32)) == []

    @pytest.mark.parametrize(("sure", "together"), [(0.649, False), (0.651, True)])
    def test_figures_are_one_from_065_on(self, sure, together):
        same = np.array([[1, sure], [sure, 1]], dtype=np.float32)
        assert links.clusters(same) == ([0, 0] if together else [0, 1])

    def test_a_tail_belongs_to_a_text_from_030_on(self):
        assert links.best(np.array([[0.299], [0.301]], dtype=np.float32), links.TAIL)[0][0] is None
        assert links.best(np.array([[0.299], [0.301]], dtype=np.float32), links.TAIL)[1][0] == 0

    def test_below_the_threshold_is_unknown_with_its_score(self):
        table = np.array([[0.2, 0.34], [0.1, 0.36]], dtype=np.float32)
        assert links.best(table, links.SPEAKER) == [(None, pytest.approx(0.34)), (1, pytest.approx(0.36))]
        assert links.best(np.zeros((2, 0), dtype=np.float32), 0.3) == [(None, 0.0)] * 2

    def test_the_pair_head_is_an_mlp_over_the_concatenation(self):
        torch.manual_seed(0)
        head = PairHead(3 + 4 + 2, 8, 8, 1)
        left, right, shared = torch.randn(70, 3), torch.randn(5, 4), torch.randn(2)
        rows = torch.cat([left[:, None].expand(-1, 5, -1), right[None].expand(70, -1, -1), shared.expand(70, 5, -1)], -1)
        for layer in head.layers[:-1]:
            rows = layer(rows).relu()
        torch.testing.assert_close(head(left, right, shared), head.layers[-1](rows)[..., 0])


class TestKinds:
    PANEL = (0, 0, 100, 100)
    MIDDLE, CORNER, OUTSIDE = (40, 40, 60, 50), (0, 0, 40, 20), (30, 120, 60, 130)

    @pytest.mark.parametrize(
        ("essential", "spoken", "box", "panel", "text", "kind"),
        [
            (3.0, True, MIDDLE, PANEL, "Hello", Kind.SPEECH),
            (3.0, False, MIDDLE, PANEL, "Hello", Kind.SPEECH),
            (3.0, False, MIDDLE, PANEL, "(I wonder)", Kind.THOUGHT),
            (3.0, False, CORNER, PANEL, "Years later", Kind.NARRATION),
            (3.0, True, CORNER, PANEL, "Hello", Kind.SPEECH),
            (3.0, False, OUTSIDE, PANEL, "The end", Kind.NARRATION),
            (3.0, False, OUTSIDE, None, "The end", Kind.NARRATION),
            (0.4, True, MIDDLE, PANEL, "", Kind.SFX),
            (-3.0, False, OUTSIDE, PANEL, "12", Kind.OTHER),
            (float("nan"), True, MIDDLE, None, "", Kind.OTHER),
        ],
    )
    def test_kind(self, essential, spoken, box, panel, text, kind):
        assert kind_of(essential, spoken, box, panel, text) is kind


class Parrot:
    """A decoder that says what it was told: row n of the picture names its script."""

    positions, start, end = 400, 2, 0

    def __init__(self, scripts):
        self.scripts, self.steps = scripts, 0

    def look(self, picture):
        return GrowingMemory([(picture[:, None], picture[:, None])])

    def step(self, tokens, memory):
        self.steps += 1
        rows = memory.picture[0][0][:, 0, 0, 0].long()
        memory.grow(0, torch.zeros(len(tokens), 1, 1, 1), torch.zeros(len(tokens), 1, 1, 1))
        logits = torch.zeros(len(tokens), 60)
        for at, row in enumerate(rows.tolist()):
            script_ = self.scripts[row]
            logits[at, script_[memory.length] if memory.length < len(script_) else 0] = 9.0
        memory.length += 1
        return logits


class TestDecoding:
    @pytest.mark.parametrize("patience", [1, 3, 8])
    def test_each_text_ends_by_itself_whatever_its_neighbours(self, patience):
        scripts = [[5, 6, 7], [], list(range(1, 60)) * 2, [9]]
        picture = torch.arange(4.0)[:, None, None]
        texts = write(Parrot(scripts), picture, patience=patience)
        assert [text.ids for text in texts] == [[*script_, 0] for script_ in scripts]
        assert all(text.ended and text.confidence > 0.9 for text in texts)

    def test_a_text_that_goes_in_circles_is_cut_after_the_first_round(self):
        (text,) = write(Parrot([[1, 2, 3] + [7, 8, 9] * 200]), torch.zeros(1, 1, 1))
        assert (text.ids, text.looped, text.ended) == ([1, 2, 3, 7, 8, 9], True, False)
        assert text.confidence < 0.6

    def test_a_scream_is_no_circle(self):
        scream = [3] + [4] * 20 + [5]
        (text,) = write(Parrot([scream]), torch.zeros(1, 1, 1))
        assert text.ids == [*scream, 0]
        assert circle([4] * 40) == 1

    def test_no_texts(self):
        assert write(Parrot([]), torch.zeros(0, 1, 1)) == []


class TestLook:
    @staticmethod
    def cells(across, down, cell=(16, 16), gap=(10, 4)):
        image = np.full((down * (cell[1] + gap[1]) + 8, across * (cell[0] + gap[0]) + 8), 255, np.uint8)
        for x in range(across):
            for y in range(down):
                image[4 + y * (cell[1] + gap[1]) :, 4 + x * (cell[0] + gap[0]) :][: cell[1], : cell[0]] = 0
        return image

    @pytest.mark.parametrize("invert", [False, True])
    def test_columns_and_lines(self, invert):
        image = self.cells(3, 8)
        image = 255 - image if invert else image
        assert columns(image) > 0.2
        assert columns(image.T) < -0.2

    def test_nothing_says_nothing(self):
        assert columns(np.full((30, 30), 255, np.uint8)) == 0
        assert columns(np.zeros((1, 1), np.uint8)) == 0


class TestVocabulary:
    def test_special_tokens_and_broken_bytes(self, golden):
        vocabulary = ByteVocabulary(golden.directory / "tokenizer" / "vocab.json")
        assert vocabulary.text([0, 1, 2, 3, 10_000]) == ""

    def test_characters(self, tmp_path):
        (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nあ\n##い\n[unused1]", encoding="utf-8")
        vocabulary = CharacterVocabulary(tmp_path / "vocab.txt")
        assert vocabulary.text([2, 4, 5, 6, 3, 99]) == "あい"
        with pytest.raises(ConfigurationError, match="missing"):
            CharacterVocabulary(tmp_path / "none.txt")

    @pytest.mark.parametrize(
        ("text", "lang"),
        [("漢字とかな", "ja"), ("Hello", "en"), ("안녕", "ko"), ("Привет", "ru"), ("!? 12", None), ("えっ OK", "ja")],
    )
    def test_script(self, text, lang):
        assert script(text) == lang


def test_grey_pages_need_no_second_conversion():
    image = Image.new("L", (3, 3))
    assert pixels.grey(image) is image
