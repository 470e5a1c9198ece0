"""Where clients send pages and fetch audio: through this service, or by signed URLs straight to the bucket (UPLOAD_MODE, AUDIO_MODE)."""

from __future__ import annotations

from dataclasses import replace

from backend.api.services import Services
from backend.contract import StartRequest, UploadPlan, UploadSlot
from backend.jobs.state import JobState
from backend.narration.arrivals import Arrivals
from backend.storage import keys
from backend.storage.expiry import UPLOAD_EXPIRES_S
from backend.stores import bucket_of


def with_bucket_urls(services: Services) -> Services:
    """The services, with what signs URLs and notices arrivals where the settings ask for it."""
    settings = services.settings
    bucket = bucket_of(settings)
    if bucket is None:
        return services
    from backend.storage.presign import Presigner  # noqa: PLC0415 - an installation without a bucket never loads boto3

    async def arrived(job_id: str, was_done: bool) -> None:
        await services.runner.ensure(job_id)
        if was_done:
            services.keeper.reopened(job_id)

    redirects = Presigner(bucket) if settings.audio_mode == "redirect" else None
    if settings.upload_mode == "direct":
        return replace(services, redirects=redirects)
    arrivals = Arrivals(
        services.log,
        services.objects,
        check=services.checks.check,
        arrived=arrived,
        expires_s=UPLOAD_EXPIRES_S,
        quiet_s=settings.upload_quiet_seconds,
        max_page_bytes=settings.max_page_bytes,
        max_job_bytes=settings.max_job_bytes,
    )
    return replace(services, redirects=redirects, presigner=Presigner(bucket), arrivals=arrivals)


def upload_plan(state: JobState, body: StartRequest, routes: str, services: Services) -> UploadPlan:
    """The plan for this request: pages are PUT below `routes` (the job's absolute address), or into the bucket by URLs signed anew."""
    max_bytes = services.settings.max_page_bytes
    job_id = state.definition.job_id
    if services.presigner is None or services.arrivals is None:
        slots = [
            UploadSlot(index=page.index, put_url=f"{routes}/pages/{page.index}", max_bytes=max_bytes) for page in state.pages
        ]
        return UploadPlan(mode="direct", pages=slots)
    services.arrivals.watch(job_id)
    announced = dict(enumerate(body.uploads or ()))
    slots = []
    for page in state.pages:
        # What the client said of a page beforehand is what its URL allows.
        said = announced.get(page.index)
        media_type = said.content_type if said else "image/png"
        url = services.presigner.put_url(keys.upload(job_id, page.index), media_type, size=said.size if said else None)
        slots.append(
            UploadSlot(index=page.index, put_url=url, content_type=media_type, content_types=[media_type], max_bytes=max_bytes)
        )
    return UploadPlan(mode="presigned", pages=slots, expires_in=UPLOAD_EXPIRES_S)
