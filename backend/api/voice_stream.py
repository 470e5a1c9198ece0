"""A voice's events as server-sent events: what has happened to it, then what happens. Rare and short-lived beside those of jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

from backend.api.stream import StreamLimits
from backend.jobs.events import encode_frame
from backend.voices.manifest import VoiceEvent, VoiceStatus

_ENDED: Final = (VoiceStatus.READY, VoiceStatus.FAILED)


class VoiceScript:
    """Says what `happened` yields, until it ends; and it ends some seconds after the voice is ready or has failed."""

    def __init__(self, happened: AsyncGenerator[VoiceEvent, None], voice_id: str, limits: StreamLimits) -> None:
        self.due = 0.0
        self._happened = happened
        self._voice_id = voice_id
        self._limits = limits
        self._oldest = 0.0
        self._unsaid: list[VoiceEvent] = []
        self._reading: asyncio.Task[None] | None = None

    async def open(self, wake: Callable[[], None]) -> bytes | None:
        self._oldest = self.due = asyncio.get_running_loop().time() + self._limits.max_age_s
        self._reading = asyncio.create_task(self._read(wake))
        self._reading.add_done_callback(lambda _: wake())
        return b""

    async def _read(self, wake: Callable[[], None]) -> None:
        async with aclosing(self._happened) as happened:
            async for event in happened:
                self._unsaid.append(event)
                wake()

    def take(self, now: float) -> bytes | None:
        assert self._reading is not None
        if self._unsaid:
            events, self._unsaid = self._unsaid, []
            ended = events[-1].status in _ENDED
            self.due = min(self._oldest, now + self._limits.linger_s) if ended else self._oldest
            return b"".join([encode_frame(str(event.seq), "voice_status", self._data(event)) for event in events])
        if self._reading.done():
            self._reading.result()  # a store that does not answer ends the stream as an error
            return None
        return None if now >= self.due else b""

    def _data(self, event: VoiceEvent) -> dict[str, Any]:
        more = {key: value for key in ("detail", "progress") if (value := getattr(event, key)) is not None}
        return {"voice_id": self._voice_id, "status": event.status, **more}

    async def aclose(self) -> None:
        if self._reading is None:
            await self._happened.aclose()
            return
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
