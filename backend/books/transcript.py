"""transcript.json: everything a narrated chapter says, page by page, for search, for study and for checking the narration."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from backend.books.members import Skipped
from backend.narration.cues import Cue
from backend.readers.base import Direction


class TranscriptPage(BaseModel):
    """One page. A page that failed has an `error` and no lines; a page on which nothing is said has neither."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int
    """Position in the chapter, from 0."""
    name: str
    """Of the image in the book."""
    width: int | None = None
    height: int | None = None
    """Pixels; None for an image that could not be decoded."""
    start: float | None = None
    """Seconds from the beginning of the whole chapter's sound (the .m4b); None without sound."""
    duration: float | None = None
    """Seconds of sound."""
    audio: str | None = None
    """Path of the page's playlist, relative to the transcript."""
    error: str | None = None
    """Why the page has no sound."""
    lines: tuple[Cue, ...] = ()
    """In the order they are heard; their times count from the beginning of the page's sound."""


class Transcript(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    direction: Direction
    """The order the pages were read in."""
    pages: tuple[TranscriptPage, ...]
    skipped: tuple[Skipped, ...] = ()
    """Files of the book that were not narrated, with the reason."""


def write_transcript(path: Path, transcript: Transcript) -> None:
    """Writes UTF-8 JSON for people as well as programs; the file appears under its name only when it is whole."""
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(transcript.model_dump_json(indent=2) + "\n", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
