"""What a job is: its definition, and the state that folding its log gives. Pure data and one pure function, `fold`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.jobs.events import Entry, EventName
from backend.readers.base import Direction


class PageState(StrEnum):
    """States of a page on the wire, in the order a page passes them."""

    QUEUED = "queued"
    EXTRACTING = "extracting"
    TTS = "tts"
    READY = "ready"
    ERROR = "error"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def ended(self) -> bool:
        return self in (PageState.READY, PageState.ERROR)


_RANKS = {PageState.QUEUED: 0, PageState.EXTRACTING: 1, PageState.TTS: 2, PageState.READY: 3, PageState.ERROR: 3}


class SfxPolicy(StrEnum):
    SKIP = "skip"
    SPEAK = "speak"


class NarrationOptions(BaseModel):
    """How the client wants the window narrated; every field has a default that suits a Japanese manga."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    direction: Direction = Field(default=Direction.RTL, description="Reading direction of the book.")
    lang: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$", description="Language of the book; null: found per box.")
    sfx: SfxPolicy = Field(default=SfxPolicy.SKIP, description="Whether sound effects are spoken.")
    single_voice: bool = Field(default=False, strict=True, description="Everything in the Narrator's voice.")
    speed: float = Field(default=1.0, strict=True, ge=0.5, le=2.0, description="1 is the voice's own pace.")


class JobDefinition(BaseModel):
    """What was asked for; fixed for the life of a job."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    client: str
    """Opaque identity of the client (a hash): scope of idempotency and quotas."""
    chapter_id: str
    series_id: str
    voice_pack: dict[str, str | tuple[str, ...]]
    window_start: int
    window_size: int
    options: NarrationOptions
    created_at: float
    """Unix time in seconds."""
    audio_base: str
    """Absolute address below which this job's audio objects are found (`{audio_base}/page-0/...`)."""


@dataclass(frozen=True, slots=True)
class PageRecord:
    """One page of the window as the log has it."""

    index: int
    state: PageState = PageState.QUEUED
    revision: int = 0
    """0: nothing was uploaded yet; each other content, retry or correction is the next revision."""
    sha256: str | None = None
    media_type: str | None = None
    reason: str | None = None
    audio: str | None = None
    duration: float | None = None
    cues: str | None = None
    captions: str | None = None
    failed_lines: tuple[int, ...] = ()

    @property
    def uploaded(self) -> bool:
        return self.sha256 is not None

    def wire(self) -> dict[str, Any]:
        """The page as /snapshot shows it; keys without a value are left out (the client cannot take null)."""
        found: dict[str, Any] = {"index": self.index, "state": self.state, "revision": self.revision, "uploaded": self.uploaded}
        for key in ("reason", "audio", "duration", "cues", "captions"):
            if (value := getattr(self, key)) is not None:
                found[key] = value
        if self.failed_lines:
            found["failed_lines"] = list(self.failed_lines)
        return found


@lru_cache(maxsize=64)
def _blank_pages(size: int) -> tuple[PageRecord, ...]:
    """The pages of a window nothing was uploaded to. Windows that are abandoned share them: ten thousand of them hold one."""
    return tuple(map(PageRecord, range(size)))


@dataclass(frozen=True)
class JobState:
    """The fold of a job's log up to `cursor`."""

    definition: JobDefinition
    pages: tuple[PageRecord, ...]
    cursor: int = 0
    """seq of the last entry folded in; 0 before any."""
    done: bool = False
    run: int = 1
    """Counts the times the window was worked on to its end: a page uploaded after job_done begins the next run."""
    focus: int | None = None
    uploaded_bytes: int = 0
    changed_at: float = 0.0
    """Unix time of the last entry."""
    uploaded_at: float | None = None
    """Unix time of the last upload."""

    @classmethod
    def new(cls, definition: JobDefinition) -> JobState:
        return cls(definition, _blank_pages(definition.window_size), changed_at=definition.created_at)

    @property
    def ended_pages(self) -> int:
        return sum(page.state.ended for page in self.pages)

    @property
    def has_work(self) -> bool:
        """Whether a page that was uploaded is still on its way."""
        return any(page.uploaded and not page.state.ended for page in self.pages)

    @property
    def worked(self) -> str:
        """How far the uploaded pages have got: another text whenever work on a page comes to something, or one is asked for again.

        Pages that have only arrived do not show in it: that nothing was done about them is no progress.
        """
        return ",".join(
            f"{page.index}.{page.revision}.{page.state}"
            for page in self.pages
            if page.uploaded and (page.revision > 1 or page.state is not PageState.QUEUED)
        )

    def progress(self) -> dict[str, int]:
        return {"done": self.ended_pages, "total": len(self.pages)}

    def outcome(self) -> dict[str, Any]:
        """Data of job_done for this state."""
        errors = [{"index": page.index, "reason": page.reason} for page in self.pages if page.state is PageState.ERROR]
        return {"ok": not errors, "run": self.run, "errors": errors}

    @cached_property
    def snapshot(self) -> bytes:
        """The reply of /snapshot, ready to send."""
        definition = self.definition
        body = {
            "job_id": definition.job_id,
            "chapter_id": definition.chapter_id,
            "window": {"start_index": definition.window_start, "size": definition.window_size},
            "cursor": str(self.cursor),
            "done": self.done,
            "pages": [page.wire() for page in self.pages],
            "progress": self.progress(),
        }
        return json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")


def fold(state: JobState, entries: Iterable[Entry]) -> JobState:
    """The state after `entries`, which follow `state.cursor` without a gap."""
    for entry in entries:
        assert entry.seq == state.cursor + 1, "a log has no gaps"
        state = replace(_apply(state, entry), cursor=entry.seq, changed_at=entry.at)
    return state


def _apply(state: JobState, entry: Entry) -> JobState:  # noqa: PLR0911 - one return a kind of event
    data = entry.event.data
    match entry.event.name:
        case EventName.PAGE_UPLOADED:
            page = PageRecord(data["index"], revision=data["revision"], sha256=data["sha256"], media_type=data["media_type"])
            reopened = replace(state, done=False, run=state.run + 1) if state.done else state
            return replace(_with_page(reopened, page), uploaded_bytes=state.uploaded_bytes + data["bytes"], uploaded_at=entry.at)
        case EventName.PAGE_STATUS:
            page = state.pages[data["index"]]
            if data["revision"] != page.revision:  # a retry or a correction begins a new revision of the same bytes
                reopened = replace(state, done=False, run=state.run + 1) if state.done else state
                fresh = PageRecord(page.index, revision=data["revision"], sha256=page.sha256, media_type=page.media_type)
                return _with_page(reopened, fresh)
            return _with_page(state, replace(page, state=PageState(data["state"]), reason=data.get("reason")))
        case EventName.PAGE_READY:
            page = replace(
                state.pages[data["index"]],
                state=PageState.READY,
                reason=None,
                audio=data["audio"],
                duration=data["duration"],
                cues=data["cues"],
                captions=data["captions"],
                failed_lines=tuple(data["failed_lines"]),
            )
            return _with_page(state, page)
        case EventName.PAGE_REMOVED:
            return _with_page(state, PageRecord(data["index"], revision=data["revision"]))
        case EventName.FOCUS:
            return replace(state, focus=data["index"])
        case EventName.JOB_DONE:
            return replace(state, done=True)
        case EventName.PROGRESS:
            return state


def _with_page(state: JobState, page: PageRecord) -> JobState:
    return replace(state, pages=(*state.pages[: page.index], page, *state.pages[page.index + 1 :]))
