"""How far one text is from another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def edits(wanted: Sequence[T], got: Sequence[T]) -> int:
    """Levenshtein's distance: fewest letters (or words) to insert, leave out or exchange."""
    row = list(range(len(got) + 1))
    for number, item in enumerate(wanted, 1):
        diagonal, row[0] = row[0], number
        for column, other in enumerate(got, 1):
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, diagonal + (item != other))
    return row[-1]
