"""What happens to a window, as events. The log is a list of these; the state is their fold (`state.py`).

Names and data go to clients as they are, so every field is part of the wire contract (WARP.md) and holds nothing secret.

    page_uploaded  {index, revision, sha256, media_type, bytes}
    page_status    {index, revision, state, reason?, audio?, duration?}
    page_ready     {index, revision, audio, duration, cues, captions, failed_lines}
    page_removed   {index, revision}
    focus          {index}
    progress       {done, total}
    job_done       {ok, run, errors: [{index, reason}]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any


class EventName(StrEnum):
    PAGE_UPLOADED = "page_uploaded"
    PAGE_STATUS = "page_status"
    PAGE_READY = "page_ready"
    PAGE_REMOVED = "page_removed"
    FOCUS = "focus"
    PROGRESS = "progress"
    JOB_DONE = "job_done"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, not yet in a log."""

    name: EventName
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """An event with its place in the log."""

    seq: int
    """1, 2, 3, ... within the job, without gaps; the SSE id."""
    at: float
    """Unix time in seconds."""
    event: Event

    @cached_property
    def frame(self) -> bytes:
        """The SSE frame, encoded once for all viewers."""
        return encode_frame(str(self.seq), self.event.name, self.event.data)

    def to_json(self) -> str:
        return json.dumps({"at": self.at, "name": self.event.name, "data": self.event.data}, separators=(",", ":"))

    @classmethod
    def from_json(cls, seq: int, text: str | bytes) -> Entry:
        found = json.loads(text)
        return cls(seq, found["at"], Event(EventName(found["name"]), found["data"]))


def encode_frame(event_id: str | None, name: str, data: Mapping[str, Any]) -> bytes:
    """One server-sent event. ASCII JSON on one line: some clients split lines at U+2028 and the like (contract C12)."""
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, separators=(',', ':'), allow_nan=False)}\n\n".encode("ascii")
