"""PUT of a page, and what can be asked of one page. The bytes decide what an upload is; nothing is stored that does not decode."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request

from backend.api.clients import caller
from backend.api.replies import bytes_body, problems
from backend.api.services import ServicesIn
from backend.contract import PageActionReply, UploadReply
from backend.errors import (
    BadImage,
    Conflict,
    EmptyUpload,
    ImageTooManyPixels,
    JobNotFound,
    PageNotInWindow,
    QuotaExceeded,
    UnsupportedImage,
    UploadTooLarge,
)
from backend.imaging import MEDIA_TYPES
from backend.jobs import decisions
from backend.jobs.state import JobState
from backend.storage import uploads

router = APIRouter(tags=["pages"])

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,99}$", description="From the start reply.")]
"""None begins with a dot: "." and ".." are steps in a path, and no object is named so."""
PageIndex = Annotated[str, Path(pattern=r"^(0|[1-9][0-9]{0,5})$", description="Within the window, from 0.")]
"""A string, so that "1_0", "+1" and " 1" are not taken for page numbers."""

_ANY_TYPE: Final = {
    "",
    "*/*",
    "image/*",
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-www-form-urlencoded",
}
"""Headers that say nothing, so that nothing disagrees: curl sends the last one with --data-binary, stores and libraries the others."""


@router.put(
    "/jobs/{job_id}/pages/{index}",
    response_model=UploadReply,
    summary="Upload one page",
    responses=problems(
        EmptyUpload, JobNotFound, PageNotInWindow, UploadTooLarge, ImageTooManyPixels, UnsupportedImage, BadImage, QuotaExceeded
    ),
    openapi_extra=bytes_body("The image file as it is, at most max_bytes of the plan.", MEDIA_TYPES.values()),
)
async def put_page(job_id: JobId, index: PageIndex, request: Request, services: ServicesIn) -> UploadReply:
    """Takes a PNG, JPEG or WebP image. Other bytes than before replace the page and it is voiced again; equal bytes change nothing."""
    state = await services.log.state(job_id)
    page = decisions.page_of(state, int(index))
    announced = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        data = await read_body(request, services.settings.max_page_bytes)
        if announced == "multipart/form-data":
            raise UnsupportedImage("This is a form; the body is to be the image itself, as curl -T FILE sends it.")
        info, sha256 = await services.checks.check(data, caller(request.scope, services.settings))
        _require_announced(announced, info.media_type)
    except BadImage as error:
        await services.log.commit(job_id, decisions.rejected(page.index, error.code))
        raise
    decide = decisions.upload(
        page.index, sha256=sha256, media_type=info.media_type, size=len(data), max_job_bytes=services.settings.max_job_bytes
    )
    async with services.upload_turn(job_id, page.index, sha256):
        state = await services.log.state(job_id)
        was_done = state.done
        if changed := bool(decide(state)):  # known bytes are neither stored nor committed again
            await uploads.keep(services.objects, job_id, sha256, data)
            try:
                state = await services.log.commit(job_id, decide)
            except JobNotFound:  # deleted meanwhile: nothing of it may be left
                await uploads.remove(services.objects, job_id, page.index, sha256)
                raise
    if changed:
        await services.runner.ensure(job_id)
        if was_done:
            services.keeper.reopened(job_id)
    now = state.pages[page.index]
    return UploadReply(index=now.index, state=now.state, revision=now.revision, sha256=sha256)


def _require_announced(announced: str, media_type: str) -> None:
    if announced not in _ANY_TYPE and announced.replace("image/jpg", "image/jpeg") != media_type:
        raise UnsupportedImage(f"The bytes are {media_type}, but the Content-Type header says something else.")


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The upload, refused as soon as it is known to be too large: by its length, or while it arrives."""
    announced = request.headers.get("content-length", "")
    too_large = UploadTooLarge(f"At most {max_bytes} bytes can be uploaded here.")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


@router.post(
    "/jobs/{job_id}/pages/{index}/retry",
    response_model=PageActionReply,
    summary="Narrate one page again",
    responses=problems(JobNotFound, PageNotInWindow, Conflict, QuotaExceeded),
)
async def retry_page(job_id: JobId, index: PageIndex, services: ServicesIn) -> PageActionReply:
    """Begins a new revision of one page that has ended; while it is being worked on, nothing changes."""
    before = await services.log.state(job_id)
    was_done = before.done
    if not decisions.page_of(before, int(index)).uploaded:
        raise Conflict("There are no bytes of this page to narrate again; upload it.")
    state = await services.log.commit(job_id, decisions.retry(int(index)))
    await services.runner.ensure(job_id)
    if was_done:
        services.keeper.reopened(job_id)
    return page_action(state, int(index))


def page_action(state: JobState, index: int) -> PageActionReply:
    page = decisions.page_of(state, index)
    return PageActionReply(index=page.index, state=page.state, revision=page.revision)
