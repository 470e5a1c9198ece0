"""The web page of `backend/studio`, at the root. Its files are named here one by one: nothing else of the package can be asked for."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse

from backend.errors import NotFound
from backend.studio import studio_files

router = APIRouter(include_in_schema=False)

_INDEX: Final = "index.html"
_FILES: Final = frozenset(path.name for path in studio_files.iterdir() if path.is_file())
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src * blob:; connect-src *; frame-ancestors 'none'; base-uri 'none'"
    ),
}


@router.head("/")
@router.get("/")
async def index() -> FileResponse:
    """The page."""
    return FileResponse(studio_files / _INDEX, headers=_HEADERS)


@router.head("/{name}")
@router.get("/{name}")
async def file(name: str) -> FileResponse:
    """What the page is made of."""
    if name not in _FILES:
        raise NotFound
    return FileResponse(studio_files / name, headers=_HEADERS)
