"""At sizes, seeds and pages of its own: the network against `tests/support/magi_slow.py`, which shares no code with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from backend.readers.base import Direction
from backend.readers.magi import detections, pixels
from backend.readers.magi.engine import Engine, Found
from backend.readers.magi.network import Network
from backend.readers.magi.sizes import MagiSizes
from backend.readers.magi.tiles import Objects, Prepared, prepare
from tests.support import magi_slow

SEEDS = range(4)
PAGES = ((70, 100), (220, 90), (31, 200), (97, 97), (300, 1))


def config_of(rng: np.random.Generator) -> dict[str, Any]:
    """A model of random sizes; nothing is as large as anything else where it need not be."""

    def one(*values: int) -> int:
        return int(rng.choice(values))

    heads, words, crops, writer = one(1, 2, 4), one(1, 2), one(2, 3), one(2, 4)
    vit = {"hidden_act": "gelu", "layer_norm_eps": float(rng.choice([1e-12, 1e-3])), "patch_size": one(8, 16)}
    return {
        "model_type": "magiv2",
        "detection_image_preprocessing_config": {"size": {"shortest_edge": one(64, 90), "longest_edge": one(130, 170)}},
        "detection_model_config": {
            "backbone_kwargs": {"layers": [one(1, 2) for _ in range(4)], "channels": [one(4, 6, 7) for _ in range(4)]},
            "d_model": 8 * heads,
            "encoder_attention_heads": one(1, 2) * heads,
            "decoder_attention_heads": heads,
            "encoder_layers": one(1, 2, 3),
            "decoder_layers": one(1, 2, 3),
            "encoder_ffn_dim": one(20, 33),
            "decoder_ffn_dim": one(18, 35),
            "num_queries": one(25, 60),
        },
        "crop_embedding_model_config": vit
        | {
            "image_size": 64,
            "hidden_size": 10 * crops,
            "num_attention_heads": crops,
            "num_hidden_layers": one(1, 3),
            "intermediate_size": 21,
        },
        "ocr_model_config": {
            "encoder": vit
            | {
                "image_size": 48,
                "hidden_size": 14 * words,
                "num_attention_heads": words,
                "num_hidden_layers": 2,
                "intermediate_size": 30,
                "qkv_bias": bool(rng.integers(2)),
            },
            "decoder": {
                "d_model": 6 * writer,
                "decoder_layers": one(1, 2),
                "decoder_attention_heads": writer,
                "decoder_ffn_dim": 22,
                "vocab_size": 41,
                "max_position_embeddings": 30,
                "tie_word_embeddings": bool(rng.integers(2)),
            },
        },
    }


def weights_of(shapes: dict[str, tuple[int, ...]], rng: np.random.Generator) -> dict[str, np.ndarray]:
    made = {}
    for name, shape in shapes.items():
        values = rng.standard_normal(shape)
        if name.endswith("running_var"):
            values = 0.5 + np.abs(values)
        elif len(shape) == 1 and name.endswith("weight"):
            values = 1 + 0.2 * values
        elif len(shape) == 1:
            values *= 0.3
        elif not name.endswith(("cls_token", "position_embeddings", "query_position_embeddings.weight")):
            values *= 1.6 / np.sqrt(np.prod(shape[1:]))
        if "qpos" in name or "kpos" in name or "ca_qcontent" in name:
            values *= 2.5  # each query looks at a place of its own; else all would say the same
        made[name] = values.astype(np.float32)
    made["bbox_predictor.layers.2.bias"] = np.array([0, 0, -1, -1], np.float32)
    return made


def choosy(engine: Engine, pages: list[Prepared], weights: dict[str, np.ndarray], rng: np.random.Generator) -> None:
    """Sets the classes so that of the queries some are of each and some are nothing."""
    features = np.concatenate([objects.features.numpy() for objects in engine.detect(pages)])
    spread = features - features.mean(axis=0)
    rows = rng.standard_normal((4, features.shape[1]))
    rows *= 1.5 / (spread @ rows.T).std(axis=0)[:, None]
    bias = -rows @ features.mean(axis=0) - 0.8
    weights["class_labels_classifier.weight"], weights["class_labels_classifier.bias"] = rows.astype("f4"), bias.astype("f4")
    head = engine.network.class_labels_classifier
    head.weight, head.bias = (torch.nn.Parameter(torch.from_numpy(x.astype("f4")), requires_grad=False) for x in (rows, bias))


@dataclass(frozen=True)
class Made:
    config: dict[str, Any]
    exact: dict[str, np.ndarray]
    engine: Engine
    pages: list[Prepared]
    objects: list[Objects]
    found: list[Found]


@pytest.fixture(scope="module", params=SEEDS)
def made(request, tmp_path_factory) -> Made:
    rng = np.random.default_rng(request.param)
    config, directory = config_of(rng), tmp_path_factory.mktemp(f"magi-{request.param}")
    (directory / "config.json").write_text(json.dumps(config))
    blank = Network.blank(MagiSizes.read(directory / "config.json"))
    weights = weights_of({name: tuple(tensor.shape) for name, tensor in blank.state_dict().items()}, rng)
    if config["ocr_model_config"]["decoder"]["tie_word_embeddings"]:
        weights["ocr_model.decoder.output_projection.weight"] = weights[
            "ocr_model.decoder.model.decoder.embed_tokens.weight"
        ].copy()
    save_file({name: torch.from_numpy(values) for name, values in weights.items()}, directory / "model.safetensors")
    sizes = config["detection_image_preprocessing_config"]["size"]
    pages = [prepare(drawn(size, rng), sizes["shortest_edge"], sizes["longest_edge"]) for size in PAGES]
    engine = Engine(Network.load(directory))
    choosy(engine, pages, weights, rng)
    objects = engine.detect(pages)
    exact = {name: values.astype(np.float64) for name, values in weights.items()}
    return Made(config, exact, engine, pages, objects, engine.find(pages, [Direction.RTL] * len(pages)))


def drawn(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    image = Image.new("L", size, 255)
    pen = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, shade = int(rng.integers(size[0])), int(rng.integers(size[1])), int(rng.integers(200))
        pen.ellipse((x, y, x + size[0] // 4, y + size[1] // 4), fill=shade)
    return image


@pytest.mark.parametrize("padded", [False, True], ids=["each in a batch of its size", "all in one padded batch"])
def test_what_the_detector_says(made, padded):
    said, batch = made.objects, None
    if padded:
        said = Engine(made.engine.network, pad_together=True).detect(made.pages)
        batch = tuple(max(page.shown.shape[axis] for page in made.pages) for axis in (0, 1))
    for page, objects in zip(made.pages, said, strict=True):
        slow = magi_slow.detect(made.exact, made.config["detection_model_config"], page.shown, batch)
        for mine, name in (
            (objects.features, "features"),
            (objects.same_token, "same"),
            (objects.speaker_token, "speaker"),
            (objects.logits, "logits"),
            (objects.boxes, "boxes"),
        ):
            np.testing.assert_allclose(mine, slow[name], atol=1e-3, err_msg=name)


def test_what_is_kept_and_who_belongs_to_whom(made):
    seen = set()
    for page, objects, found in zip(made.pages, made.objects, made.found, strict=True):
        width, height = page.image.size
        corners = detections.corners(objects.boxes, width, height).astype(np.float64)
        kept = magi_slow.kept(objects.logits.astype(np.float64), corners)
        mine = detections.keep(objects.logits, corners.astype(np.float32))
        assert kept == {0: mine.characters.tolist(), 1: mine.texts.tolist(), 2: mine.panels.tolist(), 3: mine.tails.tolist()}
        seen |= {kind for kind, chosen in kept.items() if chosen}

        rows = objects.features.numpy().astype(np.float64)
        order = [next(at for at in kept[1] if close(clip(corners[at], width, height), text)) for text in found.texts]
        looks = np.concatenate([rows[kept[0]], found.embeddings], axis=1)
        logits = magi_slow.pair_scores(made.exact, "character_character_matching_head", looks, looks, objects.same_token.numpy())
        same = magi_slow.sigmoid((logits + logits.T) / 2)
        speakers = magi_slow.sigmoid(
            magi_slow.pair_scores(
                made.exact, "text_character_matching_head", rows[order], rows[kept[0]], objects.speaker_token.numpy()
            )
        )
        tails = magi_slow.sigmoid(magi_slow.pair_scores(made.exact, "text_tail_matching_head", rows[order], rows[kept[3]]))
        for table, expected in ((found.same, same), (found.speaker_table, speakers), (found.tail_table, tails)):
            np.testing.assert_allclose(table, expected, atol=1e-4)
        essential = magi_slow.Part(made.exact, "is_this_text_a_dialogue").linear(rows[order])[:, 0]
        np.testing.assert_allclose(found.essential, essential, atol=1e-3)
        assert found.clusters == magi_slow.clusters(found.same)
        for chosen, table, least in ((found.speakers, speakers, 0.35), (found.text_tails, tails, 0.30)):
            for (column, score), row in zip(chosen, table, strict=True):
                assert score == pytest.approx(max(row, default=0), abs=1e-4)
                assert column is None or row[column] == pytest.approx(max(row), abs=1e-4)
                assert (column is not None) == (max(row, default=0) > least) or abs(max(row) - least) < 1e-4
    assert seen == {0, 1, 2, 3}, "pages on which nothing of a kind is found would test nothing of it"


def close(a, b) -> bool:
    return bool(np.allclose(a, b, atol=1e-3))


def clip(box, width: int, height: int):
    x0, y0 = np.clip(box[:2], 0, [width - 1, height - 1])
    return x0, y0, min(max(box[2], x0 + 1), width), min(max(box[3], y0 + 1), height)


def test_how_figures_look(made):
    at = max(range(len(PAGES)), key=lambda at: len(made.found[at].characters))
    page, found, objects = made.pages[at], made.found[at], made.objects[at]
    assert len(found.characters) > 2
    side = made.config["crop_embedding_model_config"]["image_size"]
    kept = detections.keep(objects.logits, detections.corners(objects.boxes, *page.image.size))
    for at, query in enumerate(kept.characters):
        crop = pixels.cut(page.image, pixels.crop_bounds(tuple(kept.boxes[query].tolist()), *page.image.size), side)
        normal = (crop[None] / 255 - magi_slow.MEAN[:, None, None]) / magi_slow.STD[:, None, None]
        slow = magi_slow.vit(made.exact, "crop_embedding_model", made.config["crop_embedding_model_config"], normal)
        np.testing.assert_allclose(found.embeddings[at], slow[0], atol=1e-4)


def test_what_the_words_are_made_of(made):
    network, ocr = made.engine.network, made.config["ocr_model_config"]
    crops = [pixels.resized(page.image, (48, 48)) for page in made.pages]
    x, _ = pixels.to_device(crops, pixels.HALF, torch.device("cpu"), torch.float32)
    picture = network.read_words(x)
    ids = np.random.default_rng(1).integers(0, 41, (len(crops), 12))
    decoder = network.ocr_model.decoder
    with torch.inference_mode():
        memory = decoder.look(picture)
        steps = torch.stack([decoder.step(torch.from_numpy(ids[:, at]), memory) for at in range(12)], 1).numpy()
    for at, crop in enumerate(crops):
        slow = magi_slow.vit(
            made.exact, "ocr_model.encoder", ocr["encoder"], np.repeat((crop[None] / 255 - 0.5) / 0.5, 3, axis=0)
        )
        np.testing.assert_allclose(picture[at], slow, atol=1e-4)
        np.testing.assert_allclose(steps[at], magi_slow.next_logits(made.exact, ocr["decoder"], slow, ids[at]), atol=1e-3)


@pytest.mark.parametrize("cut", ["bn1.running_mean", "ca_kpos_proj.weight", "layernorm_before.bias", "embed_positions.weight"])
def test_the_second_network_notices_a_tensor_that_is_off(made, cut):
    """What the comparison is worth: one tensor of the second network moved by a tenth shows."""
    name = next(key for key in made.exact if key.endswith(cut))
    moved = made.exact | {name: made.exact[name] + 0.1 * np.random.default_rng(0).standard_normal(made.exact[name].shape)}
    crop = np.zeros((3, 64, 64))
    ways = {
        "detection_transformer": lambda w: magi_slow.detect(w, made.config["detection_model_config"], made.pages[0].shown)[
            "logits"
        ],
        "crop_embedding_model": lambda w: magi_slow.vit(
            w, "crop_embedding_model", made.config["crop_embedding_model_config"], crop
        ),
        "ocr_model": lambda w: magi_slow.next_logits(
            w,
            made.config["ocr_model_config"]["decoder"],
            np.ones((3, made.config["ocr_model_config"]["encoder"]["hidden_size"])),
            [2, 5],
        ),
    }
    way = ways[name.split(".")[0]]
    assert np.abs(way(moved) - way(made.exact)).max() > 2e-3
