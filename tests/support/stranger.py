"""A connection in a test's own hands, byte by byte, and a server that is soon out of patience."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import pytest

from backend.api.door import Door
from backend.api.guard import Guard
from tests.support.narration_client import NarrationClient


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers made from here on wait half a second for a head, 0.3 s for the next bytes of a body and 0.8 s for all of it."""
    monkeypatch.setattr(Door, "head_s", 0.5)
    monkeypatch.setattr("backend.app.Guard", partial(Guard, idle_s=0.3, whole_body_s=0.8))


class Stranger:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, client: NarrationClient) -> Stranger:
        return cls(*await asyncio.open_connection(client.http.base_url.host, client.http.base_url.port))

    async def drip(self, data: bytes, times: int, pause_s: float = 0.05) -> None:
        """Sends `data` again and again until it was enough, or the server has hung up."""
        for _ in range(times):
            if self._reader.at_eof() or self.writer.is_closing():
                return
            self.writer.write(data)
            await asyncio.sleep(pause_s)

    async def some(self, at_most: int) -> bytes:
        async with asyncio.timeout(5):
            return await self._reader.read(at_most)

    async def rest(self) -> bytes:
        """All that comes until the server hangs up."""
        async with asyncio.timeout(5):
            found = await self._reader.read()
        self.writer.close()
        return found

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of what the server said before it hung up; 0 if it said nothing."""
        async with asyncio.timeout(5):
            try:
                data = await self._reader.read()
            except ConnectionResetError:
                data = b""
        self.writer.close()
        head, _, body = data.partition(b"\r\n\r\n")
        if not head:
            return 0, {}, b""
        first, *lines = head.decode("ascii").split("\r\n")
        return int(first.split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body


def assert_problem(answer: tuple[int, dict[str, str], bytes], status: int, code: str) -> None:
    assert answer[0] == status, answer
    assert answer[1]["content-type"] == "application/problem+json"
    assert answer[1]["x-content-type-options"] == "nosniff"
    assert json.loads(answer[2])["code"] == code
