"""Job definitions and wishes for tests of the log: short to write, and complete where the program wants them complete."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from backend.jobs import decisions
from backend.jobs.decisions import Decide
from backend.jobs.events import Entry
from backend.jobs.state import JobDefinition, JobState, NarrationOptions, PageState, fold

MAX_JOB_BYTES = 1_000_000


def a_definition(
    pages: int = 3, *, client: str = "client-a", job_id: str | None = None, created_at: float = 1000.0
) -> JobDefinition:
    job_id = f"job_{secrets.token_hex(16)}"
    return JobDefinition(
        job_id=job_id,
        client=client,
        chapter_id="source:chapter",
        series_id="source",
        voice_pack={"Narrator": "sovits:narrator-v1"},
        window_start=0,
        window_size=pages,
        options=NarrationOptions(),
        created_at=created_at,
        audio_base=f"http://narration.test/v1/narration/jobs/{job_id}/audio",
    )


def upload(index: int, content: str | bytes = "a", *, size: int = 10, max_job_bytes: int = MAX_JOB_BYTES) -> Decide:
    """The page with `content` as its bytes."""
    sha256 = hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()
    return decisions.upload(index, sha256=sha256, media_type="image/png", size=size, max_job_bytes=max_job_bytes)


def ready(index: int, revision: int = 1) -> Decide:
    base = f"http://narration.test/audio/page-{index}/r{revision}"
    return decisions.ready(
        index, revision, audio=f"{base}/index.m3u8", duration=2.5, cues=f"{base}/cues.json", captions=f"{base}/captions.vtt"
    )


def whole_way(index: int, revision: int = 1) -> Sequence[Decide]:
    """All wishes of a page that goes well, in order."""
    return (
        upload(index, f"page {index} revision {revision}"),
        decisions.advance(index, revision, PageState.EXTRACTING),
        decisions.advance(index, revision, PageState.TTS),
        ready(index, revision),
    )


def commit(state: JobState, log: list[Entry], wish: Decide, at: float = 1001.0) -> JobState:
    """What every log does in `commit`, on plain values."""
    entries = [Entry(state.cursor + k, at, event) for k, event in enumerate(wish(state), 1)]
    log.extend(entries)
    return fold(state, entries)
