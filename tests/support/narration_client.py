"""The reader client's calls, in the order it makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from fastapi import FastAPI

from tests.support.engines import page
from tests.support.server import Frame, until


class NarrationClient:
    """Talks to one server; `app` is there for tests that look inside."""

    def __init__(self, http: httpx.AsyncClient, app: FastAPI) -> None:
        self.http = http
        self.app = app

    async def start(self, size: int = 2, **more: Any) -> dict[str, Any]:
        """The start reply of a window of `size` pages."""
        body = {"chapter_id": "source:chapter", "window": {"start_index": 0, "size": size}, **more}
        reply = await self.http.post("/v1/narration/session/start", json=body)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def put(self, plan: Mapping[str, Any], index: int, data: bytes, content_type: str = "image/png") -> httpx.Response:
        return await self.http.put(
            plan["upload"]["pages"][index]["put_url"], content=data, headers={"Content-Type": content_type}
        )

    async def upload(self, plan: Mapping[str, Any], numbers: Sequence[int]) -> None:
        """PUTs a page of its own number to each slot."""
        for index, number in enumerate(numbers):
            reply = await self.put(plan, index, page(number))
            assert reply.status_code == 200, reply.text

    async def snapshot(self, plan: Mapping[str, Any]) -> dict[str, Any]:
        reply = await self.http.get(plan["snapshot_url"])
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def until_done(self, plan: Mapping[str, Any], **more: Any) -> list[Frame]:
        return await until(self.http, plan["status_sse"], "job_done", **more)

    async def narrated(self, size: int = 2, **more: Any) -> tuple[dict[str, Any], list[Frame]]:
        """A whole window: start, upload, and the whole log (a subscriber that resumes from 0 has missed nothing)."""
        plan = await self.start(size, **more)
        await self.upload(plan, range(1, size + 1))
        return plan, await self.until_done(plan, last_event_id="0")
