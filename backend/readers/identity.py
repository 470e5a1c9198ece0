"""Who is who across pages, from appearance alone: numpy and scipy, no model, no image.

A page arrives as unit-free embeddings of its figures and the page's own clusters (figures of one cluster are one person, figures of two
clusters of a page are two). Pages come one at a time or several at once, in any order; what was said about a page is never changed by a
later one: an identity once given only gains sightings. The trap: the threshold is a distance of unit vectors, so embeddings are normalised
here and an embedding of length zero belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

Floats = NDArray[np.float64]

STRANGER: Final = 0.75
"""Euclidean distance of unit vectors beyond which a figure is nobody we know (the published model's own limit for banks)."""
EXEMPLARS: Final = 12
"""Sightings an identity is compared by; the first ones and the latest are kept."""
_SHARPNESS: Final = 0.1
"""Distance by which a rival must be further away for odds of e to one. Not calibrated on real pages."""


@dataclass(frozen=True, slots=True)
class PageFigures:
    """The figures of one page: embeddings (n, d) and the page's cluster of each (n,)."""

    embeddings: Floats
    clusters: tuple[int, ...]

    @classmethod
    def of(cls, embeddings: ArrayLike, clusters: Sequence[int]) -> PageFigures:
        """From anything array-like; an empty list is a page without figures."""
        vectors = np.asarray(embeddings, dtype=np.float64)
        return cls(unit(vectors.reshape(len(clusters), -1) if len(clusters) else np.zeros((0, 0))), tuple(clusters))

    def groups(self) -> list[list[int]]:
        """Figures of each cluster, clusters by first appearance."""
        found: dict[int, list[int]] = {}
        for at, cluster in enumerate(self.clusters):
            found.setdefault(cluster, []).append(at)
        return list(found.values())


@dataclass(frozen=True, slots=True)
class Sighting:
    """Who a figure is: a number of the window, and how sure that is (1 for a first appearance that resembles nobody)."""

    identity: int
    confidence: float


@dataclass(slots=True)
class Identities:
    """The people of a window (or a series), growing page by page."""

    stranger: float = STRANGER
    _exemplars: list[Floats] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._exemplars)

    def announce(self, pages: Sequence[PageFigures]) -> list[list[Sighting]]:
        """Says who the figures of these pages are, and remembers it.

        Pages given together are clustered together, so nothing depends on their order; identities announced before take part but are
        neither merged nor renumbered. Average linkage; two clusters of a page, or two known identities, are never one.
        """
        groups = [(page, members) for page, figures in enumerate(pages) for members in figures.groups()]
        vectors = [pages[page].embeddings[members] for page, members in groups]
        known = len(self._exemplars)
        merged = self._cluster(vectors, [page for page, _ in groups])

        seen: list[dict[int, Sighting]] = [{} for _ in pages]
        before = list(self._exemplars)
        for cluster in merged:
            old = next((at for at in cluster if at < known), None)
            identity = len(self._exemplars) if old is None else old
            if old is None:
                self._exemplars.append(np.zeros((0, 0)))
            for at in cluster:
                if at >= known:
                    page, members = groups[at - known]
                    sure = _certainty(vectors[at - known], before, old, self.stranger)
                    seen[page].update({member: Sighting(identity, sure) for member in members})
                    self._remember(identity, vectors[at - known])
        return [[page[at] for at in range(len(page))] for page in seen]

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain lists: what a series keeps between windows."""
        return {"stranger": self.stranger, "exemplars": [known.round(5).tolist() for known in self._exemplars]}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Identities:
        """The inverse of `to_json`."""
        return cls(float(stored["stranger"]), [np.asarray(known, dtype=np.float64) for known in stored["exemplars"]])

    def _remember(self, identity: int, vectors: Floats) -> None:
        known = self._exemplars[identity]
        grown = vectors if known.size == 0 else np.concatenate([known, vectors])
        half = EXEMPLARS // 2
        self._exemplars[identity] = grown if len(grown) <= EXEMPLARS else np.concatenate([grown[:half], grown[-half:]])

    def _cluster(self, groups: list[Floats], pages: list[int]) -> list[list[int]]:
        """Agglomerates known identities (numbers below `len(self)`) and new groups (above); returns clusters with a new group in them."""
        nodes = [*self._exemplars, *groups]
        known, count = len(self._exemplars), len(self._exemplars) + len(groups)
        apart = np.full((count, count), np.inf)
        for a in range(count):
            for b in range(max(a + 1, known), count):
                if not (a >= known and pages[a - known] == pages[b - known]):
                    apart[a, b] = apart[b, a] = distances(nodes[a], nodes[b]).mean()
        sizes = np.array([len(node) for node in nodes], dtype=np.float64)
        members = [[at] for at in range(count)]
        while count and apart.min() < self.stranger:
            a, b = sorted(int(at) for at in np.unravel_index(apart.argmin(), apart.shape))
            # Infinity (may not be one) survives every average, so a merged cluster inherits all prohibitions of its parts.
            joined = (apart[a] * sizes[a] + apart[b] * sizes[b]) / (sizes[a] + sizes[b])
            apart[a], apart[:, a] = joined, joined
            apart[b], apart[:, b], apart[a, a] = np.inf, np.inf, np.inf
            sizes[a] += sizes[b]
            members[a] += members[b]
            members[b] = []
        return [cluster for cluster in members if any(at >= known for at in cluster)]


@dataclass(frozen=True, slots=True)
class Bank:
    """Named exemplars: several rows may share a name."""

    names: tuple[str, ...]
    embeddings: Floats

    @classmethod
    def of(cls, names: Sequence[str], embeddings: ArrayLike) -> Bank:
        vectors = np.asarray(embeddings, dtype=np.float64)
        return cls(tuple(names), unit(vectors.reshape(len(names), -1) if names else np.zeros((0, 0))))

    def people(self) -> list[str]:
        """Each name once, in order of appearance."""
        return list(dict.fromkeys(self.names))

    def cost(self, page: PageFigures) -> Floats:
        """(figures, people): distance to the nearest exemplar of each person."""
        away = distances(page.embeddings, self.embeddings)
        return np.stack(
            [away[:, [at for at, name in enumerate(self.names) if name == person]].min(axis=1) for person in self.people()], 1
        )


def name_figures(page: PageFigures, bank: Bank, stranger: float = STRANGER) -> list[tuple[str | None, float]]:
    """Name and confidence of each figure of a page; None is nobody of the bank. Two clusters of a page never share a name."""
    if not page.clusters:
        return []
    if not bank.names:
        return [(None, 1.0)] * len(page.clusters)
    cost = bank.cost(page)
    people = bank.people()
    chosen = assign(cost, page.clusters, stranger)
    named: list[tuple[str | None, float]] = []
    for row, column in zip(cost, chosen, strict=True):
        odds = np.exp(-(np.append(row, stranger) - min(row.min(), stranger)) / _SHARPNESS)
        named.append((people[column] if column < len(people) else None, float(odds[column] / odds.sum())))
    return named


def assign(cost: Floats, clusters: Sequence[int], stranger: float) -> list[int]:
    """The cheapest choice of a column for every row of one page.

    Rows of one cluster get one column; two clusters never share one, save the last (index `cost.shape[1]`), "somebody else", which costs
    `stranger` a row and is free for all. Upstream solves one integer program a chapter; pages do not constrain each other, so this
    assignment problem a page has the same optimum.
    """
    groups = list(PageFigures(np.zeros((0, 0)), tuple(clusters)).groups())
    if not groups:
        return []
    columns = cost.shape[1]
    known = np.stack([cost[members].sum(axis=0) for members in groups])
    nobody = np.array([stranger * len(members) for members in groups])
    table = np.concatenate([known, np.broadcast_to(nobody[:, None], (len(groups), len(groups)))], axis=1)
    chosen = [0] * len(clusters)
    for group, column in zip(*linear_sum_assignment(table), strict=True):
        for member in groups[group]:
            chosen[member] = min(int(column), columns)
    return chosen


def unit(vectors: Floats) -> Floats:
    """Rows at length one; a row of zeros stays zero (it is at distance 1 from everything)."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12))


def distances(a: Floats, b: Floats) -> Floats:
    """(n, m) Euclidean distances of rows."""
    if a.size == 0 or b.size == 0:
        return np.zeros((len(a), len(b)))
    return np.asarray(np.linalg.norm(a[:, None] - b[None], axis=-1))


def _certainty(vectors: Floats, known: Sequence[Floats], chosen: int | None, stranger: float) -> float:
    """Odds of the chosen identity (None: a new one) against all known ones, as a share."""
    away = [float(distances(vectors, other).mean()) for other in known]
    away.append(stranger)
    odds = np.exp(-(np.array(away) - min(away)) / _SHARPNESS)
    return float(odds[len(known) if chosen is None else chosen] / odds.sum())
