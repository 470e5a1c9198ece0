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
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final

from backend.errors import JobNotFound
from backend.jobs.events import Entry, EventName, encode_frame
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


class Ending:
    """Ends a stream's wait at once when the server shuts down, so that the reply is completed and the client resumes elsewhere.

    It is handed to sse-starlette as its shutdown event, of which only `set` is called; a task that waited for a real event would cost
    every viewer some kilobytes.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.told: asyncio.Future[None] = self._loop.create_future()
        self._wait: asyncio.Timeout | None = None

    def set(self) -> None:
        if not self.told.done():
            self.told.set_result(None)
        if self._wait is not None:
            with suppress(RuntimeError):  # that wait is over; the next one will not begin
                self._wait.reschedule(self._loop.time())

    def until(self, at: float) -> asyncio.Timeout:
        """A time-out at loop time `at`, or as soon as the server shuts down."""
        self._wait = asyncio.timeout_at(self._loop.time() if self.told.done() else at)
        return self._wait


async def job_frames(
    log: JobLog, job_id: str, last_event_id: str | None, limits: StreamLimits, ending: Ending | None = None
) -> AsyncIterator[bytes]:
    """SSE frames of a job, one or several an item. Ends by itself; close it to unsubscribe.

    The subscription is taken here, inside the generator: one that was never begun holds nothing.
    """
    loop = asyncio.get_running_loop()
    ending = ending or Ending()
    began = loop.time()
    try:
        opening, cursor, state, nudge = await _open(log, job_id, last_event_id)
    except JobNotFound:  # it has gone since the route looked; the headers are on their way
        return
    yield f"retry: {random.randint(1000, 4000)}\n\n".encode() + opening  # noqa: S311 - jitter, not a secret
    ends_at = began + limits.max_age_s
    done = state.done
    if done:
        ends_at = min(ends_at, loop.time() + limits.linger_s)
    nudge_at = began + NUDGE_AFTER_S if nudge else None
    async with aclosing(log.follow(job_id, cursor)) as batches:
        upcoming: asyncio.Task[Sequence[Entry]] | None = None
        try:
            while True:
                if nudge_at is not None:
                    # Waiting with a task costs more than waiting with a time-out, but a time-out would end the subscription.
                    upcoming = upcoming or asyncio.ensure_future(anext(batches))
                    timeout = max(0.0, min(nudge_at, ends_at) - loop.time())
                    either: set[asyncio.Future[Any]] = {upcoming, ending.told}
                    await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                    if not upcoming.done():
                        if ending.told.done() or loop.time() >= ends_at:
                            return
                        nudge_at = None
                        yield _again(state)
                        continue
                try:
                    async with ending.until(ends_at):
                        batch = await (upcoming or anext(batches))
                except TimeoutError:
                    return
                upcoming = None
                if nudge_at is not None:  # a thousand viewers need not fold each event a thousand times for all of their lives
                    state = fold(state, batch)
                done = _done_after(done, batch)
                yield b"".join([entry.frame for entry in batch])
                ends_at = began + limits.max_age_s
                if done:
                    ends_at = min(ends_at, loop.time() + limits.linger_s)
        except (JobNotFound, StopAsyncIteration):
            return
        finally:
            if upcoming is not None:
                upcoming.cancel()
                with suppress(asyncio.CancelledError, JobNotFound, StopAsyncIteration):
                    await upcoming


def _done_after(done: bool, batch: Sequence[Entry]) -> bool:
    """What folding would say of `JobState.done`: a page that is queued again begins the next run."""
    for entry in batch:
        if entry.event.name is EventName.JOB_DONE:
            done = True
        elif entry.event.name is EventName.PAGE_STATUS and entry.event.data["state"] == PageState.QUEUED:
            done = False
    return done


async def _open(log: JobLog, job_id: str, last_event_id: str | None) -> tuple[bytes, int, JobState, bool]:
    """The first bytes, the place in the log to go on from, the state there, and whether ready pages are to be nudged."""
    state = await log.state(job_id)
    if last_event_id is None or last_event_id == "":
        return _PADDING + b"".join(burst(state)), state.cursor, state, True
    place = _PLACE.fullmatch(last_event_id.strip())
    if place is None or int(place[1]) > state.cursor:
        resync = encode_frame(f"{state.cursor}.r", "resync", {"cursor": str(state.cursor)})
        return _PADDING + resync + b"".join(burst(state)), state.cursor, state, True
    cursor = int(place[1])
    entries = await log.entries(job_id)
    then = fold(JobState.new(state.definition), entries[:cursor])
    rest = burst(then)[int(place[2]) + 1 :] if place[2] is not None else []
    return b": resumed\n\n" + b"".join(rest), cursor, then, False


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
