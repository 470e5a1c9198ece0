"""The job log of one process, in memory: what a laptop runs. Not a cache and not a test double.

Every method is atomic because none awaits between reading and writing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from backend.errors import Conflict, JobNotFound
from backend.jobs.attempts import Attempts
from backend.jobs.decisions import Decide
from backend.jobs.events import Entry
from backend.jobs.feed import Feed, Tail, Wake, batches
from backend.jobs.log import PIPELINE
from backend.jobs.state import JobDefinition, JobState, fold


@dataclass(eq=False)
class _Job:
    state: JobState
    feed: Feed = field(default_factory=Feed)
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Part of the work -> owner and the monotonic time at which its lease ends."""
    attempts: Attempts | None = None

    def held(self, part: str, now: float, but_by: str | None = None) -> bool:
        """Whether somebody (else than `but_by`) holds the lease on `part` at the monotonic time `now`."""
        owner, until = self.leases.get(part, (but_by, now))
        return owner != but_by and until > now


class MemoryJobLog:
    """Implements JobLog. `clock` gives Unix time in seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._jobs: dict[str, _Job] = {}
        self._starts: dict[str, str] = {}
        self._starts_of: dict[str, list[str]] = {}
        self._open: Counter[str] = Counter()

    def _job(self, job_id: str) -> _Job:
        try:
            return self._jobs[job_id]
        except KeyError:
            raise JobNotFound from None

    async def create(self, definition: JobDefinition) -> JobState:
        if definition.job_id in self._jobs:
            raise Conflict("A job with this id exists.")
        job = self._jobs[definition.job_id] = _Job(JobState.new(definition))
        self._open[definition.client] += 1
        return job.state

    async def state(self, job_id: str) -> JobState:
        return self._job(job_id).state

    async def snapshot(self, job_id: str) -> bytes:
        return self._job(job_id).state.snapshot

    async def commit(self, job_id: str, decide: Decide) -> JobState:
        job = self._job(job_id)
        before = job.state
        now = self._clock()
        entries = [Entry(before.cursor + k, now, event) for k, event in enumerate(decide(before), 1)]
        if not entries:
            return before
        job.state = fold(before, entries)
        self._count_open(before, job.state)
        job.feed.append(entries)
        return job.state

    def _count_open(self, before: JobState, after: JobState) -> None:
        change = int(before.done) - int(after.done)
        client = after.definition.client
        self._open[client] += change
        if not self._open[client]:
            del self._open[client]

    async def entries(self, job_id: str, after: int = 0) -> Sequence[Entry]:
        return self._job(job_id).feed.entries[after:]

    def follow(self, job_id: str, after: int = 0) -> AsyncGenerator[Sequence[Entry], None]:
        return batches(lambda wake: self.tail(job_id, after, wake))

    async def tail(self, job_id: str, after: int, wake: Wake) -> Tail:
        return Tail(self._job(job_id).feed, after, wake)

    async def delete(self, job_id: str) -> None:
        job = self._job(job_id)
        del self._jobs[job_id]
        for key in self._starts_of.pop(job_id, ()):
            self._starts.pop(key, None)
        if not job.state.done:
            self._count_open(job.state, JobState(job.state.definition, job.state.pages, done=True))
        job.feed.end()

    async def remember_start(self, key: str, job_id: str) -> str:
        bound = self._starts.setdefault(key, job_id)
        if bound == job_id:
            self._starts_of.setdefault(job_id, []).append(key)
        return bound

    async def open_jobs(self, client: str) -> int:
        return self._open.get(client, 0)

    async def job_ids(self) -> Sequence[str]:
        return tuple(self._jobs)

    async def abandoned(self) -> Sequence[str]:
        return self._with_work(held=False)

    async def narrated(self) -> Sequence[str]:
        return self._with_work(held=True)

    def _with_work(self, *, held: bool) -> Sequence[str]:
        now = time.monotonic()
        return tuple(job_id for job_id, job in self._jobs.items() if job.state.has_work and job.held(PIPELINE, now) is held)

    async def attempts(self, job_id: str) -> Attempts | None:
        return self._job(job_id).attempts

    async def note_attempts(self, job_id: str, attempts: Attempts) -> None:
        self._job(job_id).attempts = attempts

    async def acquire(self, job_id: str, owner: str, ttl_s: float, part: str = PIPELINE) -> bool:
        job = self._job(job_id)
        now = time.monotonic()
        if job.held(part, now, but_by=owner):
            return False
        job.leases[part] = (owner, now + ttl_s)
        return True

    async def release(self, job_id: str, owner: str) -> None:
        job = self._jobs.get(job_id)
        if job and job.leases.get(PIPELINE, ("", 0.0))[0] == owner:
            del job.leases[PIPELINE]

    async def aclose(self) -> None:
        for job_id in tuple(self._jobs):
            await self.delete(job_id)
