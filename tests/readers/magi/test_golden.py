"""Every stage computes what the reference computes, within the tolerances of tests/data/magi/README.md."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.readers.magi import detections, links, order, pixels
from backend.readers.magi.decoding import write
from backend.readers.magi.vocabulary import ByteVocabulary
from backend.series import naming as bank_rules
from backend.series.vectors import unit
from tests.readers.magi.conftest import PAGES


def close(actual, expected, tolerance):
    assert np.shape(actual) == np.shape(expected)
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=0, atol=tolerance)


def rows(golden, kind, page):
    return torch.from_numpy(golden.arrays["object_features"][page])[golden.facts["kept_queries"][kind][page]]


class TestDetector:
    def test_pages_are_shown_at_the_published_sizes(self, golden):
        assert [list(page.shown.shape) for page in golden.pages] == golden.facts["detection_resized_hw"]

    def test_pixels_backbone_projection_and_encoder(self, golden):
        detector, arrays = golden.network.detection_transformer, golden.arrays
        x, inside = pixels.to_device([page.shown for page in golden.pages], pixels.IMAGENET, torch.device("cpu"), torch.float32)
        close(x[:, :, 200:206, 300:308], arrays["detection_pixel_slice"], 1e-5)
        sums = [[float(page.double().sum()), float(page.double().abs().sum())] for page in x]
        np.testing.assert_allclose(sums, golden.facts["detection_pixel_sums"], rtol=1e-5)
        assert inside.flatten(1).sum(1).tolist() == golden.facts["pixel_mask_sums"]
        with torch.inference_mode():
            features = detector.features(x)
            close(features[:, :, 8:11, 8:11], arrays["backbone_slice"], 3e-4)
            close(detector.input_projection(features)[:, :, 8:11, 8:11], arrays["input_projection_slice"], 3e-4)
            # The encoder sees 1,512 tokens of four pages; the whole transformer runs once more to look inside.
            seen = detector(x, inside)
        close(seen.memory[:, 330:340], arrays["encoder_slice"], 3e-4)
        close(seen.reference, arrays["reference_points"], 1e-5)

    def test_object_features_and_tokens(self, golden):
        close(np.stack([page.features.numpy() for page in golden.objects]), golden.arrays["object_features"], 1e-3)
        close(np.stack([page.same_token.numpy() for page in golden.objects]), golden.arrays["c2c_token"], 1e-3)
        close(np.stack([page.speaker_token.numpy() for page in golden.objects]), golden.arrays["t2c_token"], 1e-3)

    def test_classes_and_boxes(self, golden):
        close(np.stack([page.logits for page in golden.objects]), golden.arrays["class_logits"], 1e-3)
        close(np.stack([page.boxes for page in golden.objects]), golden.arrays["boxes_cxcywh"], 1e-4)

    @pytest.mark.parametrize("page", PAGES)
    def test_a_page_alone(self, golden, page):
        network = golden.network
        shown = [golden.pages[page].shown]
        x, inside = pixels.to_device(shown, pixels.IMAGENET, torch.device("cpu"), torch.float32)
        assert inside is None
        with torch.inference_mode():
            seen = network.detection_transformer(x)
            objects = seen.queries[0, :-5]
            close(network.class_labels_classifier(objects), golden.arrays[f"p{page}_alone_class_logits"], 1e-3)
            close(network.boxes(objects, seen.reference[:-5]), golden.arrays[f"p{page}_alone_boxes_cxcywh"], 1e-4)


@pytest.mark.parametrize("page", PAGES)
class TestKeptBoxes:
    def test_from_expected_logits(self, golden, page):
        self.check(golden, page, golden.arrays["class_logits"][page], golden.arrays["boxes_cxcywh"][page])

    def test_from_end_to_end(self, golden, page):
        self.check(golden, page, golden.objects[page].logits, golden.objects[page].boxes)

    @staticmethod
    def check(golden, page, logits, boxes):
        kept = detections.keep(logits, detections.corners(boxes, *golden.facts["page_sizes_wh"][page]))
        for kind, array in (("panels", "panel"), ("characters", "character"), ("texts", "text"), ("tails", "tail")):
            chosen = getattr(kept, kind)
            assert chosen.tolist() == golden.facts["kept_queries"][kind][page]
            close(kept.boxes[chosen], golden.arrays[f"p{page}_{array}_boxes"], 0.05)


class TestCrops:
    @pytest.mark.parametrize("page", PAGES)
    @pytest.mark.parametrize("kind", ["character", "text"])
    def test_bounds(self, golden, page, kind):
        boxes = golden.arrays[f"p{page}_{kind}_boxes"]
        if kind == "text":
            boxes = boxes[golden.facts["text_order"][page]]
        bounds = [pixels.crop_bounds(tuple(box), *golden.facts["page_sizes_wh"][page]) for box in boxes.tolist()]
        assert bounds == [tuple(row) for row in golden.arrays[f"p{page}_{kind}_crops"].tolist()]

    def test_pixels_and_embeddings(self, golden):
        crops = [
            pixels.cut(golden.pages[page].image, tuple(bounds), 224)
            for page in PAGES
            for bounds in golden.arrays[f"p{page}_character_crops"].tolist()
        ]
        x, _ = pixels.to_device(crops, pixels.IMAGENET, torch.device("cpu"), torch.float32)
        close(x[:, :, 100:103, 100:103], golden.arrays["crop_pixel_slice"], 1e-5)
        expected = np.concatenate([golden.arrays[f"p{page}_crop_embeddings"] for page in PAGES])
        close(golden.engine.embed(crops), expected, 1e-4)
        close(np.concatenate([page.embeddings for page in golden.found]), expected, 1e-4)


@pytest.mark.parametrize("page", PAGES)
class TestLinks:
    def test_affinities_given_the_expected_features(self, golden, page):
        network, arrays = golden.network, golden.arrays
        characters, texts, tails = (rows(golden, kind, page) for kind in ("characters", "texts", "tails"))
        crops = torch.from_numpy(arrays[f"p{page}_crop_embeddings"])
        with torch.inference_mode():
            same = network.same_character(characters, crops, torch.from_numpy(arrays["c2c_token"][page])).sigmoid()
            speakers = network.speakers(texts, characters, torch.from_numpy(arrays["t2c_token"][page])).sigmoid()
            close(same, arrays[f"p{page}_character_character"], 1e-4)
            close(speakers, arrays[f"p{page}_text_character"], 1e-4)
            close(network.tails(texts, tails).sigmoid(), arrays[f"p{page}_text_tail"], 1e-4)
            close(network.essential(texts), arrays[f"p{page}_essential_logits"], 1e-3)

    def test_end_to_end(self, golden, page):
        found, result = golden.found[page], golden.facts["results"][page]
        read_in = golden.facts["text_order"][page]
        close(found.same, golden.arrays[f"p{page}_character_character"], 5e-4)
        close(found.speaker_table, golden.arrays[f"p{page}_text_character"][read_in], 5e-4)
        close(found.tail_table, golden.arrays[f"p{page}_text_tail"][read_in], 5e-4)
        close(found.essential, golden.arrays[f"p{page}_essential_logits"][read_in], 1e-3)
        assert found.clusters == result["character_cluster_labels"]
        assert [logit > links.ESSENTIAL_LOGIT for logit in found.essential] == result["is_essential_text"]
        assert pairs(found.speakers) == result["text_character_associations"]
        assert pairs(found.text_tails) == result["text_tail_associations"]

    def test_order_end_to_end(self, golden, page):
        found, facts = golden.found[page], golden.facts
        panels = golden.arrays[f"p{page}_panel_boxes"]
        assert order.order_panels(panels.tolist()) == facts["panel_order"][page]
        width, height = facts["page_sizes_wh"][page]
        clip = np.array([width, height, width, height])
        close(found.panels, np.clip(panels[facts["panel_order"][page]], 0, clip), 0.05)
        texts = golden.arrays[f"p{page}_text_boxes"][facts["text_order"][page]]
        close(found.texts, np.clip(texts, 0, clip), 0.05)


def pairs(best):
    return [[row, column] for row, (column, _) in enumerate(best) if column is not None]


class TestWords:
    def test_pixels_and_encoder(self, golden, text_pixels, text_memory):
        close(text_pixels[:, :, 100:103, 100:103], golden.arrays["ocr_pixel_slice"], 1e-5)
        close(text_memory[:, [0, 1, 300], :8], golden.arrays["ocr_encoder_slice"], 1e-4)
        assert list(text_memory.shape) == golden.facts["ocr_encoder_shape"]

    def test_first_logits(self, golden, text_memory):
        decoder = golden.network.ocr_model.decoder
        with torch.inference_mode():
            logits = decoder.step(torch.full((len(text_memory),), decoder.start), decoder.look(text_memory))
        close(logits, golden.arrays["ocr_first_logits"], 1e-3)

    def test_every_step_of_one_text_and_late_steps_of_a_long_one(self, golden, text_memory):
        decoder, facts = golden.network.ocr_model.decoder, golden.facts
        chosen = [facts["ocr_logits_text"], facts["ocr_logits_text_long"]]
        ids = torch.from_numpy(golden.arrays["ocr_ids"][chosen]).long()
        with torch.inference_mode():
            memory = decoder.look(text_memory[chosen])
            steps = torch.stack([decoder.step(ids[:, at], memory) for at in range(64)], 1)
        short = golden.arrays["ocr_text_logits"]
        close(steps[0, : len(short)], short, 1e-3)
        close(steps[1, [20, 40, 63]], golden.arrays["ocr_text_logits_long"], 1e-3)

    def test_token_ids_in_one_batch_of_all_texts(self, golden, text_memory):
        texts = write(golden.network.ocr_model.decoder, text_memory, longest=64)
        for text, ids, length in zip(texts, golden.arrays["ocr_ids"], golden.arrays["ocr_lengths"], strict=True):
            assert text.ids == ids[1 : 1 + length].tolist()
            assert 0 < text.confidence <= 1
        assert [not text.ended for text in texts] == golden.facts["ocr_truncated"]

    def test_words(self, golden):
        vocabulary = ByteVocabulary(golden.directory / "tokenizer" / "vocab.json")
        words = [
            vocabulary.text(ids[1 : 1 + length].tolist()).replace("\n", "")
            for ids, length in zip(golden.arrays["ocr_ids"], golden.arrays["ocr_lengths"], strict=True)
        ]
        assert words == [text for page in golden.facts["results"] for text in page["ocr"]]

    def test_the_long_text_is_read_past_the_reference_s_limit(self, golden, text_memory):
        long = golden.facts["ocr_truncated"].index(True)
        (text,) = write(golden.network.ocr_model.decoder, text_memory[[long]])
        assert text.ended
        assert text.ids[:64] == golden.arrays["ocr_ids"][long, 1:].tolist()
        assert len(text.ids) > 64


def unit_rows(vectors):
    """As the series keeps them: float32, length one."""
    return np.array([unit(tuple(row.tolist())) for row in vectors])


class TestNames:
    def test_bank(self, golden):
        from PIL import Image

        images = [pixels.grey(Image.open(path)) for path in sorted((golden.directory / "bank").glob("*.png"))]
        embedded = golden.engine.embed([pixels.resized(image, (224, 224)) for image in images])
        close(embedded, golden.arrays["bank_embeddings"], 1e-4)

    def test_cost_and_names_of_the_chapter(self, golden):
        arrays, naming = golden.arrays, golden.facts["naming"]
        bank = unit_rows(arrays["bank_embeddings"])
        at, total = 0, 0.0
        for page in PAGES:
            cost = bank_rules.distances(unit_rows(arrays[f"p{page}_crop_embeddings"]), bank)
            expected = arrays["naming_cost"][at : at + len(cost)]
            close(cost, expected[:, :-1], 1e-4)
            columns = bank_rules.assign(expected[:, :-1], golden.found[page].clusters, naming["eta"])
            assert columns == arrays["naming_columns"][at : at + len(cost)].tolist()
            total += sum(expected[row, column] for row, column in enumerate(columns))
            at += len(cost)
        assert total == pytest.approx(naming["objective"], abs=1e-6)

    def test_cases(self, golden):
        for case in golden.facts["naming_cases"]:
            cost, at, total = np.array(case["cost"]), 0, 0.0
            for clusters in case["clusters"]:
                mine = cost[at : at + len(clusters)]
                columns = bank_rules.assign(mine[:, :-1], clusters, float(cost[0, -1]))
                total += sum(mine[row, column] for row, column in enumerate(columns))
                at += len(clusters)
            assert total == pytest.approx(case["objective"], abs=1e-9)


def test_suppression_cases(golden):
    for case in golden.facts["suppression_cases"]:
        scores, boxes = (np.array(case[name], dtype=np.float32) for name in ("scores", "boxes"))
        kept = detections.keep_scored(scores, np.array(case["labels"]), boxes)
        assert {kind: getattr(kept, kind).tolist() for kind in case["kept"]} == case["kept"]
