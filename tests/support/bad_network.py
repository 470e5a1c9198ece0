"""A TCP proxy that behaves as badly as a network can: it withholds replies, cuts connections, refuses new ones."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.valkey import free_port


class BadNetwork:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target_port` until told otherwise. Requests always get through: only replies suffer."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.port = free_port()
        self._answering = asyncio.Event()
        self._answering.set()
        self._trigger: bytes | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.disconnect()

    async def connect(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def disconnect(self) -> None:
        """Refuses new connections and cuts the present ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def cut(self) -> None:
        """Cuts the present connections; new ones are welcome."""
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def withhold_replies(self, to: bytes | None = None) -> None:
        """From now on, or from the first request on that contains `to`."""
        if to is None:
            self._answering.clear()
        else:
            self._trigger = to

    def answer_again(self) -> None:
        """Replies flow again, those that were withheld first; connections their owner gave up are gone."""
        self._answering.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        onward: asyncio.StreamWriter | None = None
        try:
            back, onward = await asyncio.open_connection("127.0.0.1", self._target_port)
            ways = [
                asyncio.create_task(self._forward(reader, onward)),
                asyncio.create_task(self._forward(back, writer, replies=True)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the far end is down, or `cut` was called: either way this connection ends
        finally:
            self._connections.discard(task)
            for end in (writer, onward):
                if end is not None:
                    end.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool = False) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if replies:
                    await self._answering.wait()
                elif self._trigger is not None and self._trigger in data:
                    self._trigger = None
                    self._answering.clear()
                writer.write(data)
                await writer.drain()
