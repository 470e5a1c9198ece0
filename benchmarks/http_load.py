"""The load of `http_api.py`: requests over raw sockets, from a process of its own so that it takes no time of the server's.

Every function that begins with the core it runs on is called in that process.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from typing import cast

import uvloop


def start_body(chapter: str, size: int = 20) -> bytes:
    return json.dumps(
        {
            "chapter_id": chapter,
            "voice_pack": {"Narrator": "sovits:narrator-v1", "MC": "sovits:mc-v1"},
            "window": {"start_index": 0, "size": size},
            "client": {"device": "ios", "app_version": ""},
        }
    ).encode()


class Asking(asyncio.Protocol):
    """One connection that asks, waits for the whole reply, and asks again; `seconds` gets how long each took."""

    def __init__(self, upcoming: Callable[[], bytes | None], seconds: list[float], ended: asyncio.Future[None]) -> None:
        self._upcoming = upcoming
        self._seconds = seconds
        self._ended = ended
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio
        self._transport = cast(asyncio.WriteTransport, transport)
        self._ask()

    def _ask(self) -> None:
        request = self._upcoming()
        if request is None:
            self._finish(None)
            return
        self._asked = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, gap, body = self._buffer.partition(b"\r\n\r\n")
        if not gap:
            return
        place = head.lower().find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(body) < length:
            return
        self._buffer = b""
        if not head.startswith(b"HTTP/1.1 2"):
            self._finish(RuntimeError(f"answered {head[:40]!r}: {body[:300]!r}"))
            return
        self._seconds.append(time.perf_counter() - self._asked)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        self._finish(RuntimeError("the server hung up"))

    def _finish(self, error: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_exception(error) if error else self._ended.set_result(None)
            self._transport.close()


async def ask(port: int, connections: int, upcoming: Callable[[], bytes | None]) -> list[float]:
    """Seconds each request took; `upcoming` gives the next one, None when it is enough."""
    loop = asyncio.get_running_loop()
    seconds: list[float] = []
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        await loop.create_connection(lambda end=end: Asking(upcoming, seconds, end), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    return seconds


def request(method: str, path: str, body: bytes = b"", media_type: str = "application/json") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if body:
        head += f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def snapshots(core: list[int], port: int, path: str, for_s: float) -> list[float]:
    os.sched_setaffinity(0, core)
    ends_at = time.perf_counter() + for_s
    one = request("GET", path)
    return uvloop.run(ask(port, 16, lambda: one if time.perf_counter() < ends_at else None))


def starts(core: list[int], port: int, count: int, name: str) -> list[float]:
    os.sched_setaffinity(0, core)
    bodies = iter([request("POST", "/v1/narration/session/start", start_body(f"bench:{name}-{k}")) for k in range(count)])
    return uvloop.run(ask(port, 16, lambda: next(bodies, None)))


def puts(core: list[int], port: int, path: str, pages: list[bytes]) -> list[float]:
    os.sched_setaffinity(0, core)
    one_by_one = iter(pages)

    def upcoming() -> bytes | None:
        page = next(one_by_one, None)
        if page is None:
            return None
        time.sleep(0.05)  # a reader has other things to do between two pages
        return request("PUT", path, page, "image/png")

    return uvloop.run(ask(port, 1, upcoming))


def subscribe(core: list[int], port: int, paths: list[str], count: int, for_s: float, ready: object) -> int:
    """Opens `count` event streams and counts the focus events that came within `for_s` seconds after all were open."""
    os.sched_setaffinity(0, core)
    return uvloop.run(_subscribe(port, paths, count, for_s, ready))


async def _subscribe(port: int, paths: list[str], count: int, for_s: float, ready: object) -> int:
    heard = 0

    class Listening(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            nonlocal heard
            heard += data.count(b"event: focus")

    loop = asyncio.get_running_loop()
    open_streams = []
    for k in range(count):
        transport, _ = await loop.create_connection(Listening, "127.0.0.1", port)
        transport.write(request("GET", paths[k % len(paths)]))
        open_streams.append(transport)
    await asyncio.sleep(5)  # the ready pages are told again after 3.6 s; what is measured is the quiet life after it
    ready.set()  # type: ignore[attr-defined]
    await asyncio.sleep(for_s)
    for transport in open_streams:
        transport.close()
    return heard
