"""MAGI v2 a second time, slowly: float64 numpy, one image, one head, one pair at a time, from the papers and the tensor names alone.

It shares no code with `backend/readers/magi`, so where the two agree neither has its own mistake. Conditional DETR: arXiv:2108.06152;
ResNet: arXiv:1512.03385; vision transformer: arXiv:2010.11929; TrOCR: arXiv:2109.10282.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import count, pairwise, takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Mapping[str, Array]
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Part:
    """The tensors below one name."""

    def __init__(self, weights: Weights, name: str = "") -> None:
        self.weights, self.name = weights, name

    def __getattr__(self, name: str) -> Part:
        return Part(self.weights, f"{self.name}.{name}".lstrip("."))

    def __getitem__(self, number: int) -> Part:
        return getattr(self, str(number))

    def __contains__(self, name: str) -> bool:
        return any(key.startswith(f"{self.name}.{name}") for key in self.weights)

    def each(self) -> list[Part]:
        """Parts 0, 1, ... as many as there are."""
        return [self[number] for number in takewhile(lambda number: f"{number}." in self, count())]

    @property
    def tensor(self) -> Array:
        return self.weights[self.name]

    def linear(self, x: Array) -> Array:
        y = x @ self.weight.tensor.T
        return y + self.bias.tensor if f"{self.name}.bias" in self.weights else y

    def norm(self, x: Array, eps: float = 1e-5) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * self.weight.tensor + self.bias.tensor

    def mlp(self, x: Array) -> Array:
        *hidden, last = self.layers.each()
        for layer in hidden:
            x = np.maximum(layer.linear(x), 0)
        return last.linear(x)

    def conv(self, x: Array, stride: int, padding: int) -> Array:
        """(channels, height, width)."""
        weight = self.weight.tensor
        padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
        y = np.einsum("chwij,ocij->ohw", windows, weight, optimize=True)
        return y + self.bias.tensor[:, None, None] if f"{self.name}.bias" in self.weights else y

    def frozen_norm(self, x: Array) -> Array:
        scale = self.weight.tensor / np.sqrt(self.running_var.tensor + 1e-5)
        return (x - self.running_mean.tensor[:, None, None]) * scale[:, None, None] + self.bias.tensor[:, None, None]


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def gelu(x: Array) -> Array:
    return np.asarray(x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))))


def attention(q: Array, k: Array, v: Array, heads: int, causal: bool = False) -> Array:
    """Tokens by width; head h has the h-th slice of each."""
    parts = []
    for one_q, one_k, one_v in zip(*(np.split(x, heads, axis=1) for x in (q, k, v)), strict=True):
        table = one_q @ one_k.T / math.sqrt(one_q.shape[1])
        if causal:
            table = np.where(np.tri(*table.shape, dtype=bool), table, -np.inf)
        share = np.exp(table - table.max(axis=1, keepdims=True))
        parts.append(share / share.sum(axis=1, keepdims=True) @ one_v)
    return np.concatenate(parts, axis=1)


def waves(position: Array, width: int) -> Array:
    """Sine at even, cosine at odd places, each frequency twice."""
    out = np.empty((*position.shape, width))
    for at in range(width):
        turn = position * 2 * math.pi / 10000 ** (2 * (at // 2) / width)
        out[..., at] = np.cos(turn) if at % 2 else np.sin(turn)
    return out


def resnet(net: Part, x: Array) -> Array:
    x = np.maximum(net.bn1.frozen_norm(net.conv1.conv(x, 2, 3)), 0)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    x = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(3, 4))
    for stage in range(1, 5):
        for number, block in enumerate(getattr(net, f"layer{stage}").each()):
            stride = 2 if number == 0 and stage > 1 else 1
            y = np.maximum(block.bn1.frozen_norm(block.conv1.conv(x, 1, 0)), 0)
            y = np.maximum(block.bn2.frozen_norm(block.conv2.conv(y, stride, 1)), 0)
            y = block.bn3.frozen_norm(block.conv3.conv(y, 1, 0))
            if "downsample" in block:
                x = block.downsample[1].frozen_norm(block.downsample[0].conv(x, stride, 0))
            x = np.maximum(x + y, 0)
    return x


def detect(
    weights: Weights, config: Mapping[str, Any], grey: NDArray[np.uint8], batch: tuple[int, int] | None = None
) -> dict[str, Array]:
    """One page (height, width), already at the detector's size, alone or in the corner of a batch of a larger height and width."""
    heads_in, heads_out = config["encoder_attention_heads"], config["decoder_attention_heads"]
    net, width = Part(weights, "detection_transformer"), config["d_model"]
    pixels = np.zeros((3, *(batch or grey.shape)))
    pixels[:, : grey.shape[0], : grey.shape[1]] = (grey[None] / 255 - MEAN[:, None, None]) / STD[:, None, None]
    features = net.input_projection.conv(resnet(net.backbone.conv_encoder.model, pixels), 1, 0)
    # Nobody looks at a cell whose first pixel is not the page's, so it may as well not be there.
    rows, columns = (
        sum(cell * side // cells < end for cell in range(cells))
        for side, cells, end in zip(pixels.shape[1:], features.shape[1:], grey.shape, strict=True)
    )
    features = features[:, :rows, :columns]
    # A cell's place is its number from 1 by the number of cells (and a millionth, against division by zero).
    y, x = np.meshgrid(np.arange(1, rows + 1) / (rows + 1e-6), np.arange(1, columns + 1) / (columns + 1e-6), indexing="ij")
    places = np.concatenate([waves(y.ravel(), width // 2), waves(x.ravel(), width // 2)], axis=1)
    memory = features.reshape(width, -1).T
    for layer in net.encoder.layers.each():
        own, placed = layer.self_attn, memory + places
        mixed = attention(own.q_proj.linear(placed), own.k_proj.linear(placed), own.v_proj.linear(memory), heads_in)
        memory = layer.self_attn_layer_norm.norm(memory + own.out_proj.linear(mixed))
        memory = layer.final_layer_norm.norm(memory + layer.fc2.linear(np.maximum(layer.fc1.linear(memory), 0)))

    queries = net.query_position_embeddings.weight.tensor
    reference = sigmoid(net.decoder.ref_point_head.mlp(queries))
    sine = np.concatenate([waves(reference[:, 1], width // 2), waves(reference[:, 0], width // 2)], axis=1)
    state = np.zeros_like(queries)
    for number, layer in enumerate(net.decoder.layers.each()):
        layer_before = state
        q = layer.sa_qcontent_proj.linear(state) + layer.sa_qpos_proj.linear(queries)
        k = layer.sa_kcontent_proj.linear(state) + layer.sa_kpos_proj.linear(queries)
        mixed = attention(q, k, layer.sa_v_proj.linear(state), heads_out)
        state = layer.self_attn_layer_norm.norm(state + layer.self_attn.out_proj.linear(mixed))
        scaled = sine if number == 0 else sine * net.decoder.query_scale.mlp(layer_before)
        q, k = layer.ca_qcontent_proj.linear(state), layer.ca_kcontent_proj.linear(memory)
        place = layer.ca_kpos_proj.linear(places)
        if number == 0:
            q, k = q + layer.ca_qpos_proj.linear(queries), k + place
        side_by_side = [
            np.concatenate(
                [part for pair in zip(*(np.split(x, heads_out, axis=1) for x in two), strict=True) for part in pair], axis=1
            )
            for two in ((q, layer.ca_qpos_sine_proj.linear(scaled)), (k, place))
        ]
        mixed = attention(*side_by_side, layer.ca_v_proj.linear(memory), heads_out)
        state = layer.encoder_attn_layer_norm.norm(state + layer.encoder_attn.out_proj.linear(mixed))
        state = layer.final_layer_norm.norm(state + layer.fc2.linear(np.maximum(layer.fc1.linear(state), 0)))
    features = net.decoder.layernorm.norm(state)
    objects, all_of_it = features[:-5], Part(weights)
    raw = all_of_it.bbox_predictor.mlp(objects)
    raw[:, :2] += np.log(np.clip(reference[:-5], 1e-5, None) / np.clip(1 - reference[:-5], 1e-5, None))
    logits = all_of_it.class_labels_classifier.linear(objects)
    return {"features": objects, "same": features[-5], "speaker": features[-4], "logits": logits, "boxes": sigmoid(raw)}


def vit(weights: Weights, name: str, config: Mapping[str, Any], pixels: Array) -> Array:
    """Tokens (1 + patches, width) of one normalised image (3, side, side)."""
    net, heads, eps = Part(weights, name), config["num_attention_heads"], config["layer_norm_eps"]
    patches = net.embeddings.patch_embeddings.projection.conv(pixels, config["patch_size"], 0)
    x = np.concatenate([net.embeddings.cls_token.tensor[0], patches.reshape(len(patches), -1).T])
    x += net.embeddings.position_embeddings.tensor[0]
    for layer in net.encoder.layer.each():
        y, inner = layer.layernorm_before.norm(x, eps), layer.attention.attention
        mixed = attention(inner.query.linear(y), inner.key.linear(y), inner.value.linear(y), heads)
        x = x + layer.attention.output.dense.linear(mixed)
        x = x + layer.output.dense.linear(gelu(layer.intermediate.dense.linear(layer.layernorm_after.norm(x, eps))))
    return net.layernorm.norm(x, eps)


def next_logits(weights: Weights, config: Mapping[str, Any], picture: Array, ids: Sequence[int]) -> Array:
    """Logits after each of `ids`, the whole text at once under a causal mask."""
    net, heads = Part(weights, "ocr_model.decoder.model.decoder"), config["decoder_attention_heads"]
    places = np.arange(len(ids)) + 2
    x = net.layernorm_embedding.norm(net.embed_tokens.weight.tensor[list(ids)] + net.embed_positions.weight.tensor[places])
    for layer in net.layers.each():
        for part, norm, seen, causal in (
            (layer.self_attn, layer.self_attn_layer_norm, None, True),
            (layer.encoder_attn, layer.encoder_attn_layer_norm, picture, False),
        ):
            at = x if seen is None else seen
            mixed = attention(part.q_proj.linear(x), part.k_proj.linear(at), part.v_proj.linear(at), heads, causal)
            x = norm.norm(x + part.out_proj.linear(mixed))
        x = layer.final_layer_norm.norm(x + layer.fc2.linear(gelu(layer.fc1.linear(x))))
    return Part(weights, "ocr_model.decoder.output_projection").linear(x)


def pair_scores(weights: Weights, head: str, left: Array, right: Array, shared: Array | None = None) -> Array:
    """Probability for every pair, one at a time; for pairs of one list see `same_scores`."""
    mlp, table = Part(weights, head), np.zeros((len(left), len(right)))
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            table[i, j] = mlp.mlp(np.concatenate([one, other] if shared is None else [one, other, shared]))[0]
    return table


def kept(logits: Array, boxes: Array) -> dict[int, list[int]]:
    """Queries that are kept, by class, from scores and corners in pixels."""
    scores = sigmoid(logits.max(axis=1))
    found: dict[int, list[int]] = {}
    for kind, least in {0: 0.3, 1: 0.3, 2: 0.2, 3: 0.34}.items():
        mine = [at for at in range(len(logits)) if logits[at].argmax() == kind and scores[at] > least]
        if kind == 0:
            found[kind] = mine
            continue
        chosen: list[int] = []
        for at in sorted(mine, key=lambda at: -scores[at]):
            if kind == 2:
                ok = _covered(boxes[at], [boxes[other] for other in chosen]) <= 0.5
            else:
                ok = all(_overlap(boxes[at], boxes[other]) <= 0.5 for other in chosen)
            if ok:
                chosen.append(at)
        found[kind] = chosen
    return found


def _overlap(a: Array, b: Array) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, high)
    return float(shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared))


def _covered(box: Array, others: Sequence[Array]) -> float:
    """Share of a box under the union of others: slab by slab between all left and right edges."""
    edges = sorted({min(max(x, box[0]), box[2]) for other in others for x in (other[0], other[2])})
    area = 0.0
    for left, right in pairwise(edges):
        over = [o for o in others if o[0] <= left and o[2] >= right]
        spans = sorted((max(o[1], box[1]), min(o[3], box[3])) for o in over)
        reach = -math.inf
        for top, bottom in spans:
            area += (right - left) * max(0.0, bottom - max(top, reach))
            reach = max(reach, bottom)
    return float(area / ((box[2] - box[0]) * (box[3] - box[1])))


def clusters(same: Array) -> list[int]:
    """Labels by first appearance; a flood from each figure over pairs above .65."""
    labels: dict[int, int] = {}
    for start in range(len(same)):
        label, wave = len(set(labels.values())), [start]
        while wave:
            at = wave.pop()
            if at not in labels:
                labels[at] = label
                wave += [other for other in range(len(same)) if other != at and same[min(at, other), max(at, other)] > 0.65]
    return [labels[at] for at in range(len(same))]
