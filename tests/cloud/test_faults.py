"""Containers die, versions change: the window ends all the same, and nothing comes twice."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.cloud.conftest import ENGINES, SECRET, Shared
from tests.support.modal_cloud.cloud import ROOT, LocalCloud
from tests.support.windows import Log, begin, follow, small_pages

AnotherCloud = Callable[[dict[str, dict[str, str]]], LocalCloud]


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
    serving = [key for key, found in cloud.state()["containers"].items() if found["function"] == "api" and found["exit"] is None]
    following = asyncio.create_task(follow(http, plan))
    await asyncio.sleep(0.5)
    done = await asyncio.to_thread(cloud.modal, "deploy", "-m", "backend.modal_app")
    assert done.returncode == 0, done.stderr
    assert not following.done(), "the window goes on over both versions"
    log = await following
    log.check_complete(5)
    assert log.connections > 1
    replaced = cloud.state()["containers"]
    assert all(replaced[key]["exit"] is not None for key in serving), "the container that served the stream was replaced"


LOST = """

import os
import sys
from types import SimpleNamespace

Working = EmbeddedReader


class EmbeddedReader(Working):
    async def read(self, pages, options):
        try:
            os.close(os.open({mark!r}, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return await super().read(pages, options)
        sys.modules["torch"] = SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: True, synchronize=self._lost))
        self._lost()

    def _lost(self):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
"""
"""A reader that loses its device in the first container, after which every call to the device fails, and works in any other."""


async def test_a_container_that_loses_its_gpu_ends_and_its_input_is_tried_elsewhere_once(
    another_cloud: AnotherCloud, shared: Shared, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "backend", checkout / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    reader = checkout / "backend" / "readers" / "embedded" / "__init__.py"
    reader.write_text(reader.read_text(encoding="utf-8") + LOST.format(mark=str(tmp_path / "lost")), encoding="utf-8")
    cloud = another_cloud({SECRET: {**shared.variables, **ENGINES}})
    assert cloud.modal("deploy", "backend/modal_app.py", checkout=checkout).returncode == 0
    async with httpx.AsyncClient(base_url=cloud.function("api")["web_url"], timeout=60) as http:
        log = await follow(http, await begin(http, small_pages(2, edition="lost device")))
    log.check_complete(2)
    retries = [retry for call in cloud.calls("MagiReader.*") for retry in call["retries"]]
    assert sorted(retries)[-2:] == [0, 1], "one call, once"
    readers = {key: found for key, found in cloud.state()["containers"].items() if found["function"] == "MagiReader.*"}
    assert len(readers) == 2
    first = readers[min(readers, key=lambda key: int(key.split("-")[1]))]
    assert first["exit"] == 0, "it ended by itself and was not killed"
    assert "has lost its device; this container takes no further calls" in cloud.log()
