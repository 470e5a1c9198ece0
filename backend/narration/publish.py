"""From spoken lines to objects a player can fetch: mix, HLS, cues, captions, and the URLs that name them.

page-0/index.m3u8               the page's present sound, at the address the start reply promised; may change
page-0/{version}/index.m3u8     the same sound under its content's hash; never changes, so clients may keep it for ever
page-0/{version}/segment-000.ts, cues.json, captions.vtt
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from backend.jobs.state import JobDefinition
from backend.narration.captions import captions_vtt
from backend.narration.cues import PageCues
from backend.narration.hls import PLAYLIST_NAME, encode_hls
from backend.narration.mix import mix
from backend.narration.script import ScriptLine
from backend.storage import keys
from backend.storage.objects import Objects
from backend.synthesizers.base import Speech

VERSION_LENGTH = 16
"""Hex digits of the content hash in a page's audio URL."""


@dataclass(frozen=True, slots=True)
class PublishedPage:
    """Where a page's sound is (absolute URLs) and how long it lasts."""

    audio: str
    cues: str
    captions: str
    duration_s: float


class InWorker(Protocol):
    """Runs CPU work off the event loop."""

    def __call__(self, work: Callable[[], Any], /) -> Awaitable[Any]: ...


async def publish_page(
    objects: Objects,
    definition: JobDefinition,
    index: int,
    page_size: tuple[int, int],
    spoken: Sequence[tuple[ScriptLine, Speech]],
    *,
    sample_rate: int,
    in_worker: InWorker,
) -> PublishedPage:
    """Mixes, encodes and stores a page's sound; the playlists come last, so that whoever can read one can read the rest.

    Raises:
        SpeechFailed: a line has no sound.
        Unavailable: the store takes no writes.
    """
    version, files, duration_s = await in_worker(lambda: render_page(page_size, spoken, sample_rate=sample_rate))
    folder = f"page-{index}"
    segments = {name: data for name, data in files.items() if name != PLAYLIST_NAME}

    async def put(path: str, data: bytes) -> None:
        await objects.put(keys.audio(definition.job_id, f"{folder}/{path}"), data)

    await asyncio.gather(*(put(f"{version}/{name}", data) for name, data in segments.items()))
    await put(f"{version}/{PLAYLIST_NAME}", files[PLAYLIST_NAME])
    await put(PLAYLIST_NAME, _in_folder(files[PLAYLIST_NAME], version))
    base = f"{definition.audio_base}/{folder}/{version}"
    return PublishedPage(f"{base}/{PLAYLIST_NAME}", f"{base}/cues.json", f"{base}/captions.vtt", duration_s)


def render_page(
    page_size: tuple[int, int], spoken: Sequence[tuple[ScriptLine, Speech]], *, sample_rate: int
) -> tuple[str, dict[str, bytes], float]:
    """The page's files by name, the version their content gives them, and the duration in seconds. CPU work."""
    track = mix(spoken, page_size=page_size, sample_rate=sample_rate)
    audio = encode_hls(track.samples, sample_rate)
    duration_s = round(audio.duration_s, 3)
    cues = PageCues(width=page_size[0], height=page_size[1], duration=duration_s, cues=track.cues)
    files = {name: data for name, data, _ in audio.files()}
    files["cues.json"] = cues.model_dump_json().encode()
    files["captions.vtt"] = captions_vtt(track.cues).encode()
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return digest.hexdigest()[:VERSION_LENGTH], files, duration_s


def _in_folder(playlist: bytes, folder: str) -> bytes:
    """The playlist as it reads from one folder above its segments."""
    lines = playlist.decode("ascii").splitlines()
    return "".join(f"{line}\n" if line.startswith("#") else f"{folder}/{line}\n" for line in lines).encode("ascii")
