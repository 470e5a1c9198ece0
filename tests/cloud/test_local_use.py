"""A developer's server uses the deployed GPUs: READER=modal and SYNTHESIZER=modal, with everything else on this machine."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from backend.app import create_app
from backend.engines import Engines, make_reader, make_synthesizer
from backend.errors import ConfigurationError
from backend.settings import Settings
from tests.support.engines import InstantReader, ToneSynthesizer
from tests.support.modal_cloud.cloud import ROOT, LocalCloud
from tests.support.server import serving
from tests.support.windows import begin, follow, small_pages, sound


@contextmanager
def local_server(env: dict[str, str], folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A uvicorn process on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "backend.server:app", "--port", str(port), "--log-level", "warning"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.terminate()
        server.wait(timeout=15)


async def test_a_local_server_narrates_with_the_deployed_classes(cloud: LocalCloud, tmp_path: Path) -> None:
    before = len(cloud.calls("SovitsSpeaker.*"))
    env = cloud.environment(READER="modal", SYNTHESIZER="modal", DATA_DIR=str(tmp_path / "data"))
    with local_server(env, tmp_path) as (address, server):
        async with httpx.AsyncClient(base_url=address, timeout=30) as http:
            await listening(http, server)
            events = await follow(http, await begin(http, small_pages(2, edition="local use")))
            events.check_complete(2)
            samples, _ = await sound(http, events.named("page_ready")[0]["audio"])
            assert len(samples)
            health = (await http.get("/healthz")).json()
            asked = len(cloud.calls("MagiReader.*"))
            bank = await http.put("/v1/series/test/bank/Aya", content=small_pages(1, edition="bank")[0])
            assert (bank.status_code, bank.json()["code"]) == (409, "conflict"), "the deployed class holds a reader without faces"
            assert len(cloud.calls("MagiReader.*")) == asked + 1, "and has said so itself"
    assert health["reader"] == {"name": "modal MagiReader", "state": "ready"}
    assert health["stores"]["jobs"] == "memory"
    assert len(cloud.calls("SovitsSpeaker.*")) > before


class Sleeping(InstantReader):
    """Counts how often it is woken."""

    woken = 0

    async def load(self) -> None:
        self.woken += 1
        await super().load()


@pytest.mark.parametrize(("chosen", "woken"), [("modal", 0), ("embedded", 1)])
async def test_a_server_that_is_started_again_at_every_saved_file_wakes_no_gpu(
    settings: Callable[..., Settings], chosen: str, woken: int
) -> None:
    reader, synthesizer = Sleeping(), ToneSynthesizer()
    app = create_app(settings(reader=chosen, synthesizer="modal"), make=lambda _: Engines(reader, synthesizer))
    async with serving(app) as address, httpx.AsyncClient(base_url=address, verify=False) as http:
        health = (await http.get("/healthz")).json()
    assert (reader.woken, health["synthesizer"]["state"]) == (woken, "idle")


@pytest.mark.parametrize("make", [make_reader, make_synthesizer])
def test_a_server_without_modals_client_says_how_to_get_it(
    make: Callable[[Settings], object], settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "backend.cloud.deployed", raising=False)
    monkeypatch.setitem(sys.modules, "modal", None)
    with pytest.raises(ConfigurationError, match=r"pip install .*\[cloud\]"):
        make(settings(reader="modal", synthesizer="modal"))


async def listening(http: httpx.AsyncClient, server: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(30):
        while server.poll() is None:
            try:
                await http.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                return
    raise AssertionError("the server does not start")
