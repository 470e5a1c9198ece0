"""DELETE of a page by its content: its bytes, its readings and its sound are gone everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from backend.api.clients import ClientIn
from backend.api.replies import problems
from backend.api.services import Services, ServicesIn
from backend.errors import JobNotFound, Unauthorized
from backend.jobs import decisions
from backend.jobs.events import Entry, EventName
from backend.jobs.state import JobState, PageRecord
from backend.narration.forgetting import PageMemory
from backend.narration.hls import PLAYLIST_NAME
from backend.storage import keys, uploads

router = APIRouter(prefix="/v1/pages", tags=["pages"])

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the page's bytes, in lower-case hex.")]


class Forgotten(BaseModel):
    """What was removed; all zero when nothing was known of the page."""

    windows: int
    cached: int


@router.delete("/{sha256}", response_model=Forgotten, summary="Forget a page everywhere", responses=problems(Unauthorized))
async def forget(sha256: Sha256, services: ServicesIn, _client: ClientIn) -> Forgotten:
    """Removes the page from all windows (there it is `error` with reason `removed`) and all that was made because of it."""
    windows = 0
    places: list[tuple[str, int]] = []
    in_work = False
    for job_id in await services.log.job_ids():
        await asyncio.sleep(0)  # there may be thousands, and a log in memory is read without giving way
        try:
            before = await services.log.state(job_id)
            stood, heard = _traces(before, await services.log.entries(job_id), sha256)
            # First the log: work that is under way then knows that it must leave nothing behind (`narration/window.py`).
            if here := [page.index for page in before.pages if page.sha256 == sha256]:
                await services.log.commit(job_id, decisions.removed(sha256))
                windows += 1
                in_work |= not all(before.pages[index].state.ended for index in here)
        except JobNotFound:
            continue  # it ran out meanwhile, and its objects with it
        for index in sorted({*stood, *here}):
            # These or other bytes may have come meanwhile, and are not to be forgotten.
            async with services.upload_turn(job_id, index, sha256):
                pages = await _pages(services, job_id)
                if all(page.sha256 != sha256 for page in pages):
                    await uploads.remove(services.objects, job_id, index, sha256)
                if index in here and not any(page.uploaded for page in pages[index : index + 1]):
                    await services.objects.delete_prefix(keys.audio_prefix(job_id, index))
        for path in heard:
            await services.objects.delete_prefix(keys.audio(job_id, path))
        places += [(job_id, index) for index in here]
    memory = PageMemory(services.objects, services.series, services.faces)
    return Forgotten(windows=windows, cached=await memory.forget(sha256, places, for_good=not in_work))


async def _pages(services: Services, job_id: str) -> Sequence[PageRecord]:
    """Those of a window, none where it is gone."""
    try:
        return (await services.log.state(job_id)).pages
    except JobNotFound:
        return ()


def _traces(state: JobState, entries: Sequence[Entry], sha256: str) -> tuple[set[int], set[str]]:
    """Where these bytes ever stood in the window, and folders of the sound they had, also where others have replaced them since.

    By the three events that matter and not by folding: anybody may ask, of all windows at once.
    """
    stood: set[int] = set()
    found = set()
    here: set[int] = set()
    for entry in entries:
        data = entry.event.data
        match entry.event.name:
            case EventName.PAGE_UPLOADED | EventName.PAGE_REMOVED:
                (here.add if data.get("sha256") == sha256 else here.discard)(data["index"])
                stood |= here
            case EventName.PAGE_READY if data["index"] in here:
                found.add(data["audio"].removeprefix(f"{state.definition.audio_base}/").removesuffix(f"/{PLAYLIST_NAME}"))
    return stood, found
