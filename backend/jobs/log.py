"""The port to the job log. One `commit` appends and folds, atomically; nothing about a job lives anywhere else.

Twins: `memory.py` (one process; what the laptop runs) and Redis (several processes). The same tests run against every twin.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Final, Protocol

from backend.jobs.attempts import Attempts
from backend.jobs.decisions import Decide
from backend.jobs.events import Entry
from backend.jobs.feed import Tail, Wake
from backend.jobs.state import JobDefinition, JobState

PIPELINE: Final = "lease"
"""The part of the work that narrates; its lease is what `abandoned` asks for."""
ARRIVALS: Final = "arrivals"
"""The part that notices uploads in a bucket."""


class JobLog(Protocol):
    """Where jobs live. Every method but `create` raises JobNotFound for a job that never was, expired or was deleted."""

    async def create(self, definition: JobDefinition) -> JobState:
        """Begins the log of a new job. Raises Conflict when the id is taken."""
        ...

    async def state(self, job_id: str) -> JobState: ...

    async def snapshot(self, job_id: str) -> bytes:
        """The reply of /snapshot, kept ready."""
        ...

    async def commit(self, job_id: str, decide: Decide) -> JobState:
        """Appends what `decide` says of the present state, all or nothing, and returns the state after it.

        `decide` may be called again when another process committed first. What it raises is raised here, and nothing is appended.
        """
        ...

    async def entries(self, job_id: str, after: int = 0) -> Sequence[Entry]:
        """The log from the entry behind `after` to its present end."""
        ...

    def follow(self, job_id: str, after: int = 0) -> AsyncGenerator[Sequence[Entry], None]:
        """The log from behind `after`, then what is appended, in batches, until the job is gone (JobNotFound).

        Close the iterator (`contextlib.aclosing`) to unsubscribe.
        """
        ...

    async def tail(self, job_id: str, after: int, wake: Wake) -> Tail:
        """The same for readers by the thousand: no task waits, `wake` is called when there is something to take. Close it."""
        ...

    async def delete(self, job_id: str) -> None:
        """Removes the job; its followers are told at once."""
        ...

    async def remember_start(self, key: str, job_id: str) -> str:
        """Binds an idempotency key to a job unless it is bound to a living one; returns the job it is bound to.

        The job must exist: two equal starts at once both create theirs, and the one that is not returned removes its own again.
        """
        ...

    async def open_jobs(self, client: str) -> int:
        """How many unfinished jobs a client has."""
        ...

    async def job_ids(self) -> Sequence[str]:
        """All jobs there are, for the keeper."""
        ...

    async def abandoned(self) -> Sequence[str]:
        """Jobs that have work (`JobState.has_work`) and no pipeline that holds a lease, for recovery."""
        ...

    async def narrated(self) -> Sequence[str]:
        """Jobs that have work and a pipeline that holds the lease on it."""
        ...

    async def attempts(self, job_id: str) -> Attempts | None:
        """What `note_attempts` said last; None before."""
        ...

    async def note_attempts(self, job_id: str, attempts: Attempts) -> None:
        """Keeps how often work on the job was begun; for holders of the pipeline's lease. Nobody who follows the job is told."""
        ...

    async def acquire(self, job_id: str, owner: str, ttl_s: float, part: str = PIPELINE) -> bool:
        """Takes or renews the lease on one part of the work on a job; False while another owner holds it."""
        ...

    async def release(self, job_id: str, owner: str) -> None:
        """Gives the pipeline's lease back if `owner` holds it."""
        ...

    async def aclose(self) -> None: ...
