"""Which S3 bucket, and how it is reached: data through obstore, signing and set-up through boto3 (`presign.py`, `setup.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from backend.errors import ConfigurationError

CONNECT_TIMEOUT_S: Final = 5
REQUEST_TIMEOUT_S: Final = 15
"""Of one attempt, body included."""
RETRY_FOR_S: Final = 30
"""How long 5xx replies, broken connections and time-outs are tried again. With one last attempt it stays below the 60 s in which a
client wants its first byte (contract C10)."""
DEFAULT_REGION: Final = "us-east-1"


@dataclass(frozen=True)
class Bucket:
    """A bucket and the way to it.

    Args:
        url: address of the S3-compatible service; None is AWS.
        region: None: AWS_REGION and the like, else us-east-1, which other services ignore.
        access_key_id, secret_access_key: None: the usual AWS sources (environment, profile, role of the machine).
    """

    name: str
    url: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    retry_for_s: float = RETRY_FOR_S
    request_timeout_s: float = REQUEST_TIMEOUT_S

    def session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=self.access_key_id, aws_secret_access_key=self.secret_access_key, region_name=self.region
        )

    def store(self) -> S3Store:
        """Raises ConfigurationError when there are no credentials."""
        session = self.session()
        if session.get_credentials() is None:
            raise ConfigurationError(
                "BUCKET_NAME is set, but there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        return S3Store(
            self.name,
            endpoint=self.url,
            region=session.region_name or DEFAULT_REGION,
            credential_provider=Boto3CredentialProvider(session),
            client_options={
                "allow_http": self.url is not None and self.url.startswith("http://"),
                "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT_S),
                "timeout": timedelta(seconds=self.request_timeout_s),
            },
            retry_config={
                "max_retries": 100,  # time ends them, not their number
                "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
                "retry_timeout": timedelta(seconds=self.retry_for_s),
            },
        )

    def client(self) -> Any:
        """A boto3 S3 client (untyped: boto3 makes its classes at run time). Close it after use."""
        session = self.session()
        region = session.region_name or DEFAULT_REGION
        # AWS: the regional name of the bucket; the global one redirects, and a redirect breaks the signature. Others: a path.
        endpoint = self.url or f"https://s3.{region}.amazonaws.com"
        style = "path" if self.url else "virtual"
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": style},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=self.request_timeout_s,
            retries={"mode": "standard", "max_attempts": 3},
        )
        return session.client("s3", region_name=region, endpoint_url=endpoint, config=config)
