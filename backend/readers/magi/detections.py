"""From the detector's numbers to the boxes that are kept: one class and one score each, above the class's threshold, doubles removed.

numpy only, float32, on the CPU: every decision here is discrete, so it is made in one precision whatever the detector ran in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.readers.magi.links import sigmoid

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

CHARACTER, TEXT, PANEL, TAIL = range(4)

THRESHOLDS: Final = {CHARACTER: 0.3, TEXT: 0.3, PANEL: 0.2, TAIL: 0.34}
OVERLAP: Final = 0.5
"""Texts and tails: intersection over union with a better one. Panels: share of the area that better ones cover."""


@dataclass(frozen=True, slots=True)
class Detections:
    """Query indices of what is kept on a page; texts, panels and tails by falling score, characters in query order."""

    scores: Floats
    """(queries,) probability of each query's best class."""
    boxes: Floats
    """(queries, 4) corners in pixels of the page, not clipped."""
    panels: Indices
    characters: Indices
    texts: Indices
    tails: Indices


def corners(boxes: Floats, width: int, height: int) -> Floats:
    """(n, 4) centre and size as fractions of the page -> corners in pixels."""
    half = boxes[:, 2:] / 2
    scale = np.array([width, height, width, height], dtype=np.float32)
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1) * scale


def keep(logits: Floats, boxes: Floats) -> Detections:
    """Decides which queries are objects.

    Args:
        logits: (queries, classes), boxes: (queries, 4) corners in pixels.
    """
    best = logits.max(axis=1)
    return keep_scored(sigmoid(best), logits.argmax(axis=1), boxes)


def keep_scored(scores: Floats, labels: NDArray[np.integer], boxes: Floats) -> Detections:
    """What `keep` does once each query has one score and one label."""
    sound = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    chosen = {kind: np.flatnonzero(sound & (labels == kind) & (scores > least)) for kind, least in THRESHOLDS.items()}
    ranked = {kind: found[np.argsort(-scores[found], kind="stable")] for kind, found in chosen.items()}
    return Detections(
        scores=scores,
        boxes=boxes,
        panels=_uncovered(ranked[PANEL], boxes),
        characters=chosen[CHARACTER],
        texts=_distinct(ranked[TEXT], boxes),
        tails=_distinct(ranked[TAIL], boxes),
    )


def area(boxes: Floats) -> Floats:
    """Area of each of (n, 4) boxes; an inside-out box has none."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]  # type: ignore[no-any-return]


def intersections(a: Floats, b: Floats) -> Floats:
    """(n, m) areas that boxes (n, 4) and (m, 4) share."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return area(np.concatenate([low, high], axis=-1))


def _distinct(ranked: Indices, boxes: Floats) -> Indices:
    """Greedy non-maximum suppression."""
    own = boxes[ranked]
    shared = intersections(own, own)
    sizes = area(own)
    union = sizes[:, None] + sizes[None, :] - shared
    same = shared > OVERLAP * np.maximum(union, 1e-9)
    kept: list[int] = []
    for at in range(len(ranked)):
        if not same[at, kept].any():
            kept.append(at)
    return ranked[kept]


def _uncovered(ranked: Indices, boxes: Floats) -> Indices:
    """Panels of which the better ones leave at least half visible; the union of those counts, not their sum."""
    kept: list[int] = []
    for at, index in enumerate(ranked):
        box = boxes[index]
        size = float(area(box))
        if size > 0 and covered(box, boxes[ranked[kept]]) <= OVERLAP * size:
            kept.append(at)
    return ranked[kept]


def covered(box: Floats, others: Floats) -> float:
    """Area of `box` under the union of `others`, by a grid through all their edges."""
    if len(others) == 0:
        return 0.0
    low, high = np.maximum(others[:, :2], box[:2]), np.minimum(others[:, 2:], box[2:])
    inside = (low < high).all(axis=1)
    low, high = low[inside], high[inside]
    xs = np.unique(np.concatenate([low[:, 0], high[:, 0]]))
    ys = np.unique(np.concatenate([low[:, 1], high[:, 1]]))
    grid = np.zeros((max(0, len(ys) - 1), max(0, len(xs) - 1)), dtype=bool)
    for (x0, y0), (x1, y1) in zip(low, high, strict=True):
        grid[np.searchsorted(ys, y0) : np.searchsorted(ys, y1), np.searchsorted(xs, x0) : np.searchsorted(xs, x1)] = True
    return float((np.diff(ys)[:, None] * np.diff(xs)[None, :])[grid].sum())
