"""The small heads on the object queries: class, box, essential or not, and who belongs to whom.

They run in float32 on the CPU, whatever the big models run on: their inputs are a few hundred vectors a page, and each decision they
make is discrete. The pair heads never build the table of pairs: the first layer of an MLP over [a, b] is a sum of one product per side,
so 300 characters cost 300 products and not 90,000.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from backend.readers.magi.detector import MLP

_ROWS = 64
"""Pairs are scored this many rows of the table at a time: 300 x 64 x 256 floats are 20 MB."""


class PairHead(nn.Module):
    """A score for every pair (i, j) of two lists of vectors, given one more vector that describes the page."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, left: Tensor, right: Tensor, shared: Tensor | None = None) -> Tensor:
        """Logits (left, right); an empty list gives an empty table.

        Args:
            left: (n, a), right: (m, b), shared: (c,); the layer was trained on their concatenation in this order.
        """
        first, *hidden, last = (layer for layer in self.layers if isinstance(layer, nn.Linear))
        weight = first.weight
        a, b = left.shape[1], right.shape[1]
        left_part = F.linear(left, weight[:, :a], first.bias)
        right_part = F.linear(right, weight[:, a : a + b])
        if shared is not None:
            left_part = left_part + F.linear(shared, weight[:, a + b :])
        table = left.new_empty(len(left), len(right))
        for start in range(0, len(left), _ROWS):
            x = F.relu(left_part[start : start + _ROWS, None] + right_part[None])
            for layer in hidden:
                x = F.relu(layer(x))
            table[start : start + _ROWS] = last(x)[..., 0]
        return table


def inverse_sigmoid(x: Tensor, eps: float = 1e-5) -> Tensor:
    """The logit of a probability, with both ends held off by `eps`."""
    x = x.clamp(0, 1)
    return torch.log(x.clamp(min=eps) / (1 - x).clamp(min=eps))


class Heads(nn.Module):
    """Every head under its published name (this module has no name of its own in the checkpoint)."""

    def __init__(self, width: int, crop_width: int, classes: int) -> None:
        super().__init__()
        self.is_this_text_a_dialogue = nn.Linear(width, 1)
        self.character_character_matching_head = PairHead(2 * (width + crop_width) + width, width, width, 1)
        self.text_character_matching_head = PairHead(3 * width, width, width, 1)
        self.text_tail_matching_head = PairHead(2 * width, width, width, 1)
        self.class_labels_classifier = nn.Linear(width, classes)
        self.bbox_predictor = MLP(width, width, width, 4)

    def boxes(self, objects: Tensor, reference: Tensor) -> Tensor:
        """(..., objects, 4) centre and size as fractions of the page, from features (..., objects, width)."""
        raw = self.bbox_predictor(objects)
        return torch.cat((raw[..., :2] + inverse_sigmoid(reference), raw[..., 2:]), dim=-1).sigmoid()

    def same_character(self, objects: Tensor, crops: Tensor, token: Tensor) -> Tensor:
        """(n, n) logits that two figures are one character; symmetric."""
        looks = torch.cat((objects, crops), dim=1)
        table = self.character_character_matching_head(looks, looks, token)
        return (table + table.T) / 2  # type: ignore[no-any-return]

    def speakers(self, texts: Tensor, characters: Tensor, token: Tensor) -> Tensor:
        """(texts, characters) logits."""
        return self.text_character_matching_head(texts, characters, token)  # type: ignore[no-any-return]

    def tails(self, texts: Tensor, tails: Tensor) -> Tensor:
        """(texts, tails) logits."""
        return self.text_tail_matching_head(texts, tails)  # type: ignore[no-any-return]

    def essential(self, texts: Tensor) -> Tensor:
        """(texts,) logits that a text belongs to the story."""
        return self.is_this_text_a_dialogue(texts)[:, 0]  # type: ignore[no-any-return]
