"""Server-sent events as a reply: what all event streams of this service have in common. What is said comes from a `Script`.

    script.take --> send      the one task of the request; it sleeps until somebody wakes it:
       ^                        the script (there is something to say), the clock of `OpenStreams` (a time of its own has come,
       +---- sleep              silence, a send that gets nowhere, the server's end), or the task that waits for the client to leave

Who wakes a sleeping stream asks its script, and where the server below can write without waiting (`WRITE_NOW`) what there is to say goes
out there and then: the task sleeps on. Waking it walks through all layers around it, twenty frames in and as many out, which was a third
of what an event costs.

This is own code although well-kept libraries exist, because of what a viewer costs: sse-starlette keeps five tasks for each and opens a
time-out scope for every send.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.errors import TanoshiError

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "text/event-stream"
PING_AFTER_S: Final = 10.0
"""A stream that was silent for so long sends a comment; clients and proxies expect something every 15 s (contract C10)."""
PING: Final = b": still here\n\n"
SEND_TIMEOUT_S: Final = 20.0
"""A viewer that takes nothing for so long is let go."""
SHUTDOWN_GRACE_S: Final = 2.0
"""And so much sooner when the server ends."""
TICK_S: Final = 0.25
WRITE_NOW: Final = "tanoshi.write_now"
"""Name of the ASGI extension, a `WriteNow` in the scope. Where there is none, all goes through `send`."""
WriteNow = Callable[[bytes], bool]
"""Writes a part of the body of a reply that has begun, past all layers; False: not without waiting, use `send`."""
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Script(Protocol):
    """What a stream says."""

    due: float
    """Loop time at which `take` has something to say even if nobody called `wake`."""

    async def open(self, wake: Callable[[], None]) -> bytes | None:
        """The first bytes; None: there is nothing to stream. `wake` may be called from now on."""
        ...

    def take(self, now: float) -> bytes | None:
        """What is to be said at loop time `now`: frames, nothing (empty), or None: the stream ends."""
        ...

    async def aclose(self) -> None:
        """Called once, also when `open` was never called or has failed."""
        ...


def server_is_leaving() -> bool:
    """Whether uvicorn was told to end. It says so to nobody before all streams have ended, but its signal handler is a method of it."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))


class OpenStreams:
    """All open streams of a process, and the one clock they share; it runs while there is a stream.

    The clock is a wheel: it looks only at streams whose time may have come. A stream stands no later on it than its `due`, and may
    stand earlier, for it is not moved when its time is put off: every event puts it off.
    """

    def __init__(self, leaving: Callable[[], bool] = server_is_leaving) -> None:
        self._leaving = leaving
        self._open: set[EventStream] = set()
        self._clock: asyncio.Task[None] | None = None
        self._wheel: dict[int, set[EventStream]] = {}
        """By the number of the tick, counted as loop time is."""
        self._ticks = 0

    def __len__(self) -> int:
        return len(self._open)

    def add(self, stream: EventStream) -> None:
        self._open.add(stream)
        if self._clock is None:
            self._clock = asyncio.create_task(self._run(), name="event streams")
        self.watch(stream)

    def discard(self, stream: EventStream) -> None:
        self._open.discard(stream)
        self._take_down(stream)
        if not self._open and self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def watch(self, stream: EventStream) -> None:
        """To be called when `stream.due` has come nearer."""
        tick = max(self._ticks, int(stream.due / TICK_S)) + 1
        if stream in self._open and (stream.tick is None or tick < stream.tick):
            self._take_down(stream)
            stream.tick = tick
            self._wheel.setdefault(tick, set()).add(stream)

    def end(self) -> None:
        """Ends all streams, each with a complete reply: their clients resume elsewhere."""
        for stream in tuple(self._open):
            stream.end()

    def _take_down(self, stream: EventStream) -> None:
        if stream.tick is not None:
            beside = self._wheel[stream.tick]
            beside.discard(stream)
            if not beside:
                del self._wheel[stream.tick]
            stream.tick = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            if self._leaving():
                self.end()
            now = loop.time()
            self._ticks = int(now / TICK_S)
            for tick in sorted(tick for tick in self._wheel if tick <= self._ticks):
                streams = self._wheel.pop(tick)
                for stream in streams:
                    stream.tick = None
                for stream in streams:
                    if stream.due <= now:
                        stream.look(now)
                    self.watch(stream)


class EventStream(Response):
    """The reply. Give it to Starlette unsent; the script is closed when it has been."""

    media_type = MEDIA_TYPE

    def __init__(self, script: Script, streams: OpenStreams, headers: Mapping[str, str] | None = None) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers({**_HEADERS, **(headers or {})})
        self.due = 0.0
        """Loop time before which the clock need not look at this stream."""
        self.tick: int | None = None
        """Where it stands on the clock's wheel."""
        self._script = script
        self._streams = streams
        self._loop = asyncio.get_running_loop()
        self._write_now: WriteNow | None = None
        self._sleep: asyncio.Future[bytes | None] | None = None
        """Ends with what there is to say, as `Script.take` gives it."""
        self._woken = False
        self._left = False
        self._ending = False
        self._cut = False
        self._spoke_at = 0.0
        self._sending_since: float | None = None

    def wake(self) -> None:
        """Lets the stream ask its script again; harmless at any time."""
        if self._sleep is None or self._sleep.done():
            self._woken = True
            return
        now = self._loop.time()
        try:
            said = self._ask(now)
            if said and self._write_now is not None and self._write_now(said):
                self._spoke_at, said = now, b""
        except Exception as error:  # noqa: BLE001 - the stream's business, not that of whoever had news for it
            self._sleep.set_exception(error)
            return
        if said == b"" and not self._ending and not self._left:
            self._set_clock()
        else:
            self._sleep.set_result(said)

    def end(self) -> None:
        """Ends the stream after what it is saying."""
        if not self._ending:
            self._ending = True
            self.due = 0.0
            self._streams.watch(self)
            self.wake()

    def look(self, now: float) -> None:
        """The clock's look at a stream that is due."""
        if self._sending_since is None:
            self.wake()
        elif not self._cut and now - self._sending_since >= (SHUTDOWN_GRACE_S if self._ending else SEND_TIMEOUT_S):
            self._cut = True
            self._task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        leaving = asyncio.create_task(self._wait_for_leaving(receive))
        self._streams.add(self)
        try:
            await self._tell(send, scope.get("extensions", {}).get(WRITE_NOW))
        except TanoshiError as error:  # the headers are out, so the stream just ends; its client comes again
            logger.warning("The events of %s end early: %s", scope.get("path"), error)
            await self._finish(send)
        except asyncio.CancelledError:
            if not self._cut or task.uncancel():
                raise
            logger.info("A viewer of %s took nothing for too long and was let go.", scope.get("path"))
        finally:
            self._streams.discard(self)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            await self._script.aclose()

    async def _tell(self, send: Send, write_now: WriteNow | None) -> None:
        now = self._loop.time
        self._spoke_at = self._sending_since = now()
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        self._sending_since = None
        said = await self._script.open(self.wake)
        while said is not None and not self._left:
            if said:
                # The clock watches over this: a time-out of its own would cost as much as the sending.
                self._spoke_at = self._sending_since = now()
                await send({"type": "http.response.body", "body": said, "more_body": True})
                self._sending_since = None
                self._write_now = write_now  # not before all layers have seen that this is a stream
                said = self._ask(now())
            elif self._ending:
                break
            else:
                said = await self._slept()
        await self._finish(send)

    def _ask(self, now: float) -> bytes | None:
        said = self._script.take(now)
        return PING if said == b"" and now - self._spoke_at >= PING_AFTER_S else said

    async def _finish(self, send: Send) -> None:
        if not self._left:
            self._sending_since = self._loop.time()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            self._sending_since = None

    async def _slept(self) -> bytes | None:
        """What there is to say when somebody has woken it."""
        if self._woken:
            self._woken = False
            return self._ask(self._loop.time())
        self._set_clock()
        self._sleep = self._loop.create_future()
        try:
            return await self._sleep
        finally:
            self._sleep = None

    def _set_clock(self) -> None:
        before, self.due = self.due, min(self._script.due, self._spoke_at + PING_AFTER_S)
        if self.due < before:
            self._streams.watch(self)

    async def _wait_for_leaving(self, receive: Receive) -> None:
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:  # also if the request turns out to be broken
            self._left = True
            self.wake()
