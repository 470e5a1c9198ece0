"""What a bucket needs before it serves: who may talk to it from a browser, and what it forgets by itself (`tanoshi setup-bucket`).

Applying it again gives the same result. Other rules of the bucket are replaced, because S3 knows only whole configurations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from backend.errors import ConfigurationError
from backend.storage.bucket import Bucket

KEEP_JOBS_DAYS: Final = 1
"""The service removes a window's objects itself, within JOB_TTL_SECONDS; the bucket does it where every process died."""
KEEP_CACHE_DAYS: Final = 30
ABORT_UPLOADS_DAYS: Final = 1


def set_up_bucket(bucket: Bucket, *, origins: Sequence[str], job_ttl_s: float) -> list[str]:
    """Makes the bucket if it is not there and sets CORS and lifecycle; returns what was done, a sentence each. Blocks for seconds.

    Args:
        origins: exact origins whose pages may upload and play; empty: none (apps and curl need none).
        job_ttl_s: JOB_TTL_SECONDS; the bucket keeps windows for at least as long.

    Raises:
        ConfigurationError: the bucket cannot be reached, or the credentials do not allow it.
    """
    client = bucket.client()
    try:
        return [
            _ensure_bucket(client, bucket),
            _set_cors(client, bucket.name, origins),
            _set_lifecycle(client, bucket.name, job_ttl_s),
        ]
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise ConfigurationError(f"The bucket {bucket.name} refused {error.operation_name}: {code}.") from error
    except BotoCoreError as error:
        raise ConfigurationError(f"The bucket {bucket.name} cannot be reached: {error}.") from error
    finally:
        client.close()


def _ensure_bucket(client: Any, bucket: Bucket) -> str:
    try:
        client.head_bucket(Bucket=bucket.name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    else:
        return f"The bucket {bucket.name} exists."
    region = client.meta.region_name
    # us-east-1 must not be named; R2's region "auto" is no place either.
    placed = {} if region in ("us-east-1", "auto") else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client.create_bucket(Bucket=bucket.name, **placed)
    return f"The bucket {bucket.name} was made."


def _set_cors(client: Any, name: str, origins: Sequence[str]) -> str:
    if not origins:
        client.delete_bucket_cors(Bucket=name)
        return "No origin may use it from a browser (CORS_ORIGINS is empty)."
    rule = {
        "AllowedOrigins": list(origins),
        "AllowedMethods": ["GET", "HEAD", "PUT"],
        "AllowedHeaders": ["Content-Type", "Range", "If-None-Match"],
        "ExposeHeaders": ["ETag", "Content-Range", "Accept-Ranges"],
        "MaxAgeSeconds": 3600,
    }
    client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})
    return f"Pages of {', '.join(origins)} may upload to it and play from it."


def _set_lifecycle(client: Any, name: str, job_ttl_s: float) -> str:
    job_days = max(KEEP_JOBS_DAYS, -(-int(job_ttl_s) // 86400) + 1)
    rules = [
        _expiring("windows", "narration/", job_days),
        _expiring("readings", "cache/readings/", KEEP_CACHE_DAYS),
        _expiring("utterances", "cache/utterances/", KEEP_CACHE_DAYS),
        {
            "ID": "unfinished-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_UPLOADS_DAYS},
        },
    ]
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    return f"It forgets windows after {job_days} day(s) and cached work after {KEEP_CACHE_DAYS} days; voices stay."


def _expiring(rule_id: str, prefix: str, days: int) -> dict[str, Any]:
    return {"ID": rule_id, "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}}
