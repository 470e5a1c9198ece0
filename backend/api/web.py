"""The web page of `backend/studio`, at the root. Its files are named here one by one: nothing else of the package can be asked for."""

from __future__ import annotations

import mimetypes
from typing import Final

from fastapi import APIRouter, Request, Response

from backend.api.conditional import conditional
from backend.errors import NotFound
from backend.studio import studio_files

router = APIRouter(include_in_schema=False)

_INDEX: Final = "index.html"
_FILES: Final = {path.name: path.read_bytes() for path in studio_files.iterdir() if path.is_file()}
_POLICY: Final = (
    "default-src 'self'; img-src 'self' blob: data:; media-src * blob:; connect-src *; frame-ancestors 'none'; base-uri 'none'"
)


@router.get("/")
async def index(request: Request) -> Response:
    """The page."""
    return _reply(_INDEX, request)


@router.get("/{name}")
async def file(name: str, request: Request) -> Response:
    """What the page is made of."""
    if name not in _FILES:
        raise NotFound
    return _reply(name, request)


def _reply(name: str, request: Request) -> Response:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    reply = conditional(request, _FILES[name], media_type, "no-cache")
    reply.headers["Content-Security-Policy"] = _POLICY
    return reply
