"""The reader client over a network it cannot trust: it subscribes, is cut off, resumes, and checks that nothing is lost or comes twice."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.support.audio import Samples, decode_hls, segment_names
from tests.support.server import Frame, frames

SAMPLES = Path(__file__).parents[2] / "samples"


@cache
def _bubbles(language: str) -> tuple[bytes, ...]:
    """Every bubble of the samples as a page of its own: quick to read, and not silent.

    Square, because the reader enlarges a small page until its shorter side has a certain length.
    """
    found = []
    for truth in sorted((SAMPLES / language).glob("page-*.json")):
        page = json.loads(truth.read_text(encoding="utf-8"))
        with Image.open(truth.with_suffix(".png")) as image:
            for block in page["blocks"]:
                x, y, width, height = block["box"]
                if block["kind"] in ("speech", "narration"):
                    out = io.BytesIO()
                    side = max(width, height) + 80
                    paper = Image.new("RGB", (side, side), "white")
                    paper.paste(image.convert("RGB").crop((x - 20, y - 20, x + width + 20, y + height + 20)), (20, 20))
                    paper.save(out, "PNG")
                    found.append(out.getvalue())
    return tuple(found)


def small_pages(count: int, *, edition: str, language: str = "en") -> list[bytes]:
    """Pages of one bubble each. Another `edition` has the same pixels in other bytes, so that no cache knows it."""
    return [_marked(page, edition) for page in _bubbles(language)[:count]]


def _marked(png: bytes, mark: str) -> bytes:
    """The image with a comment in it (PNG 3rd edition, 11.3.3)."""
    content = b"tEXtComment\0" + mark.encode("latin-1")
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    after_header = 8 + 25
    return png[:after_header] + chunk + png[after_header:]


@dataclass
class Log:
    """The events one subscriber saw, from the first on, over however many connections."""

    frames: list[Frame] = field(default_factory=list)
    connections: int = 0

    def named(self, name: str) -> list[dict[str, Any]]:
        return [frame.data for frame in self.frames if frame.name == name]

    def ids(self) -> list[int]:
        return [int(frame.id) for frame in self.frames if frame.id is not None]

    def check_complete(self, pages: int) -> None:
        """Every event once and in order; every page ready once; one end."""
        assert self.ids() == list(range(1, len(self.frames) + 1))
        assert sorted(page["index"] for page in self.named("page_ready")) == list(range(pages))
        assert [done["ok"] for done in self.named("job_done")] == [True]
        assert self.named("progress")[-1] == {"done": pages, "total": pages}


async def begin(http: httpx.AsyncClient, pages: Sequence[bytes], **more: Any) -> dict[str, Any]:
    """Starts a window of its own and uploads its pages."""
    chapter = f"test:{time.monotonic_ns()}"
    body = {"chapter_id": chapter, "window": {"start_index": 0, "size": len(pages)}, "direction": "ltr", **more}
    reply = await http.post("/v1/narration/session/start", json=body)
    assert reply.status_code == 200, reply.text
    plan: dict[str, Any] = reply.json()
    await upload(http, plan, pages)
    return plan


async def upload(http: httpx.AsyncClient, plan: Mapping[str, Any], pages: Sequence[bytes]) -> None:
    for slot, data in zip(plan["upload"]["pages"], pages, strict=True):
        reply = await http.put(slot["put_url"], content=data, headers={"Content-Type": "image/png"})
        assert reply.status_code == 200, reply.text


async def follow(http: httpx.AsyncClient, plan: Mapping[str, Any], *, timeout_s: float = 90.0) -> Log:
    """The whole log up to job_done; whenever the connection ends, it goes on behind the last id it saw."""
    log = Log()
    async with asyncio.timeout(timeout_s):
        while not log.named("job_done"):
            log.connections += 1
            last = log.frames[-1].id if log.frames else "0"
            try:
                async for frame in frames(http, plan["status_sse"], last_event_id=last):
                    log.frames.append(frame)
                    if frame.name == "job_done":
                        break
            except (httpx.TransportError, AssertionError):
                await asyncio.sleep(0.2)
    return log


async def sound(http: httpx.AsyncClient, audio: str) -> tuple[Samples, int]:
    """What a player makes of a page's playlist: samples and their rate."""
    playlist = await http.get(audio)
    assert playlist.headers["content-type"] == "application/vnd.apple.mpegurl"
    files = {}
    for name in segment_names(playlist.text):
        segment = await http.get(audio.rpartition("/")[0] + f"/{name}")
        assert segment.headers["content-type"] == "video/mp2t"
        files[name] = segment.content
    return decode_hls(playlist.text, files)
