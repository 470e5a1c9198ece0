"""A local cloud with Redis and S3 beside it, to which the real `modal` command deploys the app.

One cloud for the session, because a deployment's containers take seconds to start; the GPU classes hold the engines the secret names:
the embedded reader and the draft synthesizer, which need no GPU.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.modal_cloud.cloud import LocalCloud
from tests.support.s3_gate import ACCESS_KEY, REGION, S3, SECRET_KEY
from tests.support.valkey import NoValkey, Valkey

SECRET = "tanoshi-narration"
ENGINES = {"READER": "embedded", "SYNTHESIZER": "draft"}


@dataclass(frozen=True)
class Shared:
    """Redis and S3 of the session, and the variables that name them."""

    valkey: Valkey
    s3: S3
    bucket: str
    variables: dict[str, str]

    def object_keys(self, prefix: str) -> list[str]:
        listed = self.s3.client().list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in listed]


@pytest.fixture(scope="session")
def shared() -> Iterator[Shared]:
    try:
        valkey = Valkey()
    except NoValkey as error:
        pytest.skip(str(error))
    s3 = S3()
    s3.start()
    bucket = f"cloud-{secrets.token_hex(6)}"
    s3.make_bucket(bucket)
    with valkey:
        variables = {
            "REDIS_URL": valkey.url,
            "BUCKET_NAME": bucket,
            "BUCKET_URL": s3.url,
            "BUCKET_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        yield Shared(valkey, s3, bucket, variables)
    s3.stop()


@pytest.fixture(scope="session")
def cloud(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """With the secret, and the app deployed by its path."""
    # Streams end after 4 s here, so that every test of a window resumes some.
    secret = {**shared.variables, **ENGINES, "STREAM_MAX_AGE_SECONDS": "4", "RATE_LIMIT_START_MAX": "0"}
    with LocalCloud(tmp_path_factory.mktemp("cloud"), {SECRET: secret}) as found:
        done = found.modal("deploy", "backend/modal_app.py")
        assert done.returncode == 0, done.stderr
        yield found


@pytest.fixture
async def http(cloud: LocalCloud) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the deployed API."""
    async with httpx.AsyncClient(base_url=cloud.function("api")["web_url"], timeout=60) as client:
        yield client


@pytest.fixture
def another_cloud(tmp_path: Path) -> Iterator[Callable[[dict[str, dict[str, str]]], LocalCloud]]:
    """Makes clouds with other secrets and nothing deployed."""
    clouds: list[LocalCloud] = []

    def make(named_secrets: dict[str, dict[str, str]]) -> LocalCloud:
        cloud = LocalCloud(tmp_path / f"cloud-{len(clouds)}", named_secrets)
        clouds.append(cloud.__enter__())
        return cloud

    yield make
    for cloud in clouds:
        cloud.__exit__(None, None, None)
