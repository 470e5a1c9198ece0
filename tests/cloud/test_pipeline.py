"""The pipeline's container: it wakes a GPU for work there is, and does not work on for ever where nothing comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backend.cloud import pipeline
from backend.cloud.pipeline import Pipeline
from backend.cloud.wire import EngineCard
from backend.settings import Settings
from tests.cloud.test_calls import Method
from tests.support.jobs import a_definition, ready, upload

MakeSettings = Callable[..., Settings]


class Reader:
    """The GPU class; counts calls."""

    def __init__(self) -> None:
        self.describe = Method(EngineCard("embedded", "f-1", None))
        self.read = Method([])


async def test_a_job_that_is_gone_and_one_that_another_pipeline_has_wake_no_gpu(settings: MakeSettings) -> None:
    reader = Reader()
    here = Pipeline(settings(), reader=reader, speaker=None)
    await here.narrate("job_gone", "me")
    job_id = (await here._log.create(a_definition(1))).definition.job_id
    await here._log.commit(job_id, upload(0))
    assert await here._log.acquire(job_id, "another", 15)
    await here.narrate(job_id, "me")
    assert not reader.describe.spawned


@pytest.mark.parametrize("gets_done", [0, 2])
async def test_a_pipeline_looks_once_more_as_long_as_something_gets_done(
    settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, gets_done: int
) -> None:
    here = Pipeline(settings(), reader=Reader(), speaker=None)
    job_id = (await here._log.create(a_definition(5))).definition.job_id
    for index in range(5):
        await here._log.commit(job_id, upload(index, str(index)))
    rounds = 0

    async def narrate(*_: Any) -> None:
        nonlocal rounds
        rounds += 1
        assert rounds < 10, "it goes on for ever"
        if rounds <= gets_done:
            await here._log.commit(job_id, ready(rounds - 1))

    monkeypatch.setattr(pipeline, "narrate_under_lease", narrate)
    await here.narrate(job_id, "me")
    assert rounds == max(gets_done + 1, 2)
    assert await here._log.acquire(job_id, "whoever goes on", 15)
