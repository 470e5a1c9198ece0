"""Opens the stores the settings name: the job log, the objects, the counters of the rate limits. What differs from process to
process is only this: in memory and in a folder, or in Redis and S3, shared by all.

Opening connects nothing: a store that is away is found out, and waited for, at the first call. Redis and boto3 are imported where they
are used, so that an installation without them in its settings does not load them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from limits.aio.storage import MemoryStorage, RedisStorage, Storage

from backend.jobs.log import JobLog
from backend.jobs.memory import MemoryJobLog
from backend.settings import Settings
from backend.storage.objects import Objects

if TYPE_CHECKING:
    from backend.storage.bucket import Bucket

LIMITS_PREFIX: Final = "narration:limits"
"""Of the Redis keys the `limits` library keeps its counters under; they live for RATE_LIMIT_WINDOW_SECONDS."""

CHECK_FOR_S: Final = 5.0
"""How long a check goes on trying to reach the bucket; a person waits for it."""


def make_log(settings: Settings) -> JobLog:
    """The job log: Redis with REDIS_URL, else this process's memory.

    Raises:
        ConfigurationError: REDIS_URL is no address.
    """
    if settings.redis_url is None:
        return MemoryJobLog()
    from backend.jobs.redis import RedisJobLog  # noqa: PLC0415
    from backend.jobs.redis_link import RedisLink  # noqa: PLC0415

    return RedisJobLog(RedisLink(settings.redis_url.get_secret_value()), job_ttl_s=settings.job_ttl_seconds)


def make_objects(settings: Settings) -> Objects:
    """The object store: S3 with BUCKET_NAME, else DATA_DIR.

    Raises:
        ConfigurationError: DATA_DIR cannot be made, or there are no credentials for the bucket.
    """
    bucket = bucket_of(settings)
    return Objects.in_folder(settings.data_dir) if bucket is None else Objects.in_bucket(bucket)


def bucket_of(settings: Settings) -> Bucket | None:
    """The bucket the settings name, or None."""
    if settings.bucket_name is None:
        return None
    from backend.storage.bucket import Bucket  # noqa: PLC0415

    key, secret = settings.aws_access_key_id, settings.aws_secret_access_key
    return Bucket(
        settings.bucket_name,
        settings.bucket_url,
        settings.bucket_region,
        key.get_secret_value() if key else None,
        secret.get_secret_value() if secret else None,
    )


def make_counters(log: JobLog) -> Storage:
    """Where rate limits are counted: beside the jobs, so that a client has one limit and not one a process."""
    if isinstance(log, MemoryJobLog):
        return MemoryStorage()
    from backend.jobs.redis import RedisJobLog  # noqa: PLC0415

    assert isinstance(log, RedisJobLog)
    return RedisStorage(
        "async+redis://",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix=LIMITS_PREFIX,
        connection_pool=log.link.client.connection_pool,  # type: ignore[arg-type] # as its documentation has it
    )


async def check_log(settings: Settings) -> str:
    """A sentence on where jobs are kept, after asking the server.

    Raises:
        ConfigurationError, Unavailable: with the reason.
    """
    if settings.redis_url is None:
        return "Jobs are kept in the memory of the one process that serves (REDIS_URL shares them)."
    from backend.jobs.redis_link import RedisLink  # noqa: PLC0415

    link = RedisLink(settings.redis_url.get_secret_value())
    try:
        return f"Jobs are kept in {await link.check()} at {link.address}."
    finally:
        await link.aclose()


async def check_objects(settings: Settings) -> str:
    """A sentence on where objects are kept, after writing, listing, reading and removing one.

    Raises:
        ConfigurationError, Unavailable: with the reason.
    """
    bucket = bucket_of(settings)
    if bucket is None:
        objects, place = Objects.in_folder(settings.data_dir), f"the folder {settings.data_dir}"
    else:
        impatient = replace(bucket, retry_for_s=CHECK_FOR_S, request_timeout_s=CHECK_FOR_S)
        objects, place = Objects.in_bucket(impatient), f"the bucket {bucket.name} at {bucket.url or 'AWS'}"
    try:
        await objects.check()
    finally:
        await objects.aclose()
    return f"Pages, audio and caches are kept in {place}."
