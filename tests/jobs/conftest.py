"""The twins of the job log. A test that takes `log` runs once against each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backend.jobs.log import JobLog
from backend.jobs.memory import MemoryJobLog


@pytest.fixture(params=["memory"])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[JobLog]:
    memory = MemoryJobLog()
    yield memory
    await memory.aclose()


@pytest.fixture
async def elsewhere(log: JobLog) -> JobLog:
    """The same jobs as another process sees them (in memory there is no other process)."""
    return log
