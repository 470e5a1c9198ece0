"""A client that never gives up: whichever process dies, it goes on at another one. It notes every event it is given."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.engines import page
from tests.support.server import Frame, frames

PAUSE_S = 0.05


@dataclass
class Heard:
    """What one subscriber was told, over all its connections."""

    frames: list[Frame] = field(default_factory=list)
    connections: int = 0

    @property
    def ids(self) -> list[str | None]:
        return [frame.id for frame in self.frames]


class StubbornClient:
    def __init__(self, http: httpx.AsyncClient, bases: Sequence[str], dice: random.Random) -> None:
        self._http = http
        self._bases = bases
        self._dice = dice

    def _somewhere(self) -> str:
        return self._dice.choice(self._bases)

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Asks one process after the other until one answers; 5xx is no answer."""
        while True:
            try:
                reply = await self._http.request(method, f"{self._somewhere()}{path}", timeout=20, **more)
            except httpx.TransportError:
                pass
            else:
                if reply.status_code < 500:
                    return reply
            await asyncio.sleep(PAUSE_S)

    async def start(self, chapter: str, size: int) -> str:
        body = {"chapter_id": chapter, "window": {"start_index": 0, "size": size}}
        reply = await self.call("POST", "/v1/narration/session/start", json=body, headers={"Idempotency-Key": chapter})
        assert reply.status_code == 200, reply.text
        job_id: str = reply.json()["job_id"]
        return job_id

    async def upload(self, job_id: str, numbers: Sequence[int]) -> None:
        for index, number in enumerate(numbers):
            path = f"/v1/narration/jobs/{job_id}/pages/{index}"
            reply = await self.call("PUT", path, content=page(number), headers={"Content-Type": "image/png"})
            assert reply.status_code == 200, reply.text

    async def snapshot(self, job_id: str) -> dict[str, Any]:
        reply = await self.call("GET", f"/v1/narration/jobs/{job_id}/snapshot")
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def follow(self, job_id: str) -> Heard:
        """All events from the first to job_done; after a cut it goes on with Last-Event-ID, as browsers do."""
        heard = Heard()
        while True:
            last = heard.frames[-1].id if heard.frames else "0"
            heard.connections += 1
            stream = frames(self._http, f"{self._somewhere()}/v1/narration/jobs/{job_id}/events", last_event_id=last)
            try:
                async for frame in stream:
                    heard.frames.append(frame)
                    if frame.name == "job_done":
                        return heard
            except (httpx.TransportError, AssertionError):
                pass  # the process died, or answers that it cannot
            finally:
                await stream.aclose()
            await asyncio.sleep(PAUSE_S)
