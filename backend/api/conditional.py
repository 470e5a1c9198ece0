"""Bytes as a client wants them: whole, a range of them (RFC 9110, 14), or 304 when it has them."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from fastapi import Request, Response

from backend.errors import TanoshiError

_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class RangeNotSatisfiable(TanoshiError):
    """A range behind the end; `length` is that of the whole, in bytes."""

    status = 416
    code = "range_not_satisfiable"
    title = "The file has no bytes in this range"

    def __init__(self, length: int = 0) -> None:
        super().__init__()
        self.length = length

    def headers(self) -> dict[str, str]:
        return {"Content-Range": f"bytes */{self.length}", "Accept-Ranges": "bytes"}


def conditional(request: Request, data: bytes, media_type: str, cache_control: str) -> Response:
    """The body as asked for: whole, a range (RFC 9110, 14), or 304 when the client has it."""
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": cache_control, "Accept-Ranges": "bytes"}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    status = 200
    wanted = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if wanted and (wanted[1] or wanted[2]) and request.headers.get("if-range", etag) == etag:
        if wanted[1]:
            first, last = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
        else:
            first, last = max(0, len(data) - int(wanted[2])), len(data) - 1
        if first >= len(data) or first > last:
            raise RangeNotSatisfiable(len(data))
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        data, status = data[first : last + 1], 206
    return Response(data, status, headers, media_type=media_type)
