"""What every event stream does whatever it says: it is never silent for long, lets slow viewers go, and ends when the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

import pytest
from starlette.types import Message

from backend.api import event_stream
from backend.api.event_stream import WRITE_NOW, EventStream, OpenStreams
from backend.errors import Unavailable


class Saying:
    """A script that says what the test puts into `said`."""

    def __init__(self) -> None:
        self.due = inf
        self.said: list[bytes | Exception | None] = []
        self.closed = 0
        self.wake: Callable[[], None] = lambda: None

    async def open(self, wake: Callable[[], None]) -> bytes | None:
        self.wake = wake
        return b"opening"

    def take(self, now: float) -> bytes | None:
        found = self.said.pop(0) if self.said else b""
        if isinstance(found, Exception):
            raise found
        return found

    async def aclose(self) -> None:
        self.closed += 1

    def say(self, what: bytes | Exception | None) -> None:
        self.said.append(what)
        self.wake()


class Viewer:
    """The other end of one stream. `taking` cleared: it takes nothing; `left` set: it has gone."""

    takes_at_once = True
    """Whether its server offers to write at once."""

    def __init__(self, streams: OpenStreams, script: Saying) -> None:
        self.heard: list[bytes] = []
        self.ended = False
        self.taking = asyncio.Event()
        self.taking.set()
        self.left = asyncio.Event()
        self.script = script
        self.stream = EventStream(script, streams)
        scope = {"type": "http", "path": "/x"} | ({"extensions": {WRITE_NOW: self._write_now}} if self.takes_at_once else {})
        self.task = asyncio.create_task(self.stream(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.taking.wait()
        if message["type"] == "http.response.body":
            self.heard.append(message["body"])
            self.ended = not message["more_body"]

    def _write_now(self, data: bytes) -> bool:
        if not self.taking.is_set():
            return False
        self.heard.append(data)
        return True

    async def over(self) -> None:
        # Not awaited within a time-out: that would cancel the stream, and it must end by itself.
        done, _ = await asyncio.wait({self.task}, timeout=2)
        assert done, "the stream goes on"
        await self.task
        assert self.script.closed == 1


@pytest.fixture(autouse=True, params=[True, False], ids=["at once", "through all layers"])
def fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "TICK_S", 0.01)
    monkeypatch.setattr(Viewer, "takes_at_once", request.param)


async def until(settled: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not settled():
            await asyncio.sleep(0.005)


async def test_what_is_said_is_heard_at_once_and_in_order() -> None:
    streams = OpenStreams()
    viewers = [Viewer(streams, Saying()) for _ in range(3)]
    await until(lambda: all(viewer.heard for viewer in viewers))
    for viewer in viewers:
        for what in (b"one", b"two", None):
            viewer.script.say(what)
    for viewer in viewers:
        await viewer.over()
        assert viewer.heard == [b"opening", b"one", b"two", b""]
        assert viewer.ended
    assert len(streams) == 0
    await asyncio.sleep(0.03)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "event streams"], "no stream, no clock"


async def test_what_cannot_be_written_at_once_comes_before_what_is_said_later() -> None:
    viewer = Viewer(OpenStreams(), Saying())
    await until(lambda: bool(viewer.heard))
    viewer.taking.clear()
    viewer.script.say(b"one")
    viewer.taking.set()
    viewer.script.say(b"two")
    await until(lambda: len(viewer.heard) == 3)
    viewer.taking.clear()
    viewer.script.say(b"three")
    await asyncio.sleep(0.02)  # it is being sent, and does not get on
    viewer.script.say(b"four")
    viewer.taking.set()
    viewer.script.say(b"five")
    await until(lambda: len(viewer.heard) == 6)
    assert viewer.heard == [b"opening", b"one", b"two", b"three", b"four", b"five"]
    viewer.script.say(None)
    await viewer.over()


async def test_news_are_heard_before_whoever_had_them_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Viewer, "takes_at_once", True)
    viewer = Viewer(OpenStreams(), Saying())
    viewer.script.said.append(b"early")
    await until(lambda: len(viewer.heard) == 2)
    viewer.script.say(b"news")
    assert viewer.heard == [b"opening", b"early", b"news"]
    viewer.script.say(None)
    await viewer.over()


def test_no_stream_is_silent_for_as_long_as_a_client_waits() -> None:
    """C10: something at least every 15 s, also where the clock has just looked."""
    assert event_stream.PING_AFTER_S + 2 * event_stream.TICK_S < 15


async def test_a_silent_stream_says_that_it_is_there_and_one_that_speaks_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PING_AFTER_S", 0.2)
    streams = OpenStreams()
    silent, busy = Viewer(streams, Saying()), Viewer(streams, Saying())
    await until(lambda: bool(silent.heard and busy.heard))
    for _ in range(12):
        busy.script.say(b"news")
        await asyncio.sleep(0.05)
    assert busy.heard == [b"opening", *([b"news"] * 12)]
    assert 2 <= silent.heard.count(event_stream.PING) <= 3
    for viewer in (silent, busy):
        viewer.left.set()
        await viewer.over()


async def test_a_script_is_asked_when_its_time_has_come() -> None:
    viewer = Viewer(OpenStreams(), Saying())
    viewer.script.due = asyncio.get_running_loop().time() + 0.1
    await until(lambda: bool(viewer.heard))
    viewer.script.said.append(None)
    assert not viewer.task.done()
    await viewer.over()
    assert asyncio.get_running_loop().time() >= viewer.script.due


async def test_the_clock_looks_only_at_streams_whose_time_may_have_come(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[EventStream] = []
    watch = OpenStreams.watch

    def noted(streams: OpenStreams, stream: EventStream) -> None:
        looks.append(stream)
        watch(streams, stream)

    monkeypatch.setattr(OpenStreams, "watch", noted)
    streams = OpenStreams()
    viewers = [Viewer(streams, Saying()) for _ in range(20)]
    await until(lambda: all(viewer.heard for viewer in viewers))
    for _ in range(20):
        for viewer in viewers:
            viewer.script.say(b"news")
        await asyncio.sleep(0.01)
    assert len(looks) < 4 * len(viewers)
    for viewer in viewers:
        viewer.script.due = 0.0
        viewer.script.say(b"more")
        viewer.script.said.append(None)
    for viewer in viewers:
        await viewer.over()


async def test_a_viewer_that_leaves_is_noticed_at_once() -> None:
    streams = OpenStreams()
    viewer = Viewer(streams, Saying())
    await until(lambda: bool(viewer.heard))
    viewer.left.set()
    await viewer.over()
    assert not viewer.ended
    assert len(streams) == 0


async def test_a_viewer_that_takes_nothing_is_let_go_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "SEND_TIMEOUT_S", 0.2)
    monkeypatch.setattr(event_stream, "PING_AFTER_S", 0.05)
    streams = OpenStreams()
    stuck, well = Viewer(streams, Saying()), Viewer(streams, Saying())
    await until(lambda: bool(stuck.heard and well.heard))
    stuck.taking.clear()
    for viewer in (stuck, well):
        viewer.script.say(b"news")
    await stuck.over()
    assert len(streams) == 1
    assert b"news" in well.heard
    well.left.set()
    await well.over()


async def test_when_the_server_ends_every_stream_says_what_it_has_to_say_and_is_completed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_stream, "SHUTDOWN_GRACE_S", 0.1)
    leaving = asyncio.Event()
    streams = OpenStreams(leaving.is_set)
    idle, speaking, stuck = (Viewer(streams, Saying()) for _ in range(3))
    await until(lambda: bool(idle.heard and speaking.heard and stuck.heard))
    stuck.taking.clear()
    stuck.script.say(b"never heard")
    await asyncio.sleep(0.02)
    speaking.script.said.append(b"last words")
    leaving.set()
    for viewer in (idle, speaking, stuck):
        await viewer.over()
    assert (idle.ended, idle.heard) == (True, [b"opening", b""])
    assert (speaking.ended, speaking.heard) == (True, [b"opening", b"last words", b""])
    assert not stuck.ended


async def test_a_store_that_does_not_answer_ends_the_stream_and_the_client_comes_again() -> None:
    viewer = Viewer(OpenStreams(), Saying())
    await until(lambda: bool(viewer.heard))
    viewer.script.say(Unavailable())
    await viewer.over()
    assert viewer.ended


async def test_a_viewer_that_cannot_be_written_to_is_no_trouble_of_others_nor_of_whoever_has_news(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_stream, "PING_AFTER_S", 0.1)
    monkeypatch.setattr(Viewer, "takes_at_once", True)
    streams = OpenStreams()
    broken, pinged, well = (Viewer(streams, Saying()) for _ in range(3))
    await until(lambda: all(viewer.heard for viewer in (broken, pinged, well)))

    def fail(data: bytes) -> bool:
        raise RuntimeError("the handler is closed")

    for viewer in (broken, pinged):
        viewer.stream._write_now = fail
    broken.script.say(b"news")
    for viewer in (broken, pinged):  # the one by whoever had news, the other by the clock, which goes on
        with pytest.raises(RuntimeError, match="closed"):
            await viewer.over()
    heard = len(well.heard)
    await until(lambda: len(well.heard) > heard)
    well.left.set()
    await well.over()


async def test_a_server_that_cancels_a_stream_is_obeyed() -> None:
    streams = OpenStreams()
    viewer = Viewer(streams, Saying())
    await until(lambda: bool(viewer.heard))
    viewer.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await viewer.task
    assert (viewer.script.closed, len(streams)) == (1, 0)
