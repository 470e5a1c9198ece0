"""Every Redis key, channel and lifetime of the job log. WARP.md documents them; nothing else in the program names one.

    narration:job:{job_id}             hash: cursor, state (the fold as JSON), client, work,
                                       created, attempts (JSON)                                      lives JOB_TTL_SECONDS
    narration:job:{job_id}:snapshot    string: the reply of /snapshot, ready to send                 lives JOB_TTL_SECONDS
    narration:job:{job_id}:events      stream: the log, ids "{seq}-0", fields entry and commit       lives JOB_TTL_SECONDS
    narration:job:{job_id}:lease       string: the pipeline that works on the job                    lives the lease's time
    narration:job:{job_id}:arrivals    string: the process that notices uploads in the bucket       lives the lease's time
    narration:open                     set: unfinished jobs, for recovery
    narration:jobs                     sorted set: all jobs by the time they run out (Unix ms), for the keeper
    narration:client:{client}:open     sorted set: a client's unfinished jobs by the time they run out
    narration:idemp:{sha256}           string: the job an equal start has led to                     lives JOB_TTL_SECONDS
    narration:live                     channel: each commit, "{job_id} {first seq}\\n{entry}\\n{entry}...", or "{job_id} gone"

The first three are written by one script and live and die together; their time begins anew with every commit. Scripts touch keys of
several jobs and clients, so this is for one Redis (with replicas if you like), not for Redis Cluster.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from backend.errors import JobNotFound

OPEN: Final = "narration:open"
JOBS: Final = "narration:jobs"
LIVE: Final = "narration:live"
JOB_PREFIX: Final = "narration:job:"

REMEMBER_EXPIRED_MS: Final = 24 * 3600 * 1000
"""How long `narration:jobs` names a job that ran out, so that its objects can still be found and removed."""

_JOB_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)


def job(job_id: str) -> str:
    """Raises JobNotFound for what cannot be a job id: a ":" in it would name another key."""
    if not _JOB_ID.fullmatch(job_id):
        raise JobNotFound
    return f"{JOB_PREFIX}{job_id}"


def snapshot(job_id: str) -> str:
    return f"{job(job_id)}:snapshot"


def events(job_id: str) -> str:
    return f"{job(job_id)}:events"


def lease(job_id: str, part: str) -> str:
    """`part`: "lease" or "arrivals"."""
    return f"{job(job_id)}:{part}"


def open_of(client: str) -> str:
    return f"narration:client:{client}:open"


def start(key: str) -> str:
    """Key of a start request; `key` may be any text and is hashed."""
    return f"narration:idemp:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"
