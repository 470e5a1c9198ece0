"""Containers die, versions change: the window ends all the same, and nothing comes twice."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.support.modal_cloud.cloud import LocalCloud
from tests.support.windows import Log, begin, follow, small_pages


async def narrated_while(cloud: LocalCloud, http: httpx.AsyncClient, victim: str, pages: int = 5) -> Log:
    """A window during which one container of `victim` is killed while it is at work."""
    # Pages and lines nobody has read or spoken yet: what earlier windows left in the caches would leave nothing to kill.
    plan = await begin(http, small_pages(pages, edition=victim), speed=1 + len(victim) / 100)
    following = asyncio.create_task(follow(http, plan))
    killed = None
    while killed is None:
        assert not following.done(), f"{victim} was never at work"
        killed = await asyncio.to_thread(cloud.kill, victim)
        await asyncio.sleep(0.05)
    return await following


@pytest.mark.parametrize("victim", ["narrate", "SovitsSpeaker.*", "MagiReader.*"])
async def test_a_window_outlives_the_death_of_a_container(cloud: LocalCloud, http: httpx.AsyncClient, victim: str) -> None:
    log = await narrated_while(cloud, http, victim)
    log.check_complete(5)
    assert any(lost for call in cloud.calls(victim) for lost in call["lost"]), "an input was lost with its container"


async def test_a_client_resumes_its_stream_on_the_next_version(cloud: LocalCloud, http: httpx.AsyncClient) -> None:
    plan = await begin(http, small_pages(5, edition="redeployed"))
    following = asyncio.create_task(follow(http, plan))
    await asyncio.sleep(0.5)
    done = await asyncio.to_thread(cloud.modal, "deploy", "-m", "backend.modal_app")
    assert done.returncode == 0, done.stderr
    log = await following
    log.check_complete(5)
