"""GET /healthz: which engines are loaded or loading, and which stores are in use."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Response
from pydantic import BaseModel

from backend import __version__
from backend.api.services import ServicesIn
from backend.engine import EngineState

router = APIRouter(tags=["service"])


class EngineHealth(BaseModel):
    name: str
    state: EngineState


class Health(BaseModel):
    """`status`: "ok", a window started now is narrated at once; "warming", an engine loads; "idle", engines elsewhere sleep until a
    window starts; "failed", an engine cannot be used. `stores`: where jobs and objects are, and who can serve a window."""

    status: str
    version: str
    reader: EngineHealth
    synthesizer: EngineHealth
    stores: dict[str, str]


@router.get("/healthz", response_model=Health, summary="Engines and stores")
async def healthz(services: ServicesIn, response: Response) -> Health:
    """Answers 200 as soon as the service takes requests: a window started while engines load waits for them."""
    response.headers["Cache-Control"] = "no-store"
    states = {services.reader.state, services.synthesizer.state}
    return Health(
        status=_status(states),
        version=__version__,
        reader=EngineHealth(name=services.reader.name, state=services.reader.state),
        synthesizer=EngineHealth(name=services.synthesizer.name, state=services.synthesizer.state),
        stores={
            "jobs": "redis" if services.settings.redis_url else "memory",
            "objects": services.objects.description,
            "windows": _served_by(services.settings.unshared),
        },
    )


def _served_by(unshared: Sequence[str]) -> str:
    return f"served by a single process, without {' and '.join(unshared)}" if unshared else "served by any process"


def _status(states: set[EngineState]) -> str:
    if EngineState.FAILED in states:
        return "failed"
    if states & {EngineState.LOADING, EngineState.WARMING}:
        return "warming"
    return "idle" if EngineState.IDLE in states else "ok"
