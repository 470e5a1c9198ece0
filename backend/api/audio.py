"""A window's audio from the object store: playlists, segments, cues, captions; ranges, HEAD, ETag and 304.

Addresses that carry a version never change and may be kept for ever; `page-N/index.m3u8` and the window's playlist follow the job.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from backend.api.conditional import RangeNotSatisfiable, conditional
from backend.api.pages import JobId
from backend.api.replies import Replies, bytes_reply, problems
from backend.api.services import ServicesIn
from backend.errors import AudioNotReady, BadPathParameter, JobNotFound, NotFound, PageNotInWindow
from backend.jobs import decisions
from backend.jobs.events import Entry
from backend.jobs.state import JobState, PageState, fold
from backend.narration.hls import PLAYLIST_NAME, WindowPage, window_playlist
from backend.storage import keys
from backend.storage.expiry import REDIRECT_KEPT_S
from backend.storage.objects import media_type_of

router = APIRouter(tags=["audio"])

_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_REVALIDATE: Final = "no-cache"
_FILE: Final = re.compile(r"page-(0|[1-9][0-9]{0,5})/(?:([0-9a-f]{16})/)?([a-z0-9-]{1,40}\.(?:m3u8|ts|json|vtt))")
AudioPath = Annotated[str, Path(description="page-{index}/index.m3u8, or what a playlist or an event names.")]


_PLAYLIST: Final = "application/vnd.apple.mpegurl"
_PARTLY: Final[Replies] = {
    206: {"description": "The range that was asked for"},
    304: {"description": "The client has it, says its ETag"},
}

_ELSEWHERE: Final[Replies] = {307: {"description": "With AUDIO_MODE=redirect: where the segment is, for some minutes"}}


@router.get(
    "/jobs/{job_id}/audio/window.m3u8",
    summary="One playlist of the window",
    response_class=Response,
    responses=problems(JobNotFound, AudioNotReady, RangeNotSatisfiable)
    | {200: bytes_reply("An HLS playlist (RFC 8216)", _PLAYLIST), **_PARTLY},
)
async def window(job_id: JobId, request: Request, services: ServicesIn) -> Response:
    """All pages that are ready in order, so that a locked phone plays on by itself; complete when the window is."""
    state = await services.log.state(job_id)
    if state.done:
        heard = _in_order(state)
    else:  # in a thread: a long log takes longer to fold than others may wait
        heard = await asyncio.to_thread(_told_in_order, state, await services.log.entries(job_id))
    if not heard:
        raise AudioNotReady("The first page of this window is not ready.")
    prefixes = [audio.removesuffix(PLAYLIST_NAME) for audio in heard]
    folders = [prefix.removeprefix(f"{state.definition.audio_base}/") for prefix in prefixes]
    playlists = await asyncio.gather(
        *(services.objects.find(keys.audio(job_id, f"{folder}{PLAYLIST_NAME}")) for folder in folders)
    )
    pages = [
        WindowPage(prefix, playlist.decode("ascii"))
        for prefix, playlist in zip(prefixes, playlists, strict=True)
        if playlist is not None  # a page that was forgotten is heard no more, whatever was told of it
    ]
    return conditional(
        request, window_playlist(pages, complete=state.done).encode("ascii"), media_type_of(PLAYLIST_NAME), _REVALIDATE
    )


def _in_order(state: JobState) -> list[str]:
    """Playlist URLs of all ready pages."""
    return [page.audio for page in state.pages if page.state is PageState.READY and page.audio is not None]


def _told_in_order(state: JobState, entries: Sequence[Entry]) -> list[str]:
    """Playlist URLs as a list that only ever grows at its end, which players demand of one that is not complete.

    A page that failed is passed by, and stays so if it becomes ready later; one that is voiced again stays as it was heard.
    """
    heard: list[str] = []
    then = JobState.new(state.definition)
    upcoming = 0
    for entry in entries:
        then = fold(then, [entry])
        while upcoming < len(then.pages) and then.pages[upcoming].state.ended:
            audio = then.pages[upcoming].audio
            if audio is not None:
                heard.append(audio)
            upcoming += 1
    return heard


@router.get(
    "/jobs/{job_id}/audio/{path:path}",
    summary="Audio of a page",
    response_class=Response,
    responses=problems(NotFound, JobNotFound, PageNotInWindow, AudioNotReady, RangeNotSatisfiable)
    | {200: bytes_reply("The file", _PLAYLIST, "video/mp2t", "application/json", "text/vtt"), **_PARTLY, **_ELSEWHERE},
)
async def audio(job_id: JobId, path: AudioPath, request: Request, services: ServicesIn) -> Response:
    """A playlist, a segment, cues.json or captions.vtt."""
    file = _FILE.fullmatch(path)
    if file is None:
        raise BadPathParameter("There is no such audio file.")
    if services.redirects is not None and file[2] and file[3].endswith(".ts"):
        # Playlists stay here: their segments are named relative to them, and a signature is good for one object only.
        url = services.redirects.get_url(keys.audio(job_id, path))
        return Response(status_code=307, headers={"Location": url, "Cache-Control": f"private, max-age={REDIRECT_KEPT_S}"})
    try:
        data = await services.objects.get(keys.audio(job_id, path))
    except NotFound:
        state = await services.log.state(job_id)
        if decisions.page_of(state, int(file[1])).state is not PageState.READY:
            raise AudioNotReady from None
        raise
    return conditional(request, data, media_type_of(path), _IMMUTABLE if file[2] else _REVALIDATE)
