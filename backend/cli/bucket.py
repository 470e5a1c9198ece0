"""`tanoshi setup-bucket`: what the bucket needs before the service can use it."""

from __future__ import annotations

import typer

from backend.errors import ConfigurationError
from backend.settings import load_settings


def setup_bucket() -> None:
    """Make the bucket of BUCKET_NAME if it is not there, and set who may use it from a browser and what it forgets.

    Safe to run again. The credentials must be allowed to change the bucket; the service itself needs less.
    """
    from backend.storage.setup import set_up_bucket  # noqa: PLC0415 - only this command needs boto3
    from backend.stores import bucket_of  # noqa: PLC0415

    settings = load_settings()
    bucket = bucket_of(settings)
    if bucket is None:
        raise ConfigurationError("BUCKET_NAME is not set: name the bucket to set up.")
    for sentence in set_up_bucket(bucket, origins=settings.cors_origins, job_ttl_s=settings.job_ttl_seconds):
        typer.echo(sentence)
