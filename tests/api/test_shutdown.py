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
async def test_a_server_with_a_crowd_of_viewers_that_is_told_to_end_completes_its_streams(
    tmp_path: Path, command: list[str]
) -> None:
    port = free_port()
    environment = os.environ | {"DATA_DIR": str(tmp_path), "SYNTHESIZER": "draft", "READER": "embedded"}
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh", sys.executable, *command, "--port", str(port)),
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            plan = await started(http)
            if "serve" in command:
                await crowd_is_served(http, plan["status_sse"], 300)
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


async def crowd_is_served(http: httpx.AsyncClient, stream: str, viewers: int) -> None:
    """More viewers than files the system lets a process have at first, and the service still answers."""
    url = httpx.URL(stream)
    crowd = [await asyncio.open_connection(url.host, url.port) for _ in range(viewers)]
    async with asyncio.timeout(10):
        for _, writer in crowd:
            writer.write(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % url.raw_path)
        assert [await reader.readexactly(15) for reader, _ in crowd] == [b"HTTP/1.1 200 OK"] * viewers
        assert (await http.get("/healthz")).status_code == 200
    for _, writer in crowd:
        writer.transport.abort()


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
