"""The log of one job as this process has it, and those who read along: both twins of the job log are built on it.

A reader (`Tail`) is a position in the list that all share and a callback; an append calls the callbacks and copies nothing. So thousands
of viewers cost thousands of positions, no tasks and no queues.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from backend.errors import JobNotFound
from backend.jobs.events import Entry

Wake = Callable[[], None]


class Feed:
    """Entries 1, 2, ... of a job."""

    __slots__ = ("_readers", "entries", "gone")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.gone = False
        self._readers: dict[Tail, Wake] | None = None  # most windows are never watched by more than one

    @property
    def is_read(self) -> bool:
        return bool(self._readers)

    def append(self, entries: Sequence[Entry]) -> None:
        self.entries.extend(entries)
        self._wake()

    def end(self) -> None:
        """The job is gone; readers are told at once."""
        self.gone = True
        self._wake()

    def _wake(self) -> None:
        for wake in tuple((self._readers or {}).values()):
            wake()

    def join(self, tail: Tail, wake: Wake) -> None:
        if self._readers is None:
            self._readers = {}
        self._readers[tail] = wake

    def leave(self, tail: Tail) -> None:
        if self._readers is not None:
            self._readers.pop(tail, None)


class Tail:
    """One reader of a feed. `wake` is called, on the event loop, whenever `take` has something new to say; close it to unsubscribe."""

    __slots__ = ("_after", "_closed", "_feed")

    def __init__(self, feed: Feed, after: int, wake: Wake, closed: Callable[[], None] | None = None) -> None:
        self._feed = feed
        self._after = after
        self._closed = closed
        feed.join(self, wake)

    def take(self) -> Sequence[Entry]:
        """What has come since the last call; empty: nothing.

        Raises:
            JobNotFound: the job is gone.
        """
        if self._feed.gone:
            raise JobNotFound
        found = self._feed.entries[self._after :]
        self._after += len(found)
        return found

    def close(self) -> None:
        self._feed.leave(self)
        if self._closed is not None:
            self._closed()


async def batches(subscribe: Callable[[Wake], Awaitable[Tail]]) -> AsyncGenerator[Sequence[Entry], None]:
    """What a tail takes, batch by batch, until the job is gone (JobNotFound). Close the iterator to unsubscribe."""
    woken = asyncio.Event()
    tail = await subscribe(woken.set)
    try:
        while True:
            woken.clear()
            if found := tail.take():
                yield found
            else:
                await woken.wait()
    finally:
        tail.close()
