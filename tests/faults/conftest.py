"""A real Redis-compatible server and an S3 that checks signatures, for processes that share them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.fleet import Fleet, Nursery
from tests.support.s3_gate import ACCESS_KEY, REGION, S3, SECRET_KEY
from tests.support.valkey import NoValkey, Valkey


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    server = S3()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A server of the test's own: tests here stop and start it."""
    try:
        server = Valkey()
    except NoValkey as error:
        pytest.skip(str(error))
    with server:
        yield server


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def fleet_of(nursery: Nursery, shared: dict[str, str], tmp_path: Path) -> Callable[..., Fleet]:
    """Makes a fleet: `fleet_of(2, lease_s=3.0, delay_s=0.3)`; further keywords are settings."""

    def make(size: int, *, lease_s: float = 1.0, delay_s: float = 0.05, **settings: str) -> Fleet:
        environment = {
            "RATE_LIMIT_START_MAX": "0",
            "MAX_OPEN_JOBS": "1000",
            "DATA_DIR": str(tmp_path / "data"),
            "FLEET_LEASE_S": str(lease_s),
            "FLEET_DELAY_S": str(delay_s),
            **{name.upper(): value for name, value in {**shared, **settings}.items()},
        }
        return Fleet(nursery, size, environment, spoken=tmp_path / "spoken.txt")

    return make


@pytest.fixture
def shared(valkey: Valkey, s3: S3) -> dict[str, str]:
    """The settings that make processes one service."""
    bucket = f"pages-{secrets.token_hex(6)}"
    s3.make_bucket(bucket)
    return {
        "redis_url": valkey.url,
        "bucket_name": bucket,
        "bucket_url": s3.url,
        "bucket_region": REGION,
        "aws_access_key_id": ACCESS_KEY,
        "aws_secret_access_key": SECRET_KEY,
    }
