"""The HTTP protocol of the service: uvicorn's, with a limit on how long and how large the head of a request may be.

uvicorn waits for a head without end and keeps all of it: a stranger could hold connections by the thousand for nothing, or fill the memory
with one header. And what cannot be parsed is answered as every other error. `tanoshi serve` uses it; another way to start the service
wants `--http backend.api.door:Door`, or a proxy in front that does the same. Bodies are `guard.py`'s business.

Nor does it part with who takes nothing of an answer: even closing a connection waits until what was written has been read.

To event streams it offers to write at once what can be written without waiting (`event_stream.WRITE_NOW`).

And it loses the body of a request that offers another protocol, as Java's client and `curl --http2` do with everything they send. Here
no offer is taken up, and the request is as good as any; only WebSockets are refused, before uvicorn waits for the rest of one without end.
"""

from __future__ import annotations

import asyncio
import json
import weakref
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from backend.api.event_stream import WRITE_NOW
from backend.api.guard import BadHttp, NoWebSocket, TooSlow
from backend.api.open_files import room_for_connections
from backend.api.problems import MEDIA_TYPE, problem_body
from backend.errors import TanoshiError

HEAD_S: Final = 15.0
"""From the connection, or the end of the last reply, to the end of the next head."""
UNREAD_S: Final = 60.0
"""Who takes nothing of an answer for so long is cut off: longer than most tunnels, and streams are resumed."""
MAX_HEAD_BYTES: Final = 65_536
"""Of a head, and of anything else that is no body: trailers, extensions of chunks."""


class HeadTooLarge(TanoshiError):
    status = 431
    code = "head_too_large"
    title = "The head of the request is too large"


class ChunkWriter:
    """Writes chunks of one reply, as uvicorn's `send` does, where it would not wait. Keeps nothing alive."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = weakref.ref(cycle)

    def __call__(self, data: bytes) -> bool:
        cycle = self._cycle()
        if (
            cycle is None
            or not cycle.chunked_encoding
            or cycle.response_complete
            or cycle.disconnected
            or cycle.flow.write_paused
        ):
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True


HANG_UP_S: Final = 1.0
_REASONS: Final = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


class Door(HttpToolsProtocol):
    """One connection."""

    head_s = HEAD_S
    most_connections = staticmethod(room_for_connections)
    unread_s = UNREAD_S
    _begun = False
    """Whether a head has begun that has not ended."""
    _loose = 0
    """Bytes since the last that were body or ended a head."""
    _answered: RequestResponseCycle | None = None
    """The request that is being answered; `cycle` is the one that came last, which may wait behind it."""
    _waits_since: float | None = None
    """Loop time since which a head is waited for; None: there is one, and it is being answered."""
    _clock: asyncio.TimerHandle | None = None
    """Looks now and then: a timer of its own for every request would cost more than all else here."""
    _refused = False
    _unread = 0
    """Bytes that were written and not taken yet, when they last became fewer or more, which was at loop time `_unread_since`."""
    _unread_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > self.most_connections():
            transport.abort()  # what is open goes on; an answer would need what there is too little of
            return
        self._waits_since = self.loop.time()
        self._clock = self.loop.call_later(self.head_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._clock is not None:
            self._clock.cancel()
        super().connection_lost(exc)
        if self._answered is not None and not self._answered.response_complete:  # uvicorn tells the last one only
            self._answered.disconnected = True
            self._answered.message_event.set()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._loose += len(data)
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
                data = b""
            except HttpParserUpgrade as offer:
                data = self._declined(data[offer.args[0] :])
            except HttpParserError:
                self._refuse(BadHttp())
                return
        if self._loose > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge())

    def _declined(self, rest: bytes) -> bytes:
        """The request whose head was just read, without its offer, and `rest` that came behind the head; nothing if it is refused."""
        method = self.parser.get_method()
        if method == b"CONNECT" or self._get_upgrade() == b"websocket":
            self._refuse(BadHttp() if method == b"CONNECT" else NoWebSocket())
            return b""
        first = b" ".join((method, self.url, b"HTTP/" + self.parser.get_http_version().encode()))
        lines = [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        self.parser = HttpRequestParser(self)
        return b"\r\n".join((first, *lines, b"", rest))

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():  # it is read again
            return
        self._begun = False
        self._loose = 0
        self._waits_since = None
        super().on_headers_complete()
        if not self.pipeline:
            self._answered = self.cycle
        self.cycle.scope["extensions"] = {WRITE_NOW: ChunkWriter(self.cycle)}  # type: ignore[dict-item]  # ASGI says dict[str, Any]

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._loose = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.pipeline:
            self._answered = self.pipeline[-1][0]
        super().on_response_complete()
        if self.cycle.response_complete:  # else the next request is here already
            self._waits_since = self.loop.time()

    def _look(self) -> None:
        now = self.loop.time()
        unread = self.transport.get_write_buffer_size()
        if unread != self._unread or not unread:
            self._unread, self._unread_since = unread, now
        elif now - self._unread_since >= self.unread_s:
            self.transport.abort()
            return
        ends_at = now + self.head_s if self._waits_since is None or unread else self._waits_since + self.head_s
        if now < ends_at:
            self._clock = self.loop.call_at(ends_at, self._look)
        elif self._begun:
            self._refuse(TooSlow())
        else:
            self.transport.close()

    def _refuse(self, error: TanoshiError) -> None:
        """Answers, unless another answer is under way, and hangs up."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.response_started or self.pipeline:
                self.transport.close()
                return
            if not self.cycle.more_body:  # what is wrong came behind a whole request, which is answered
                self.cycle.keep_alive = False
                return
            # Its own body is what is wrong. The application is told that the client has left.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = problem_body("", status=error.status, code=error.code, title=error.title, detail=error.detail)
        data = json.dumps(body).encode()
        head = (
            f"HTTP/1.1 {error.status} {_REASONS[error.status]}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(data)}\r\n"
            "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + data)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # Hanging up on who is still sending would take the answer away again.
        if self._clock is not None:
            self._clock.cancel()
        self._clock = self.loop.call_later(HANG_UP_S, self.transport.close)
