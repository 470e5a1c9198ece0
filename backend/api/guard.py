"""The door of the HTTP side, before any route: headers every reply carries, bodies that are too large, too slow, or not wanted.

A reply that comes before the whole body has is sent at once, and what is still coming is thrown away for a while: many clients read the
reply only when all is sent, and a reset would lose it.

Plain ASGI: Starlette's BaseHTTPMiddleware would copy every streamed reply.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.intake import MOST_BYTES, Intake, Share
from backend.api.problems import error_response
from backend.errors import TanoshiError

MAX_JSON_BYTES: Final = 262_144
"""Of every body but an upload's; a start request has some hundred bytes."""
_UPLOAD: Final = re.compile(
    r"(?:/v1/narration)?/jobs/[^/]+/pages/[^/]+|/v1/voices/[^/]+/upload/[^/]+|/v1/series/.+/bank/(?!(?:cast|lexicon)\Z)[^/]+"
)
"""Decoded paths of the PUTs that carry files: they are bounded where they are read. Every other body is bounded here."""
DRAIN_BYTES: Final = 64_000_000
DRAIN_S: Final = 5.0
"""How much of a body is thrown away that nobody wants any more."""
IDLE_S: Final = 30.0
"""A client that sends nothing of a promised body for so long is let go."""
WHOLE_BODY_S: Final = 300.0
"""And so is one whose body takes longer than this altogether: 20 MB at half a megabit a second."""
LONGEST_WAIT_S: Final = 900.0
"""How long a body may wait for its caller's others besides: each of them may drip for WHOLE_BODY_S, and there may be a thousand. At ten
megabits a second a gigabyte takes less, which is a whole window of the greatest pages at once."""
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
"""Of every reply that does not say something else itself."""


class BadHttp(TanoshiError):
    status = 400
    code = "bad_http"
    title = "This is not HTTP as the service understands it"


class BodyTooLarge(TanoshiError):
    status = 413
    code = "body_too_large"
    title = "The body is larger than any request of this API"


class TooSlow(TanoshiError):
    status = 408
    code = "request_timeout"
    title = "The request did not arrive in time"


class CodedBody(TanoshiError):
    """Nothing is unpacked here, so there is no bomb to go off."""

    status = 415
    code = "unsupported_encoding"
    title = "Bodies are taken as they are; send this one without Content-Encoding"

    def headers(self) -> dict[str, str]:
        return {"Accept-Encoding": "identity"}


class NoWebSocket(TanoshiError):
    status = 400
    code = "no_websocket"
    title = "There are no WebSockets here; events are server-sent, in reply to a GET"


def _peer(scope: Scope) -> str:
    return str((scope.get("client") or ("",))[0])


class Guard:
    """Wraps the application.

    Args:
        caller_of: whose memory a request's body is counted as (`intake.py`).
        idle_s: how long a body may make no progress.
        whole_body_s: how long it may take altogether, waiting for its caller's other bodies apart.
        longest_wait_s: how long it may wait for those altogether.
        most_bytes: what bodies of one caller may hold together.
    """

    def __init__(
        self,
        app: ASGIApp,
        caller_of: Callable[[Scope], str] = _peer,
        idle_s: float = IDLE_S,
        whole_body_s: float = WHOLE_BODY_S,
        most_bytes: int = MOST_BYTES,
        *,
        longest_wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        self._app = app
        self._caller_of = caller_of
        self._idle_s = idle_s
        self._whole_body_s = whole_body_s
        self._longest_wait_s = longest_wait_s
        self._intake = Intake(most_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and "websocket.http.response" in scope.get("extensions", {}):
            await _refuse_websocket(scope, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        announced = b"content-length" in headers or b"transfer-encoding" in headers
        with self._intake.share(self._caller_of(scope)) if announced else nullcontext() as share:
            upload = scope["method"] == "PUT" and _UPLOAD.fullmatch(scope["path"]) is not None
            limit = None if upload else MAX_JSON_BYTES
            body = _Body(receive, share, limit, self._idle_s, self._whole_body_s, self._longest_wait_s)
            body.asked_for = b"expect" not in headers
            await self._answer(scope, headers, body, send)

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], body: _Body, send: Send) -> None:
        begun = asyncio.Event()
        ended = False

        async def guarded_send(message: Message) -> None:
            nonlocal ended
            if body.refusal is not None and not begun.is_set():
                return  # whoever read the body takes it for broken; the answer is ours, below
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            if message["type"] == "http.response.start":
                begun.set()
                said = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(header for header in _HEADERS if header[0] not in said)]
            elif not ended:  # a stream: it may last, and what was asked is not looked at any more
                body.let_go()
            if ended and body.is_coming:
                await send({**message, "more_body": True})
                await body.drain()
                message = {"type": "http.response.body"}
            await send(message)

        announced = headers.get(b"content-length", b"")
        try:
            if sum(name == b"host" for name, _ in scope["headers"]) > 1:  # a proxy and we might each go by another of them
                raise BadHttp("A request has one Host header.")
            if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
                raise CodedBody
            if body.limit is not None and announced.isdigit() and int(announced) > body.limit:
                raise BodyTooLarge
            if scope["method"] == "HEAD":
                await self._app({**scope, "method": "GET"}, _until(begun), guarded_send)
                if begun.is_set() and not ended:  # a stream that was left; the server below would call it broken
                    await guarded_send({"type": "http.response.body"})
            else:
                await self._app(scope, body.receive, guarded_send)
                if body.refusal is not None and not begun.is_set():
                    raise body.refusal
        except (BadHttp, BodyTooLarge, CodedBody, TooSlow) as error:
            if begun.is_set():
                raise
            body.refusal = None
            response = error_response(scope.get("raw_path", b"").decode("ascii", "replace"), error)
            response.headers["Connection"] = "close"
            await response(scope, body.receive, guarded_send)


async def _refuse_websocket(scope: Scope, send: Send) -> None:
    """Answers a handshake as every other request is answered; a server would say 403 in words of its own."""
    response = error_response(scope.get("raw_path", b"").decode("ascii", "replace"), NoWebSocket())
    headers = [*response.raw_headers, *_HEADERS[:2]]
    await send({"type": "websocket.http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": response.body})


class _Body:
    """A request's body on its way: counted and timed. `refusal` is why it was not taken; `share` is None where none was announced."""

    def __init__(  # noqa: PLR0917 - one body and its four bounds
        self, receive: Receive, share: Share | None, limit: int | None, idle_s: float, whole_s: float, wait_s: float
    ) -> None:
        self.limit = limit
        self.refusal: BodyTooLarge | TooSlow | None = None
        self.asked_for = True
        """False: nothing comes yet, its client waits for a 100 first."""
        self._receive = receive
        self._share = share
        self._idle_s = idle_s
        self._ends_at = asyncio.get_running_loop().time() + whole_s
        self._may_wait_s = wait_s
        self._size = 0
        self._complete = False
        self._late = False

    @property
    def is_coming(self) -> bool:
        """Whether more of it is on its way, and is worth waiting for."""
        return self._share is not None and self.asked_for and not self._complete and not self._late

    def let_go(self) -> None:
        """Holds no memory of its caller's any longer, once it is whole."""
        if self._share is not None and self._complete:
            self._share.release()

    async def receive(self) -> Message:
        if self._complete:  # what follows a whole body is only the client's leaving, and that may take its time
            return await self._receive()
        self.asked_for = True
        try:
            async with asyncio.timeout_at(min(self._ends_at, asyncio.get_running_loop().time() + self._idle_s)):
                message = await self._receive()
        except TimeoutError:
            self._late = True
            self.refusal = TooSlow()
            raise self.refusal from None
        size = self._count(message)
        if self.limit is not None and self._size > self.limit:
            self.refusal = BodyTooLarge()
            raise self.refusal
        if self._share is not None and not self._complete:  # what is whole need not wait for anything
            await self._wait_for_room(self._share, size)
        return message

    async def _wait_for_room(self, share: Share, size: int) -> None:
        """Until what has come is not too much for its caller. The time goes on another account than the body's own."""
        try:
            async with asyncio.timeout(self._may_wait_s):
                waited = await share.add(size)
        except TimeoutError:
            self.refusal = TooSlow("Other uploads from the same address, which have not ended, went first for too long.")
            raise self.refusal from None
        self._ends_at += waited
        self._may_wait_s -= waited

    def _count(self, message: Message) -> int:
        self._complete = not message.get("more_body", False)
        size = len(message.get("body", b""))
        self._size += size
        return size

    async def drain(self) -> None:
        """Throws away what is still coming, within bounds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while not self._complete and self._size < DRAIN_BYTES:
                    self._count(await self._receive())


def _until(begun: asyncio.Event) -> Receive:
    """What a HEAD is answered by is a GET whose client leaves once it has the headers; the server below keeps the body back."""
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await begun.wait()
        return {"type": "http.disconnect"}

    return receive
