"""The real program, told to end while somebody listens: the stream is completed, so that its client resumes elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.valkey import free_port

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "command", [["-m", "backend.cli", "serve"], ["-m", "uvicorn", "backend.server:app"]], ids=["tanoshi", "uvicorn"]
)
async def test_a_server_that_is_told_to_end_completes_its_streams(tmp_path: Path, command: list[str]) -> None:
    port = free_port()
    environment = os.environ | {"DATA_DIR": str(tmp_path), "SYNTHESIZER": "draft", "READER": "embedded"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, "--port", str(port)),
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            plan = await started(http)
            async with http.stream("GET", plan["status_sse"]) as events:
                heard = events.aiter_bytes()
                assert await anext(heard)
                process.send_signal(signal.SIGTERM)
                told = time.monotonic()
                async with asyncio.timeout(8):
                    # A chunked body that is cut off would raise; this one comes to its end.
                    assert [chunk async for chunk in heard if b"event:" in chunk] == []
                ended_s = time.monotonic() - told
        _, said = await asyncio.wait_for(process.communicate(), 15)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert ended_s < 5
    assert b"Traceback" not in said
    assert b"without completing" not in said


async def started(http: httpx.AsyncClient) -> dict[str, str]:
    """The plan of a window, as soon as the server takes requests."""
    async with asyncio.timeout(60):
        while True:
            try:
                reply = await http.post("/session/start", json={"chapter_id": "a:b", "window": {"size": 1}})
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                found: dict[str, str] = reply.json()
                return found
