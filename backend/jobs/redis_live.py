"""Live events of a process: one subscription for all jobs, fanned out to any number of local followers.

    commit script --PUBLISH narration:live--> _listen --append--> _Feed.entries --wake--> followers, each with its own position
                                                 | a gap, a new connection, the sweep
                                                 v
                                              _mend: reads what is missing from the log

The channel only makes things fast; the log is the truth. Entries are numbered without gaps, so a feed knows when it has missed one,
and whatever goes wrong with the channel is mended by reading the log from where the feed ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from redis.exceptions import RedisError

from backend.errors import JobNotFound, Unavailable
from backend.jobs import keys
from backend.jobs.events import Entry
from backend.jobs.feed import Feed, Tail, Wake
from backend.jobs.redis_link import RedisLink

logger = logging.getLogger(__name__)

Load = Callable[[str, int], Awaitable[Sequence[Entry]]]
"""(job id, after) -> the log from there; raises JobNotFound."""
Cursors = Callable[[Sequence[str]], Awaitable[Sequence[int | None]]]
"""Job ids -> where their logs end now; None for a job that is gone."""

PING_AFTER_S: Final = 5.0
"""A channel silent for so long is asked for a sign of life; silent for twice as long, it is taken for dead."""
SWEEP_S: Final = 10.0
"""How often followed jobs are compared with the log: finds jobs that ran out, which no message tells."""
RECONNECT_S: Final = 0.5


class _Feed(Feed):
    """The log of one followed job, as far as this process has it."""

    __slots__ = ("loaded", "loading")

    def __init__(self) -> None:
        super().__init__()
        self.loaded = False
        self.loading = asyncio.Lock()

    def take_in(self, entries: Sequence[Entry]) -> bool:
        """Takes what continues the feed; False if something before it is missing."""
        known = len(self.entries)
        fresh = [entry for entry in entries if entry.seq > known]
        complete = not fresh or fresh[0].seq == known + 1
        if fresh and complete:
            self.append(fresh)
        return complete


class LiveReader:
    """Follows jobs for everybody in this process. Its tasks begin with the first follower and end with `aclose`."""

    def __init__(self, link: RedisLink, load: Load, cursors: Cursors) -> None:
        self._link = link
        self._load = load
        self._cursors = cursors
        self._feeds: dict[str, _Feed] = {}
        self._incomplete: set[str] = set()
        self._mending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = True

    async def tail(self, job_id: str, after: int, wake: Wake) -> Tail:
        feed = self._feed(job_id)
        tail = Tail(feed, after, wake, lambda: self._left(job_id, feed))
        try:
            if not feed.loaded:
                await self._catch_up(job_id, feed)
        except BaseException:
            tail.close()
            raise
        return tail

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def _feed(self, job_id: str) -> _Feed:
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._listen(), name="live events"),
                asyncio.create_task(self._mend(), name="live events: mending"),
            ]
        return self._feeds.setdefault(job_id, _Feed())

    def _left(self, job_id: str, feed: _Feed) -> None:
        if not feed.is_read and self._feeds.get(job_id) is feed:
            del self._feeds[job_id]

    async def _catch_up(self, job_id: str, feed: _Feed) -> None:
        async with feed.loading:
            try:
                feed.take_in(await self._load(job_id, len(feed.entries)))
            except JobNotFound:
                self._end(job_id)
                raise
            feed.loaded = True

    def _end(self, job_id: str) -> None:
        feed = self._feeds.pop(job_id, None)
        if feed is not None:
            feed.end()

    # --- the channel ---

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (RedisError, OSError) as error:
                # Said once an outage, not at every attempt.
                level = logging.WARNING if self._listening else logging.DEBUG
                logger.log(
                    level, "Live events from Redis at %s are interrupted (%r); connecting again.", self._link.address, error
                )
                self._listening = False
            except Exception:
                logger.exception("Live events failed; connecting again.")
            await asyncio.sleep(RECONNECT_S)

    async def _listen_once(self) -> None:
        async with self._link.client.pubsub() as channel:
            async with asyncio.timeout(self._link.timeout_s):
                await channel.subscribe(keys.LIVE)
            asked = False
            while True:
                message: dict[str, Any] | None = await channel.get_message(timeout=PING_AFTER_S)
                if message is not None:
                    asked = False
                    if message["type"] == "message":
                        self._take(message["data"])
                    elif message["type"] == "subscribe":
                        self._listening = True
                        self._ask_for(self._feeds)  # whatever was said while nobody listened
                elif asked:
                    raise TimeoutError("no sign of life")
                else:
                    asked = True
                    async with asyncio.timeout(self._link.timeout_s):
                        await channel.ping()

    def _take(self, news: bytes) -> None:
        job_id, _, said = news.decode("ascii").partition(" ")
        feed = self._feeds.get(job_id)
        if feed is None:
            return
        if said == "gone":
            self._end(job_id)
            return
        first, *lines = said.split("\n")
        if not feed.take_in([Entry.from_json(seq, line) for seq, line in enumerate(lines, int(first))]):
            self._ask_for([job_id])

    # --- the log, where the channel was not enough ---

    def _ask_for(self, job_ids: Any) -> None:
        self._incomplete.update(job_ids)
        self._mending.set()

    async def _mend(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_S):
                    await self._mending.wait()
            try:
                if not self._mending.is_set():
                    await self._sweep()
                self._mending.clear()
                await self._mend_incomplete()
            except Unavailable as error:
                logger.warning("Followed jobs cannot be compared with their logs (%s).", error)
            except Exception:
                logger.exception("Mending live events failed.")

    async def _sweep(self) -> None:
        job_ids = list(self._feeds)
        for job_id, cursor in zip(job_ids, await self._cursors(job_ids), strict=True):
            feed = self._feeds.get(job_id)
            if feed is None:
                continue
            if cursor is None:
                self._end(job_id)
            elif cursor > len(feed.entries):
                self._incomplete.add(job_id)

    async def _mend_incomplete(self) -> None:
        while self._incomplete:
            job_id = self._incomplete.pop()  # before reading: what is missed meanwhile asks again
            feed = self._feeds.get(job_id)
            if feed is None:
                continue
            try:
                await self._catch_up(job_id, feed)
            except JobNotFound:
                continue  # its followers were told
            except Unavailable:
                self._incomplete.add(job_id)
                raise
