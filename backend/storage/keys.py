"""The names of all objects, in one place (see the layout in `objects.py`)."""

from __future__ import annotations

import re
from typing import Final

IMMUTABLE: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "no-cache"
_VERSIONED_AUDIO: Final = re.compile(r"narration/[^/]+/audio/page-\d+/[0-9a-f]{16}/[^/]+")
_UPLOAD_NAME: Final = re.compile(r"[0-9]{3,6}", re.ASCII)


JOBS_PREFIX: Final = "narration"
"""Everything of all windows."""


def job_prefix(job_id: str) -> str:
    return f"{JOBS_PREFIX}/{job_id}"


def job_of(key: str) -> str:
    """The job an object below JOBS_PREFIX belongs to."""
    return key.split("/")[1]


def page(job_id: str, sha256: str) -> str:
    """A page of the window, by the SHA-256 of its bytes (`uploads.py`)."""
    return f"narration/{job_id}/uploads/{sha256}"


def upload(job_id: str, index: int) -> str:
    """Where a presigned URL brings a page."""
    return f"narration/{job_id}/pages/{index:03d}"


def audio(job_id: str, path: str) -> str:
    """`path` is relative to the job's audio, "page-0/index.m3u8" for example."""
    return f"narration/{job_id}/audio/{path}"


def reading(fingerprint: str, sha256: str) -> str:
    return f"cache/readings/{fingerprint}/{sha256}.json"


def is_reading(key: str) -> bool:
    return key.startswith("cache/readings/")


def utterance(fingerprint: str, sha256: str) -> str:
    return f"cache/utterances/{fingerprint}/{sha256}.flac"


def voice_of_clip(clip_key: str) -> tuple[str, str] | None:
    """Owner and slug of the registered voice a reference clip belongs to; None for a key that is none of ours."""
    match clip_key.split("/"):
        case ["voices", owner, slug, "clips", _]:
            return owner, slug
    return None


def speech_of_voice(owner: str, slug: str) -> str:
    """All cached lines of a registered voice, so that they go with it. Beside those of built-in voices, which are nobody's."""
    return f"cache/utterances/voices/{owner}/{slug}"


def utterance_of_voice(owner: str, slug: str, fingerprint: str, sha256: str) -> str:
    return f"{speech_of_voice(owner, slug)}/{fingerprint}/{sha256}.flac"


def voice_of_speech(key: str) -> tuple[str, str] | None:
    """Owner and slug of the registered voice a cached line was spoken with; None for a built-in one."""
    match key.split("/"):
        case ["cache", "utterances", "voices", owner, slug, _, _]:
            return owner, slug
    return None


def traces_prefix(page_sha256: str) -> str:
    """Notes on what was cached because of a page, by the SHA-256 of its bytes."""
    return f"cache/pages/{page_sha256}"


def trace(page_sha256: str, digest: str) -> str:
    return f"cache/pages/{page_sha256}/{digest}.json"


def audio_prefix(job_id: str, index: int) -> str:
    """All sound of a page."""
    return f"narration/{job_id}/audio/page-{index}"


SERIES_PREFIX: Final = "series"
"""The memory of all series."""


def series(key: str, version: int) -> str:
    """One version of the memory of a series; the highest number is the present one."""
    return f"{key}/{version:010d}.json"


def voice_prefix(owner: str, slug: str | None = None) -> str:
    """Everything of an owner's voice, or of all of them."""
    return f"voices/{owner}/{slug}" if slug else f"voices/{owner}"


def voice(owner: str, slug: str, path: str) -> str:
    """`path` is relative to the voice: "manifest.json", "clips/...", "preview/ja.flac"."""
    return f"voices/{owner}/{slug}/{path}"


def uploads_prefix(job_id: str) -> str:
    return f"narration/{job_id}/pages"


def upload_index(key: str) -> int | None:
    """The page an upload belongs to, or None for a key that is none of ours."""
    name = key.rsplit("/", 1)[-1]
    return int(name) if _UPLOAD_NAME.fullmatch(name) else None


def cache_control(key: str) -> str:
    """How long what is served from the store itself may be kept: below a version for ever, other audio only after asking again."""
    return IMMUTABLE if _VERSIONED_AUDIO.fullmatch(key) else REVALIDATE


def face(name: str) -> str:
    """The picture of a character, by its portrait's name."""
    return f"faces/{name}.webp"


def faces_of_page(sha256: str) -> str:
    """Markers of the pictures that were cut out of a page, so that they can be forgotten with it."""
    return f"faces-of-pages/{sha256}"


def face_of_page(sha256: str, name: str) -> str:
    return f"{faces_of_page(sha256)}/{name}"
