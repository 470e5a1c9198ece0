"""The twins of the job log. A test that takes `log` runs once against each, and `elsewhere` is the same log in another process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from backend.jobs.log import JobLog
from backend.jobs.memory import MemoryJobLog
from backend.jobs.redis import RedisJobLog
from backend.jobs.redis_link import RedisLink
from tests.support.valkey import NoValkey, Valkey

JOB_TTL_S = 3600


@pytest.fixture(scope="session")
def valkey_of_the_session() -> Iterator[Valkey]:
    try:
        server = Valkey()
    except NoValkey as error:
        pytest.skip(str(error))
    with server:
        yield server


@pytest.fixture
def valkey(valkey_of_the_session: Valkey) -> Valkey:
    """An empty Redis server."""
    valkey_of_the_session.flush()
    return valkey_of_the_session


@pytest.fixture(params=["memory", "redis"])
async def logs(request: pytest.FixtureRequest) -> AsyncIterator[tuple[JobLog, JobLog]]:
    if request.param == "memory":
        memory = MemoryJobLog()
        yield memory, memory
        await memory.aclose()
        return
    url = request.getfixturevalue("valkey").url
    here, there = (RedisJobLog(RedisLink(url, patience_s=2.0), job_ttl_s=JOB_TTL_S) for _ in range(2))
    yield here, there
    await here.aclose()
    await there.aclose()


@pytest.fixture
def log(logs: tuple[JobLog, JobLog]) -> JobLog:
    return logs[0]


@pytest.fixture
def elsewhere(logs: tuple[JobLog, JobLog]) -> JobLog:
    return logs[1]
