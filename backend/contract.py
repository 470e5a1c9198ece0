"""The wire: requests, replies and events as models. WARP.md documents it; the OpenAPI page is made from it.

Contract numbers (C1, ...) refer to WARP.md. Replies leave out what has no value: the reader client takes no null.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, StringConstraints, field_validator

from backend.jobs.state import NarrationOptions, PageState
from backend.readers.base import Direction

MAX_VOICES_IN_PACK = 64

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def _whole_number(value: object) -> object:
    """20 and 20.0 are numbers of pages, "20" and true are not (C4)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a whole number")
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("must be a whole number")
    return int(value)


def _valid_text(value: str) -> str:
    if _SURROGATE.search(value):
        raise ValueError("must be valid Unicode")
    if _CONTROL.search(value):
        raise ValueError("must not contain control characters")
    return value


WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
Name = Annotated[StrictStr, StringConstraints(min_length=1, max_length=200)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore")


class WindowRequest(_Request):
    """Which pages of the chapter the window holds."""

    start_index: WholeNumber = Field(default=0, ge=0, le=1_000_000, description="Index of the first page within the chapter.")
    size: WholeNumber = Field(default=20, ge=1, description="Number of pages; at most MAX_WINDOW_SIZE.")


class AnnouncedUpload(_Request):
    """What a client will PUT for a page; with UPLOAD_MODE=presigned its URL allows this and nothing else."""

    content_type: Literal["image/png", "image/jpeg", "image/webp"] = "image/png"
    size: WholeNumber | None = Field(default=None, ge=1, description="Bytes; absent: up to max_bytes.")


class StartRequest(_Request):
    """Body of session/start and session/next. Unknown keys are ignored."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "example": {
                "chapter_id": "mangasource:chapter-12",
                "voice_pack": {"Narrator": "sovits:narrator-v1", "MC": "sovits:mc-v1"},
                "window": {"start_index": 0, "size": 20},
                "client": {"device": "ios", "app_version": "1.0"},
                "options": {"direction": "rtl"},
            }
        },
    )

    chapter_id: Annotated[StrictStr, StringConstraints(min_length=1, max_length=500)] = Field(
        description="Source and chapter, opaque to the service; what stands before the last ':' or '/' names the series."
    )
    series_id: Name | None = Field(default=None, description="Names the series when chapter_id does not.")
    voice_pack: dict[Name, Name | Annotated[list[Name], Field(min_length=1, max_length=MAX_VOICES_IN_PACK)]] = Field(
        default_factory=dict,
        max_length=MAX_VOICES_IN_PACK,
        description="Role or character name -> voice id, or a list for Others.",
    )
    window: WindowRequest = Field(default_factory=WindowRequest)
    options: NarrationOptions = Field(default_factory=NarrationOptions)
    direction: Direction | None = Field(default=None, description="Short for options.direction.")
    uploads: list[AnnouncedUpload] | None = Field(
        default=None, max_length=200, description="What will be uploaded, in page order, where the client knows it."
    )
    client: dict[str, Any] | None = Field(default=None, description="Not used.")

    @field_validator("chapter_id", "series_id")
    @classmethod
    def _text(cls, value: str | None) -> str | None:
        return None if value is None else _valid_text(value)

    @field_validator("voice_pack")
    @classmethod
    def _names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, voices in value.items():
            _valid_text(name)
            for voice in voices if isinstance(voices, list) else [voices]:
                _valid_text(voice)
        return value

    def narration_options(self) -> NarrationOptions:
        return self.options if self.direction is None else self.options.model_copy(update={"direction": self.direction})


class UploadSlot(BaseModel):
    """Where one page is to be PUT."""

    index: int = Field(description="Within the window, from 0.")
    put_url: str
    content_type: str = "image/png"
    # A tuple: of a list every slot would get a deep copy.
    content_types: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp")
    max_bytes: int


class UploadPlan(BaseModel):
    mode: Literal["direct", "presigned"] = Field(
        description="presigned: the URLs lead into the bucket; PUT with exactly the slot's content_type."
    )
    pages: list[UploadSlot]
    expires_in: int | None = Field(default=None, description="Seconds the URLs are good for; absent: as long as the window.")


class AdPlan(BaseModel):
    """What the reader shows while the first page is prepared. Never null inside (C3)."""

    kind: str = "placeholder"
    duration_hint: int = 3


class StartReply(BaseModel):
    """Reply of session/start and session/next."""

    job_id: str
    upload: UploadPlan
    status_sse: str
    audio_url_template: str = Field(description="Replace {index}; answers 404 until that page is ready.")
    snapshot_url: str
    adPlan: AdPlan = Field(default_factory=AdPlan)  # noqa: N815 - the client's spelling


class WindowReply(BaseModel):
    start_index: int
    size: int


class PageReply(BaseModel):
    """One page in a snapshot; absent keys have no value yet."""

    index: int
    state: PageState
    revision: int = Field(description="Counts contents, retries and corrections of this page; 0: nothing was uploaded.")
    uploaded: bool
    reason: str | None = Field(default=None, description="Stable code, with state error.")
    audio: str | None = None
    duration: float | None = Field(default=None, description="Seconds.")
    cues: str | None = None
    captions: str | None = None
    failed_lines: list[int] | None = Field(default=None, description="Lines that could not be spoken.")


class ProgressReply(BaseModel):
    done: int = Field(description="Pages that have ended: ready or error.")
    total: int


class SnapshotReply(BaseModel):
    """The window as it stands; the same as folding all events up to `cursor`."""

    job_id: str
    chapter_id: str
    window: WindowReply
    cursor: str = Field(description="Id of the event it stands at; give it as Last-Event-ID to go on from here.")
    done: bool
    pages: list[PageReply]
    progress: ProgressReply


class UploadReply(BaseModel):
    """Reply of a page's PUT."""

    index: int
    state: PageState
    revision: int
    sha256: str


class FocusRequest(_Request):
    """Body of focus."""

    model_config = ConfigDict(json_schema_extra={"example": {"index": 7}})

    index: WholeNumber = Field(ge=0)


class PageActionReply(BaseModel):
    index: int
    state: PageState
    revision: int


class Problem(BaseModel):
    """An error, as application/problem+json (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "There is no such job; it may have expired or been deleted",
                "status": 404,
                "detail": "There is no such job; it may have expired or been deleted",
                "code": "job_not_found",
                "instance": "/v1/narration/jobs/job_x/snapshot",
            }
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    instance: str
    errors: list[dict[str, str]] | None = Field(
        default=None, description="JSON pointers into the request and what is wrong there."
    )
