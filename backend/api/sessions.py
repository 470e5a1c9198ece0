"""session/start and session/next: a window of pages becomes a job with an upload plan."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from backend.api.clients import ClientIn, limited_as, public_base
from backend.api.limits import Call
from backend.api.plans import upload_plan
from backend.api.replies import problems
from backend.api.services import Services, ServicesIn
from backend.contract import StartReply, StartRequest
from backend.errors import InvalidRequest, QuotaExceeded, TooManyRequests, Unauthorized, UnknownVoice
from backend.jobs.state import JobDefinition, JobState

router = APIRouter(tags=["windows"])

PREFIX = "/v1/narration"
"""Where the documented routes are; URLs in replies point there, whichever way the client came."""

IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", max_length=200, description="Equal keys of one client: one job.")
]

_ERRORS = problems(InvalidRequest, UnknownVoice, Unauthorized, TooManyRequests, QuotaExceeded)


@router.post("/session/start", response_model=StartReply, summary="Begin a window of pages", responses=_ERRORS)
async def start(
    body: StartRequest, request: Request, services: ServicesIn, client: ClientIn, idempotency_key: IdempotencyKey = None
) -> Response:
    """Plans the upload of `window.size` pages. The same request by the same client gives the same job while it lives."""
    return await _begin("start", body, request, services, client, idempotency_key)


@router.post("/session/next", response_model=StartReply, summary="The next window of the chapter", responses=_ERRORS)
async def next_window(
    body: StartRequest, request: Request, services: ServicesIn, client: ClientIn, idempotency_key: IdempotencyKey = None
) -> Response:
    """As start, with `window.start_index` at the first page of the next window; the cast goes on from the window before."""
    return await _begin("next", body, request, services, client, idempotency_key)


async def _begin(  # noqa: PLR0917 - what FastAPI hands to both routes, handed on
    call: Call, body: StartRequest, request: Request, services: Services, client: str, idempotency_key: str | None
) -> Response:
    settings = services.settings
    await services.limits.spend(call, limited_as(request, settings, client))
    if body.window.size > settings.max_window_size:
        raise InvalidRequest(
            f"A window has at most {settings.max_window_size} pages.",
            (("/window/size", f"must be at most {settings.max_window_size}"),),
        )
    await services.catalogue.resolve(body.voice_pack, client)
    seen = idempotency_key or body.model_dump_json(exclude={"client"})
    kind = "key" if idempotency_key else "body"
    place = hashlib.sha256(f"{client}\0{call if kind == 'body' else ''}\0{kind}\0{seen}".encode()).hexdigest()
    base = public_base(request, settings)
    state = await _job_for(place, body, base, services, client)
    services.keeper.watch(state.definition.job_id)
    if not state.done:  # a start that is repeated keeps no engine awake for a window that has ended
        await services.runner.prepare(state.definition.job_id)
    return Response(
        _reply(state, body, base, services).model_dump_json(exclude_none=True),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def _job_for(place: str, body: StartRequest, base: str, services: Services, client: str) -> JobState:
    """The job this start request was given before, if it lives; else a new one.

    The job is made before it is bound to the request, so that nobody is ever sent to one that is not there; of equal starts at the same
    time one is bound, and the others take theirs back.
    """
    job_id = f"job_{secrets.token_urlsafe(16)}"
    definition = JobDefinition(
        job_id=job_id,
        client=client,
        chapter_id=body.chapter_id,
        series_id=body.series_id or series_of(body.chapter_id),
        voice_pack={role: voice if isinstance(voice, str) else tuple(voice) for role, voice in body.voice_pack.items()},
        window_start=body.window.start_index,
        window_size=body.window.size,
        options=body.narration_options(),
        created_at=time.time(),
        audio_base=_audio_base(job_id, base, services),
    )
    state = await services.log.create(definition)
    bound = await services.log.remember_start(place, job_id)
    if bound != job_id:
        await services.log.delete(job_id)
        return await services.log.state(bound)
    if await services.log.open_jobs(client) > services.settings.max_open_jobs:
        await services.log.delete(job_id)
        raise QuotaExceeded(f"A client may have {services.settings.max_open_jobs} unfinished windows at once.", retry_after_s=60)
    return state


def series_of(chapter_id: str) -> str:
    """The part of a chapter's id that names its series: what stands before the last ':' or '/', or all of it."""
    cut = max(chapter_id.rfind(":"), chapter_id.rfind("/"))
    return chapter_id[:cut] if cut > 0 else chapter_id


def _reply(state: JobState, body: StartRequest, base: str, services: Services) -> StartReply:
    """The plan, with the addresses of the host this request was sent to: whoever made the job may have come by another name."""
    job_id = state.definition.job_id
    routes = f"{base}{PREFIX}/jobs/{job_id}"
    return StartReply(
        job_id=job_id,
        upload=upload_plan(state, body, routes, services),
        status_sse=f"{routes}/events",
        audio_url_template=f"{_audio_base(job_id, base, services)}/page-{{index}}/index.m3u8",
        snapshot_url=f"{routes}/snapshot",
    )


def _audio_base(job_id: str, base: str, services: Services) -> str:
    cdn = services.settings.cdn_base_url
    return f"{cdn}/narration/{job_id}/audio" if cdn else f"{base}{PREFIX}/jobs/{job_id}/audio"
