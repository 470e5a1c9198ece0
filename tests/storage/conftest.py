"""The stores. A test that takes `objects` runs once against each: a folder, memory, and a bucket behind a gate that checks signatures."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.storage.bucket import Bucket
from backend.storage.objects import Objects
from tests.support.s3_gate import ACCESS_KEY, REGION, S3, SECRET_KEY


@pytest.fixture(scope="session")
def s3_of_the_session() -> Iterator[S3]:
    server = S3()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def s3(s3_of_the_session: S3) -> S3:
    s3_of_the_session.gate.seen.clear()
    return s3_of_the_session


@pytest.fixture
def bucket(s3: S3) -> Bucket:
    """A fresh bucket."""
    name = f"pages-{secrets.token_hex(6)}"
    s3.make_bucket(name)
    return Bucket(name, s3.url, REGION, ACCESS_KEY, SECRET_KEY, retry_for_s=3.0, request_timeout_s=2.0)


@pytest.fixture(params=["folder", "memory", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "folder":
        return Objects.in_folder(tmp_path / "data")
    if request.param == "memory":
        return Objects.in_memory()
    return Objects.in_bucket(request.getfixturevalue("bucket"))
