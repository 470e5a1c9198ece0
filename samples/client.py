"""A reader client in a hundred lines: start, PUT, events, snapshot, audio. What WARP.md describes, as a program one can read.

Plain HTTP with httpx; nothing here imports the service.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HeardPage:
    """A page as it came back. `files` holds the playlist first, then its segments, by their names in it."""

    record: Record
    """As in the snapshot: index, state, audio, duration, ..."""
    files: dict[str, bytes]
    cues: Record
    captions: str

    @property
    def sound(self) -> bytes:
        """The segments one after another: an MPEG transport stream that any player takes."""
        return b"".join(data for name, data in self.files.items() if name.endswith(".ts"))


def narrate(
    http: httpx.Client, pages: Sequence[Path], direction: str, on_event: Callable[[str, Record], None] = lambda name, data: None
) -> list[HeardPage]:
    """Narrates PNG `pages` as one window and fetches the sound of every page that is ready.

    Raises:
        httpx.HTTPStatusError: the service refused a call.
        RuntimeError: the event stream ended before the window did.
    """
    window = _json(
        http.post(
            "/v1/narration/session/start",
            json={
                "chapter_id": f"samples:{secrets.token_hex(8)}",
                "voice_pack": {"Narrator": "sovits:narrator-v1", "MC": "sovits:mc-v1"},
                "window": {"start_index": 0, "size": len(pages)},
                "client": {"device": "demo", "app_version": "1"},
                "direction": direction,
            },
        )
    )
    for slot, page in zip(window["upload"]["pages"], pages, strict=True):
        http.put(slot["put_url"], content=page.read_bytes(), headers={"Content-Type": "image/png"}).raise_for_status()
    # The service says something at least every 15 s; a stream that is silent for longer is broken.
    with http.stream("GET", window["status_sse"], timeout=httpx.Timeout(30.0)) as stream:
        stream.raise_for_status()
        for name, data in events(stream.iter_lines()):
            on_event(name, data)
            if name == "job_done":
                break
        else:
            raise RuntimeError("The event stream ended before the window was done.")
    snapshot = _json(http.get(f"/v1/narration/jobs/{window['job_id']}/snapshot"))
    return [_heard(http, page) for page in snapshot["pages"] if page["state"] == "ready"]


def events(lines: Iterator[str]) -> Iterator[tuple[str, Record]]:
    """(name, data) of every server-sent event in `lines`; comments are left out."""
    name, data = "message", ""
    for line in lines:
        field, _, value = line.partition(":")
        if field == "event":
            name = value.strip()
        elif field == "data":
            data += value.strip()
        elif not line:
            if data:
                yield name, json.loads(data)
            name, data = "message", ""


def _heard(http: httpx.Client, page: Record) -> HeardPage:
    playlist = http.get(page["audio"]).raise_for_status()
    files = {"index.m3u8": playlist.content}
    for name in playlist.text.splitlines():
        if name and not name.startswith("#"):
            files[name] = http.get(urljoin(page["audio"], name)).raise_for_status().content
    return HeardPage(page, files, _json(http.get(page["cues"])), http.get(page["captions"]).raise_for_status().text)


def _json(response: httpx.Response) -> Record:
    found: Record = response.raise_for_status().json()
    return found
