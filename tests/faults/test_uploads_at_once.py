"""Two processes are sent different bytes for one page at the same moment: one of the two is the page, wholly, whoever was faster."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from backend.app import create_app
from backend.engines import Engines
from backend.settings import Settings
from backend.storage import keys
from backend.storage.uploads import sha256_of
from tests.support.engines import InstantReader, ToneSynthesizer, page
from tests.support.narration_client import NarrationClient
from tests.support.server import serving


@pytest.fixture
async def two(shared: dict[str, str], settings: Callable[..., Settings]) -> AsyncIterator[list[NarrationClient]]:
    """Clients of two applications that share a Redis and a bucket."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(2):
            engines = Engines(InstantReader(), ToneSynthesizer())
            app: FastAPI = create_app(settings(**shared), make=lambda _, engines=engines: engines)
            base = await stack.enter_async_context(serving(app))
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=base, timeout=20, verify=False))
            clients.append(NarrationClient(http, app))
        yield clients


async def kept(client: NarrationClient, plan: dict[str, Any]) -> set[str]:
    """Hashes of all pages the bucket has of a window."""
    objects = client.app.state.services.objects
    found = [key async for key in objects.keys(keys.job_prefix(plan["job_id"])) if "/audio/" not in key]
    return {sha256_of(await objects.get(key)) for key in found}


async def test_what_is_named_is_what_is_kept_and_heard_and_forgotten(two: list[NarrationClient]) -> None:
    here, there = two
    plan = await here.start(1)
    path = f"/v1/narration/jobs/{plan['job_id']}/pages/0"
    early, late = page(1), page(2)
    objects = here.app.state.services.objects
    put = objects.put

    async def overtaken(key: str, data: bytes) -> None:
        """The other process stores and commits between our storing and our committing."""
        await put(key, data)
        if data == early:
            objects.put = put
            assert (await there.http.put(path, content=late)).is_success

    objects.put = overtaken
    replies = [await here.http.put(path, content=early)]
    await here.until_done(plan)
    state = await there.app.state.services.log.state(plan["job_id"])
    assert state.pages[0].sha256 == replies[0].json()["sha256"] == sha256_of(early)
    cues = (await here.http.get(str(state.pages[0].cues))).json()["cues"]
    assert [cue["text"] for cue in cues] == ["Line 0 of page 1.", "Line 1 of page 1."]
    # Equal bytes are known; the other ones can be forgotten though nothing names them any more, and the page stays.
    assert (await there.http.put(path, content=early)).json()["revision"] == state.pages[0].revision == 2
    assert (await there.http.delete(f"/v1/pages/{sha256_of(late)}")).is_success
    assert await kept(here, plan) == {sha256_of(early)}
    assert (await here.http.post(f"{path}/retry")).is_success
    await here.until_done(plan)
    assert (await here.snapshot(plan))["pages"][0]["state"] == "ready"
    assert (await there.http.delete(f"/v1/pages/{sha256_of(early)}")).is_success
    assert await kept(here, plan) == set()
