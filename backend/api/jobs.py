"""A job's snapshot, its event stream, the page in view, and its end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from backend.api.event_stream import EventStream
from backend.api.examples import JOB_EVENTS
from backend.api.pages import JobId, page_action
from backend.api.replies import problems, stream_reply
from backend.api.services import ServicesIn
from backend.api.stream import JobScript, StreamLimits
from backend.contract import FocusRequest, PageActionReply, SnapshotReply
from backend.errors import JobNotFound, PageNotInWindow, QuotaExceeded
from backend.jobs import decisions

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs/{job_id}/snapshot",
    response_model=SnapshotReply,
    summary="The whole window as it stands",
    responses=problems(JobNotFound),
)
async def snapshot(job_id: JobId, services: ServicesIn) -> Response:
    """Everything a client needs to restore its view; `cursor` is where its event stream goes on."""
    # Ready bytes: a model would be encoded anew for every caller.
    return Response(await services.log.snapshot(job_id), media_type="application/json", headers={"Cache-Control": "no-store"})


@router.get(
    "/jobs/{job_id}/events",
    summary="Server-sent events of the window",
    response_class=Response,
    responses=problems(JobNotFound) | {200: stream_reply("See WARP.md for the events", JOB_EVENTS)},
)
async def events(
    job_id: JobId,
    services: ServicesIn,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
    last_event_id_query: Annotated[
        str | None, Query(alias="last_event_id", description="For clients that cannot set headers.")
    ] = None,
) -> Response:
    """Without Last-Event-ID: the state of all pages first, then what happens. With it: exactly what was missed."""
    await services.log.state(job_id)  # 404 before the stream begins
    settings = services.settings
    limits = StreamLimits(settings.stream_max_age_seconds, settings.stream_linger_seconds)
    return EventStream(JobScript(services.log, job_id, last_event_id or last_event_id_query, limits), services.streams)


@router.post(
    "/jobs/{job_id}/focus",
    response_model=PageActionReply,
    summary="Say which page is in view",
    responses=problems(JobNotFound, PageNotInWindow, QuotaExceeded),
)
async def focus(job_id: JobId, body: FocusRequest, services: ServicesIn) -> PageActionReply:
    """The page in view and its two neighbours come first from now on."""
    return page_action(await services.log.commit(job_id, decisions.focus(body.index)), body.index)


@router.delete("/jobs/{job_id}", status_code=204, summary="End a window and remove what it has", responses=problems(JobNotFound))
async def delete(job_id: JobId, services: ServicesIn) -> None:
    """Cancels the work; pages, audio and events are gone when this answers."""
    await services.remove_job(job_id)
