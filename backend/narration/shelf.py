"""A bounded hand-over between two stages, from which the most wanted item is taken first.

An asyncio.PriorityQueue fixes an item's priority when it is put; here the page in view may change while items wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Shelf(Generic[T]):
    """Holds at most `size` items. `rank` is asked when an item is taken: the lowest goes first."""

    def __init__(self, size: int, rank: Callable[[T], Any]) -> None:
        self._size = size
        self._rank = rank
        self._items: list[T] = []
        self._changed = asyncio.Condition()

    async def put(self, item: T) -> None:
        """Waits while the shelf is full."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._items) < self._size)
            self._items.append(item)
            self._changed.notify_all()

    async def take(self) -> T:
        """Waits while the shelf is empty."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._items))
            item = min(self._items, key=self._rank)
            self._items.remove(item)
            self._changed.notify_all()
            return item
