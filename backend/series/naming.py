"""Names from a character bank: which figure is whom of the people a user has shown pictures of. numpy and scipy, no model, no image.

Likeness is the Euclidean distance of unit vectors, a person is as far away as the nearest of their pictures, and beyond `STRANGER` a
figure is nobody of the bank. Figures that are one person get one name and two people of a page never share one, so each page is an
assignment problem. (The published model solves one integer program for a whole chapter; as pages do not constrain each other it has the
same optimum.) The trap: a distance says nothing of how alike the people of this book look, so a name two people have nearly equal claims
to is not given here; `identity.py` decides such a figure by what the series has shown of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

STRANGER: Final = 0.75
"""Distance of unit vectors beyond which a figure is nobody of the bank: the published model's own limit."""
SHARPNESS: Final = 0.1
"""Distance by which a rival must be further away for odds of e to one. Not calibrated on real pages."""
SURE: Final = 0.5
"""Confidence below which `names` gives no name."""


def names(
    vectors: ArrayLike, groups: Sequence[Sequence[int]], bank: Sequence[ArrayLike], stranger: float = STRANGER
) -> list[int | None]:
    """Who of the bank each group of a page's figures is: an index of `bank`, or None for nobody, or nobody for sure.

    Args:
        vectors: (figures, width) unit vectors. groups: figures that are one person, by index.
        bank: for each person the (pictures, width) unit vectors of their pictures.
    """
    if not groups or not bank:
        return [None] * len(groups)
    cost = person_distances(vectors, bank)
    of_figure = {figure: number for number, group in enumerate(groups) for figure in group}
    figures = sorted(of_figure)
    chosen = assign(cost[figures], [of_figure[figure] for figure in figures], stranger)
    person = dict(zip(figures, chosen, strict=True))
    found: list[int | None] = []
    for group in groups:
        column = person[group[0]]
        known = column < len(bank) and confidence(cost[list(group)].mean(axis=0), column, stranger) >= SURE
        found.append(column if known else None)
    return found


def person_distances(vectors: ArrayLike, bank: Sequence[ArrayLike]) -> Floats:
    """(figures, people): distance to the nearest picture of each person."""
    return np.stack([distances(vectors, pictures).min(axis=1) for pictures in bank], axis=1)


def distances(a: ArrayLike, b: ArrayLike) -> Floats:
    """(n, m) Euclidean distances of rows."""
    one, other = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.asarray(np.linalg.norm(one[:, None] - other[None], axis=-1))


def assign(cost: Floats, groups: Sequence[Hashable], stranger: float = STRANGER) -> list[int]:
    """The cheapest choice of a column for every row of one page.

    Rows of one group get one column; two groups never share one, save the last (index `cost.shape[1]`), "somebody else", which costs
    `stranger` a row and is free for all.
    """
    # Imported here: it takes longer than all else a server needs before it listens.
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]  # noqa: PLC0415

    rows: dict[Hashable, list[int]] = {}
    for at, group in enumerate(groups):
        rows.setdefault(group, []).append(at)
    if not rows:
        return []
    columns = cost.shape[1]
    known = np.stack([cost[members].sum(axis=0) for members in rows.values()])
    nobody = np.array([stranger * len(members) for members in rows.values()])
    table = np.concatenate([known, np.broadcast_to(nobody[:, None], (len(rows), len(rows)))], axis=1)
    chosen = [0] * len(groups)
    for members, column in zip(rows.values(), linear_sum_assignment(table)[1].tolist(), strict=True):
        for member in members:
            chosen[member] = min(column, columns)
    return chosen


def confidence(away: Floats, column: int, stranger: float = STRANGER) -> float:
    """How sure a choice is: its odds against every other person (`away`: distances) and against a stranger, as a share of one.

    Args:
        column: an index of `away`, or its length for somebody else.
    """
    everybody = np.append(away, stranger)
    odds = np.exp(-(everybody - everybody.min()) / SHARPNESS)
    return float(odds[column] / odds.sum())
