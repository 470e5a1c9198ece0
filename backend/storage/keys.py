"""The names of all objects, in one place (see the layout in `objects.py`)."""

from __future__ import annotations


def job_prefix(job_id: str) -> str:
    return f"narration/{job_id}"


def upload(job_id: str, index: int) -> str:
    return f"narration/{job_id}/pages/{index:03d}"


def audio(job_id: str, path: str) -> str:
    """`path` is relative to the job's audio, "page-0/index.m3u8" for example."""
    return f"narration/{job_id}/audio/{path}"


def reading(fingerprint: str, sha256: str) -> str:
    return f"cache/readings/{fingerprint}/{sha256}.json"


def utterance(fingerprint: str, sha256: str) -> str:
    return f"cache/utterances/{fingerprint}/{sha256}.flac"
