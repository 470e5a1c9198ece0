"""A real uvicorn on a free port, in the test's own event loop, and a client that speaks as the reader does."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from backend.api.door import Door


@dataclass(frozen=True)
class Frame:
    """One server-sent event."""

    id: str | None
    name: str
    data: dict[str, Any]


class PromptServer(uvicorn.Server):
    """Ends when it is told to, not some tenths of a second later: the tests start and end hundreds of servers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._told.set()

    async def main_loop(self) -> None:
        tick = 0
        while not await self.on_tick(tick):
            tick += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for _ in range(5):  # connections that were closed are noticed
            await asyncio.sleep(0)
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        await self.lifespan.shutdown()


@asynccontextmanager
async def serving(app: FastAPI, http: type[asyncio.Protocol] = Door) -> AsyncIterator[str]:
    """The address of a server that runs `app`, as `tanoshi serve` does, until the block ends."""
    # Named TCP outright: asyncio switches Nagle's delay of 40 ms off only for sockets that say so.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    config = uvicorn.Config(app, http=http, log_level="warning", lifespan="on", proxy_headers=False, timeout_graceful_shutdown=2)
    server = PromptServer(config)
    serve = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if serve.done():
                await serve
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.end()
        app.state.services.streams.end()  # what the clock of the streams would do a moment later
        await serve


async def frames(client: httpx.AsyncClient, url: str, *, last_event_id: str | None = None) -> AsyncGenerator[Frame, None]:
    """The events of a stream until it ends; parsed strictly by the letter of the standard, one line a field."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id is not None else {}
    async with client.stream("GET", url, headers=headers, timeout=30) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for raw in _lines(response):
            line = raw.decode("ascii")
            if not line:
                if "event" in fields:
                    yield Frame(fields.get("id"), fields["event"], json.loads(fields["data"]))
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


async def until(client: httpx.AsyncClient, url: str, name: str, *, last_event_id: str | None = None) -> list[Frame]:
    """All events up to and with the first one called `name`."""
    found = []
    stream = frames(client, url, last_event_id=last_event_id)
    try:
        async for frame in stream:
            found.append(frame)
            if frame.name == name:
                return found
    finally:
        await stream.aclose()
    raise AssertionError(f"the stream ended without {name}: {[frame.name for frame in found]}")
