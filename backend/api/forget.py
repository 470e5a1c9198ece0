"""DELETE of a page by its content: its bytes, its readings and its sound are gone everywhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from backend.api.clients import ClientIn
from backend.api.replies import problems
from backend.api.services import Services, ServicesIn
from backend.errors import JobNotFound, Unauthorized
from backend.jobs import decisions
from backend.jobs.state import JobState
from backend.narration.cache import forget_page
from backend.storage import keys

router = APIRouter(prefix="/v1/pages", tags=["pages"])

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the page's bytes, in lower-case hex.")]


class Forgotten(BaseModel):
    """What was removed; all zero when nothing was known of the page."""

    windows: int
    cached: int


@router.delete("/{sha256}", response_model=Forgotten, summary="Forget a page everywhere", responses=problems(Unauthorized))
async def forget(sha256: Sha256, services: ServicesIn, _client: ClientIn) -> Forgotten:
    """Removes the page from all windows (there it is `error` with reason `removed`) and all that was cached because of it."""
    windows = 0
    for job_id in await services.log.job_ids():
        try:
            before = await services.log.state(job_id)
            if _places(before, sha256):
                await services.log.commit(job_id, decisions.removed(sha256))
                await _remove_objects(services, before, sha256)
                windows += 1
        except JobNotFound:
            continue  # it ran out meanwhile, and its objects with it
    await services.faces.forget_page(sha256)
    return Forgotten(windows=windows, cached=await forget_page(services.objects, sha256))


def _places(state: JobState, sha256: str) -> list[int]:
    return [page.index for page in state.pages if page.sha256 == sha256]


async def _remove_objects(services: Services, state: JobState, sha256: str) -> None:
    job_id = state.definition.job_id
    for index in _places(state, sha256):
        await services.objects.delete(keys.upload(job_id, index))
        await services.objects.delete_prefix(keys.audio_prefix(job_id, index))
