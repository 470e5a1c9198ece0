"""Who belongs to whom on one page: figures to one person, texts to speakers and tails. numpy on probabilities, no model."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SAME_CHARACTER: Final = 0.65
SPEAKER: Final = 0.35
TAIL: Final = 0.30
ESSENTIAL_LOGIT: Final = 0.5
"""Compared with the logit itself, not with a probability: that is how the published model was evaluated."""


def clusters(same: Floats) -> list[int]:
    """A label for every figure from (n, n) probabilities of being one person: 0, 1, ... by first appearance; chains join."""
    count = len(same)
    root = list(range(count))

    def find(at: int) -> int:
        while root[at] != at:
            root[at] = root[root[at]]
            at = root[at]
        return at

    for a, b in zip(*np.nonzero(np.triu(same > SAME_CHARACTER, k=1)), strict=True):
        root[max(find(int(a)), find(int(b)))] = min(find(int(a)), find(int(b)))
    labels: dict[int, int] = {}
    return [labels.setdefault(find(at), len(labels)) for at in range(count)]


def best(table: Floats, least: float) -> list[tuple[int | None, float]]:
    """For each row of (n, m) probabilities its best column and that probability; below or at `least` the column is None."""
    if table.shape[1] == 0:
        return [(None, 0.0)] * len(table)
    columns = table.argmax(axis=1)
    scores = table[np.arange(len(table)), columns]
    return [(int(column) if score > least else None, float(score)) for column, score in zip(columns, scores, strict=True)]


def sigmoid(logits: NDArray[np.float32]) -> Floats:
    """Probabilities, without overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))), dtype=np.float32)
