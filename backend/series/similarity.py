"""How alike two figures look when they are one character, and when they are two: learned from the pages of the series itself.

The likeness of two figures is the dot product of their unit vectors. Its level depends on the reader, the artist and the print, so
no fixed threshold holds. What is counted is one histogram of likenesses for pairs of a page that the reader put into one cluster
and one for pairs it kept apart; two bell curves are fitted to both by expectation maximisation, which forgives a reader that is
wrong about one pair in ten. A prior speaks while little has been seen; about the level it is so weak that the first pages settle it.

    evidence(likeness, n, m) = log p(likeness | same) - log p(likeness | different)

for means of n and m vectors. A mean is less noisy than a vector: for isotropic noise about as large as the character itself the
variance of the likeness falls to (1/n + 1/m + 1/nm) / 3 of what it is between two single vectors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

BINS: Final = 100
CENTRES: Final = (np.arange(BINS) + 0.5) / BINS * 2 - 1
PRIOR_LIKENESS: Final = (0.75, 0.35)
"""Of the same and of different characters, before anything was seen."""
PRIOR_DEVIATION: Final = 0.12
"""Of one pair from the mean of its kind; also how far a reader's level is expected from PRIOR_LIKENESS."""
PRIOR_PAIRS: Final = 3.0
"""Pairs the prior deviation counts for."""
LABELS_RIGHT: Final = 0.95
"""Share of pairs of which the reader's page clusters are believed. Less, and a few strangers drawn in one manner are taken for one
person; more, and a reader that is wrong more often is not put right."""
MOST_EVIDENCE: Final = 12.0
"""No single likeness decides against all others."""
LEAST_GAP: Final = 0.05
LEAST_SPREAD: Final = 0.15
"""Two real characters differ in how alike they are, however well each is known."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """The two bell curves: means and variances of the likeness of single vectors, (same, different)."""

    means: tuple[float, float]
    variances: tuple[float, float]

    def evidence(self, likeness: ArrayLike, n: ArrayLike, m: ArrayLike = 1) -> Array:
        """Log likelihood ratio for "one character" of means of `n` and `m` vectors; arrays broadcast."""
        (same, different), (same_var, different_var) = self.means, self.variances
        n, m = np.asarray(n, np.float64), np.asarray(m, np.float64)
        spread = np.maximum((1 / n + 1 / m + 1 / (n * m)) / 3, LEAST_SPREAD)
        # Outside the two means the wider curve would win again, so more alike than the same counts as the same.
        x = np.clip(np.asarray(likeness, np.float64), different, same)
        ratio = (x - different) ** 2 / (2 * different_var * spread) - (x - same) ** 2 / (2 * same_var * spread)
        clipped: Array = np.clip(ratio - 0.5 * math.log(same_var / different_var), -MOST_EVIDENCE, MOST_EVIDENCE)
        return clipped


class Similarity(BaseModel):
    """Histograms of the likenesses seen within pages, by what the reader said of the pair."""

    model_config = ConfigDict(frozen=True, ignored_types=(cached_property,))

    together: tuple[int, ...] = (0,) * BINS
    apart: tuple[int, ...] = (0,) * BINS

    def observed(self, likeness: ArrayLike, together: ArrayLike) -> Similarity:
        """With further pairs; `together` says of each whether the reader put it into one cluster."""
        bins = np.clip(((np.asarray(likeness, np.float64) + 1) / 2 * BINS).astype(int), 0, BINS - 1)
        mask = np.asarray(together, bool)
        counts = [
            np.bincount(bins[chosen], minlength=BINS) + before for chosen, before in ((mask, self.together), (~mask, self.apart))
        ]
        return Similarity(together=tuple(map(int, counts[0])), apart=tuple(map(int, counts[1])))

    @cached_property
    def fit(self) -> Fit:
        """Maximum a posteriori by expectation maximisation, sixteen rounds; the first one takes the reader at its word."""
        counts = np.array([self.together, self.apart], np.float64)
        prior_var = PRIOR_DEVIATION**2
        variances = np.full(2, prior_var)
        responsible = np.repeat([[LABELS_RIGHT], [1 - LABELS_RIGHT]], BINS, axis=1)
        trust = math.log(LABELS_RIGHT / (1 - LABELS_RIGHT))
        for _ in range(16):
            share = np.array([(counts * responsible).sum(axis=0), (counts * (1 - responsible)).sum(axis=0)])
            mass = share.sum(axis=1)
            level = variances / prior_var  # pairs the prior means count for: the less one pair strays, the fewer
            means = (level * np.array(PRIOR_LIKENESS) + share @ CENTRES) / (level + mass)
            around = (share * (CENTRES[None, :] - means[:, None]) ** 2).sum(axis=1)
            variances = np.maximum((PRIOR_PAIRS * prior_var + around) / (PRIOR_PAIRS + mass), 1e-3)
            weights = (mass + PRIOR_PAIRS) / (mass + PRIOR_PAIRS).sum()
            means[0] = max(means[0], means[1] + LEAST_GAP)
            responsible = self._responsible(means, variances, weights, trust)
        return Fit((float(means[0]), float(means[1])), (float(variances[0]), float(variances[1])))

    @staticmethod
    def _responsible(means: Array, variances: Array, weights: Array, trust: float) -> Array:
        """P(same | bin, what the reader said), shape [2, BINS]: row 0 together, row 1 apart."""
        logs = (
            -((CENTRES[None, :] - means[:, None]) ** 2) / (2 * variances[:, None]) + np.log(weights / np.sqrt(variances))[:, None]
        )
        odds = logs[0] - logs[1]
        odds = np.where(means[0] < CENTRES, np.maximum(odds, 1.0), odds)  # see Fit.evidence
        found: Any = 1 / (1 + np.exp(-np.clip(np.array([odds + trust, odds - trust]), -50, 50)))
        return np.asarray(found, np.float64)
