"""A job's events as server-sent events: the opening burst, what is missed, what comes, and when it ends.

    fresh      retry, padding | burst at cursor c: ids c.0, c.1, ..., c | log after c | 3.6 s: ready pages again (contract C18)
    resumed    log after the given id; inside a burst: its rest, folded again from the log, then the log after it
    unknown id resync, then as fresh

Ids are places in the log, so a client that reconnects with the last one it saw gets exactly what it missed. The stream ends some
seconds after job_done, at its maximum age, and when the job is deleted.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from backend.errors import JobNotFound
from backend.jobs.events import Entry, EventName, encode_frame
from backend.jobs.feed import Tail, Wake
from backend.jobs.log import JobLog
from backend.jobs.state import JobState, PageRecord, PageState, fold

NUDGE_AFTER_S: Final = 3.6
"""The reader shows an advertisement for 3 s and looks at ready pages only when an event says so (contract C18)."""
_PADDING: Final = b": " + b"." * 600 + b"\n\n"
"""Some clients and proxies hold back the first half kilobyte (contract C17)."""
_PLACE: Final = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.(0|[1-9][0-9]{0,4}))?")


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Seconds: how old a stream may become, and how long it stays open after job_done."""

    max_age_s: float
    linger_s: float


class JobScript:
    """What a stream says of a job. It subscribes when the stream begins: one that was never begun holds nothing."""

    def __init__(self, log: JobLog, job_id: str, last_event_id: str | None, limits: StreamLimits) -> None:
        self.due = 0.0
        self._log = log
        self._job_id = job_id
        self._last_event_id = last_event_id
        self._limits = limits
        self._tail: Tail | None = None
        self._state: JobState | None = None
        """Kept up to date only until the ready pages have been told again: a thousand viewers need not fold for all of their lives."""
        self._done = False
        self._oldest = 0.0
        self._ends_at = 0.0
        self._nudge_at = inf

    async def open(self, wake: Wake) -> bytes | None:
        now = asyncio.get_running_loop().time
        try:
            opening, cursor, state, nudge = await _open(self._log, self._job_id, self._last_event_id)
            self._tail = await self._log.tail(self._job_id, cursor, wake)
        except JobNotFound:  # it has gone since the route looked; the headers are on their way
            return None
        began = now()
        self._oldest = began + self._limits.max_age_s
        self._done = state.done
        if nudge:
            self._state = state
            self._nudge_at = began + NUDGE_AFTER_S
        self._end_in_time(began)
        return f"retry: {random.randint(1000, 4000)}\n\n".encode() + opening  # noqa: S311 - jitter, not a secret

    def take(self, now: float) -> bytes | None:
        assert self._tail is not None
        try:
            batch = self._tail.take()
        except JobNotFound:
            return None
        if batch:
            if self._state is not None:
                self._state = fold(self._state, batch)
            self._done = _done_after(self._done, batch)
            self._end_in_time(now)
            return batch[0].frame if len(batch) == 1 else b"".join([entry.frame for entry in batch])
        if now >= self._ends_at:
            return None
        if self._state is not None and now >= self._nudge_at:
            again = _again(self._state)
            self._state, self._nudge_at, self.due = None, inf, self._ends_at
            return again
        return b""

    def _end_in_time(self, now: float) -> None:
        self._ends_at = min(self._oldest, now + self._limits.linger_s) if self._done else self._oldest
        self.due = min(self._ends_at, self._nudge_at)

    async def aclose(self) -> None:
        if self._tail is not None:
            self._tail.close()


def _done_after(done: bool, batch: Sequence[Entry]) -> bool:
    """What folding would say of `JobState.done`: a page that is queued again begins the next run."""
    for entry in batch:
        if entry.event.name is EventName.JOB_DONE:
            done = True
        elif entry.event.name is EventName.PAGE_STATUS and entry.event.data["state"] == PageState.QUEUED:
            done = False
    return done


async def _open(log: JobLog, job_id: str, last_event_id: str | None) -> tuple[bytes, int, JobState, bool]:
    """The first bytes, the place in the log to go on from, the state now, and whether ready pages are to be nudged."""
    state = await log.state(job_id)
    if last_event_id is None or last_event_id == "":
        return _PADDING + b"".join(burst(state)), state.cursor, state, True
    place = _PLACE.fullmatch(last_event_id.strip())
    if place is None or int(place[1]) > state.cursor:
        return _anew(state)
    cursor = int(place[1])
    resumed = b": resumed\n\n"
    if place[2] is not None:
        entries = (await log.entries(job_id))[:cursor]
        # In a thread: a long log takes longer to fold than others may wait.
        frames = burst(await asyncio.to_thread(fold, JobState.new(state.definition), entries))
        if int(place[2]) >= len(frames) - 1:  # the id of the last has no dot
            return _anew(state)
        resumed += b"".join(frames[int(place[2]) + 1 :])
    # Whether the job was done at that place need not be known: either what was missed says so, or nothing has changed it since.
    return resumed, cursor, state, False


def _anew(state: JobState) -> tuple[bytes, int, JobState, bool]:
    """What `_open` gives a viewer whose place is not known."""
    resync = encode_frame(f"{state.cursor}.r", "resync", {"cursor": str(state.cursor)})
    return _PADDING + resync + b"".join(burst(state)), state.cursor, state, True


def burst(state: JobState) -> list[bytes]:
    """The opening frames (contract C16): every page's status, progress, and job_done if it is. The last one's id is the cursor."""
    events: list[tuple[str, dict[str, object]]] = [(EventName.PAGE_STATUS, status_of(page)) for page in state.pages]
    events.append((EventName.PROGRESS, dict(state.progress())))
    if state.done:
        events.append((EventName.JOB_DONE, state.outcome()))
    last = len(events) - 1
    return [
        encode_frame(f"{state.cursor}.{k}" if k < last else str(state.cursor), name, data)
        for k, (name, data) in enumerate(events)
    ]


def status_of(page: PageRecord) -> dict[str, object]:
    """A page's status as an event's data."""
    found = page.wire()
    del found["uploaded"]
    return found


def _again(state: JobState) -> bytes:
    """The ready pages once more; a comment where there are none."""
    ready = [page for page in state.pages if page.state is PageState.READY]
    frames = [encode_frame(str(state.cursor), EventName.PAGE_STATUS, {**status_of(page), "repeat": True}) for page in ready]
    return b"".join(frames) or b": nothing is ready yet\n\n"
