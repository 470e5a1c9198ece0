"""The job log in Redis, shared by all processes: API, pipelines, GPU workers. Any of them may die at any time.

A commit is optimistic: the state is read, Python decides, and one script stores the outcome if the log still ends where it did;
else the decision is asked again. Entry ids are explicit and each commit carries a token, so a call that is repeated because its
reply was lost is recognised and appends nothing twice. Reading costs one round trip: the fold is stored beside the log.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from pydantic import TypeAdapter

from backend.errors import Conflict, JobNotFound
from backend.jobs import keys
from backend.jobs import redis_scripts as scripts
from backend.jobs.attempts import Attempts
from backend.jobs.decisions import Decide
from backend.jobs.events import Entry
from backend.jobs.feed import Tail, Wake, batches
from backend.jobs.log import ARRIVALS, PIPELINE
from backend.jobs.redis_link import RedisLink
from backend.jobs.redis_live import LiveReader
from backend.jobs.state import JobDefinition, JobState, fold

_STATE = TypeAdapter(JobState)
_ATTEMPTS = TypeAdapter(Attempts)


class RedisJobLog:
    """Implements JobLog.

    Args:
        link: the connection; owned and closed by this log.
        job_ttl_s: seconds a job lives after its last change.
        clock: gives Unix time in seconds.
    """

    def __init__(self, link: RedisLink, *, job_ttl_s: float, clock: Callable[[], float] = time.time) -> None:
        self.link = link
        self._clock = clock
        self._ttl_ms = round(job_ttl_s * 1000)
        register = link.client.register_script
        self._create = register(scripts.CREATE)
        self._commit = register(scripts.COMMIT)
        self._delete = register(scripts.DELETE)
        self._remember_start = register(scripts.REMEMBER_START)
        self._open_jobs = register(scripts.OPEN_JOBS)
        self._with_work = register(scripts.WITH_WORK)
        self._note_attempts = register(scripts.NOTE_ATTEMPTS)
        self._acquire = register(scripts.ACQUIRE)
        self._release = register(scripts.RELEASE)
        self._live = LiveReader(link, self.entries, self._cursors)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Commits of this process to one job take turns; only other processes can make them try again."""

    async def _run(self, script: Any, names: Sequence[str], *arguments: str | bytes | int) -> Any:
        return await self.link.call(lambda: script(keys=names, args=arguments))

    async def create(self, definition: JobDefinition) -> JobState:
        state = JobState.new(definition)
        token = secrets.token_hex(8)
        job_id, client = definition.job_id, definition.client
        written = (job_id, token, _STATE.dump_json(state), state.snapshot, client, self._ttl_ms, keys.REMEMBER_EXPIRED_MS)
        if await self._run(self._create, _written_keys(job_id, client), *written) == b"taken":
            raise Conflict("A job with this id exists.")
        return state

    async def state(self, job_id: str) -> JobState:
        name = keys.job(job_id)
        found: bytes | None = await self.link.call(lambda: self.link.client.hget(name, "state"))
        if found is None:
            raise JobNotFound
        return _STATE.validate_json(found)

    async def snapshot(self, job_id: str) -> bytes:
        name = keys.snapshot(job_id)
        found: bytes | None = await self.link.call(lambda: self.link.client.get(name))
        if found is None:
            raise JobNotFound
        return found

    async def commit(self, job_id: str, decide: Decide) -> JobState:
        async with self._turns.setdefault(job_id, asyncio.Lock()):
            while True:
                before = await self.state(job_id)
                now = self._clock()
                entries = [Entry(before.cursor + k, now, event) for k, event in enumerate(decide(before), 1)]
                if not entries:
                    return before
                after = fold(before, entries)
                if await self._append(before, entries, after):
                    return after

    async def _append(self, before: JobState, entries: Sequence[Entry], after: JobState) -> bool:
        """False: another process was faster."""
        job_id, client = after.definition.job_id, after.definition.client
        written = [entry.to_json() for entry in entries]
        news = "\n".join([f"{job_id} {entries[0].seq}", *written])
        fold_of_log = (_STATE.dump_json(after), after.snapshot, client, int(after.done), int(after.has_work), self._ttl_ms)
        outcome = await self._run(
            self._commit,
            _written_keys(job_id, client),
            *(job_id, secrets.token_hex(8), before.cursor),
            *fold_of_log,
            *(keys.LIVE, news),
            *written,
        )
        if outcome == b"gone":
            raise JobNotFound
        return bool(outcome == b"ok")

    async def entries(self, job_id: str, after: int = 0) -> Sequence[Entry]:
        names = keys.job(job_id), keys.events(job_id)

        async def read() -> tuple[bytes | None, list[tuple[bytes, dict[bytes, bytes]]]]:
            async with self.link.client.pipeline(transaction=True) as both:
                both.hget(names[0], "cursor")
                both.xrange(names[1], min=f"{after + 1}-0")
                cursor, found = await both.execute()
                return cursor, found

        cursor, found = await self.link.call(read)
        entries = [Entry.from_json(int(place.split(b"-")[0]), fields[b"entry"]) for place, fields in found]
        if cursor is None or (after < int(cursor) and (not entries or entries[-1].seq != int(cursor))):
            raise JobNotFound  # ran out, or a Redis that evicts keys has thrown a part of it away: the rest is worth nothing
        return entries

    def follow(self, job_id: str, after: int = 0) -> AsyncGenerator[Sequence[Entry], None]:
        return batches(lambda wake: self.tail(job_id, after, wake))

    async def tail(self, job_id: str, after: int, wake: Wake) -> Tail:
        return await self._live.tail(job_id, after, wake)

    async def _cursors(self, job_ids: Sequence[str]) -> Sequence[int | None]:
        async def read() -> list[bytes | None]:
            async with self.link.client.pipeline(transaction=False) as all_of_them:
                for job_id in job_ids:
                    all_of_them.hget(keys.job(job_id), "cursor")
                found: list[bytes | None] = await all_of_them.execute()
                return found

        return [None if cursor is None else int(cursor) for cursor in await self.link.call(read)]

    async def delete(self, job_id: str) -> None:
        name = keys.job(job_id)
        client: bytes | None = await self.link.call(lambda: self.link.client.hget(name, "client"))
        names = (*_written_keys(job_id, (client or b"").decode()), keys.lease(job_id, PIPELINE), keys.lease(job_id, ARRIVALS))
        tries = 0

        async def run() -> int:
            nonlocal tries
            tries += 1
            existed: int = await self._delete(keys=names, args=(job_id, keys.LIVE, f"{job_id} gone"))
            return existed

        if not await self.link.call(run) and tries == 1:
            raise JobNotFound

    async def remember_start(self, key: str, job_id: str) -> str:
        bound: bytes = await self._run(self._remember_start, (keys.start(key),), job_id, keys.JOB_PREFIX, self._ttl_ms)
        return bound.decode()

    async def open_jobs(self, client: str) -> int:
        return int(await self._run(self._open_jobs, (keys.open_of(client),)))

    async def job_ids(self) -> Sequence[str]:
        """Jobs that ran out within the last day are among them (JobNotFound follows): their objects may still be there."""
        found: list[bytes] = await self.link.call(lambda: self.link.client.zrange(keys.JOBS, 0, -1))
        return [job_id.decode() for job_id in found]

    async def abandoned(self) -> Sequence[str]:
        return [job_id.decode() for job_id in await self._run(self._with_work, (keys.OPEN,), keys.JOB_PREFIX, 0)]

    async def narrated(self) -> Sequence[str]:
        return [job_id.decode() for job_id in await self._run(self._with_work, (keys.OPEN,), keys.JOB_PREFIX, 1)]

    async def attempts(self, job_id: str) -> Attempts | None:
        name = keys.job(job_id)
        created, noted = await self.link.call(lambda: self.link.client.hmget(name, ["created", "attempts"]))
        if created is None:
            raise JobNotFound
        return None if noted is None else _ATTEMPTS.validate_json(noted)

    async def note_attempts(self, job_id: str, attempts: Attempts) -> None:
        if await self._run(self._note_attempts, (keys.job(job_id),), _ATTEMPTS.dump_json(attempts)) == b"gone":
            raise JobNotFound

    async def acquire(self, job_id: str, owner: str, ttl_s: float, part: str = PIPELINE) -> bool:
        outcome = await self._run(self._acquire, (keys.job(job_id), keys.lease(job_id, part)), owner, round(ttl_s * 1000))
        if outcome == b"gone":
            raise JobNotFound
        return bool(outcome == b"ok")

    async def release(self, job_id: str, owner: str) -> None:
        await self._run(self._release, (keys.lease(job_id, PIPELINE),), owner)

    async def aclose(self) -> None:
        await self._live.aclose()
        await self.link.aclose()


def _written_keys(job_id: str, client: str) -> tuple[str, ...]:
    """KEYS of the scripts that write a job, in their order."""
    return (keys.job(job_id), keys.snapshot(job_id), keys.events(job_id), keys.JOBS, keys.OPEN, keys.open_of(client))
