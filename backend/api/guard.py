"""The door of the HTTP side, before any route: headers every reply carries, bodies that are too large or too slow.

Plain ASGI: Starlette's BaseHTTPMiddleware would copy every streamed reply.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
"""How much of a refused body is read and thrown away: many clients read the reply only when all is sent, and a reset would lose it."""
IDLE_S: Final = 30.0
"""A client that sends nothing of a promised body for so long is let go."""
WHOLE_BODY_S: Final = 300.0
"""And so is one whose body takes longer than this altogether: 20 MB at half a megabit a second."""
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
"""Of every reply that does not say something else itself."""


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


class Guard:
    """Wraps the application. `idle_s` is how long a body may make no progress, `whole_body_s` how long it may take."""

    def __init__(self, app: ASGIApp, idle_s: float = IDLE_S, whole_body_s: float = WHOLE_BODY_S) -> None:
        self._app = app
        self._idle_s = idle_s
        self._whole_body_s = whole_body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and "websocket.http.response" in scope.get("extensions", {}):
            await _refuse_websocket(scope, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"")
        path = scope.get("raw_path", b"").decode("ascii", "replace")
        upload = scope["method"] == "PUT" and _UPLOAD.fullmatch(scope["path"]) is not None
        body = _Body(receive, None if upload else MAX_JSON_BYTES, self._idle_s, self._whole_body_s)
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
            await send(message)

        try:
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
        except (BodyTooLarge, CodedBody, TooSlow) as error:
            if begun.is_set():
                raise
            body.refusal = None
            if not isinstance(error, TooSlow) and b"expect" not in headers:  # who asks first has sent nothing yet
                await body.drain()
            response = error_response(path, error)
            response.headers["Connection"] = "close"
            await response(scope, receive, guarded_send)


async def _refuse_websocket(scope: Scope, send: Send) -> None:
    """Answers a handshake as every other request is answered; a server would say 403 in words of its own."""
    response = error_response(scope.get("raw_path", b"").decode("ascii", "replace"), NoWebSocket())
    headers = [*response.raw_headers, *_HEADERS[:2]]
    await send({"type": "websocket.http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": response.body})


class _Body:
    """A request's body on its way: counted and timed. `refusal` is why it was not taken."""

    def __init__(self, receive: Receive, limit: int | None, idle_s: float, whole_s: float) -> None:
        self.limit = limit
        self.refusal: BodyTooLarge | TooSlow | None = None
        self._receive = receive
        self._idle_s = idle_s
        self._ends_at = asyncio.get_running_loop().time() + whole_s
        self._size = 0
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:  # what follows a whole body is only the client's leaving, and that may take its time
            return await self._receive()
        try:
            async with asyncio.timeout_at(min(self._ends_at, asyncio.get_running_loop().time() + self._idle_s)):
                message = await self._receive()
        except TimeoutError:
            self.refusal = TooSlow()
            raise self.refusal from None
        self._complete = not message.get("more_body", False)
        self._size += len(message.get("body", b""))
        if self.limit is not None and self._size > self.limit:
            self.refusal = BodyTooLarge()
            raise self.refusal
        return message

    async def drain(self) -> None:
        """Throws away what is still coming, within bounds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while not self._complete and self._size < DRAIN_BYTES:
                    message = await self._receive()
                    self._complete = not message.get("more_body", False)
                    self._size += len(message.get("body", b""))


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
