"""Threads that check uploads. Apart from the narration's workers: a PUT is answered while a window is being voiced.

Callers take turns: an image of sixty megapixels takes a third of a second to decode and some kilobytes to send, and whoever sends a
hundred of them must not keep the others waiting for all of these.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from backend.imaging import PageInfo, check_page

THREADS: Final = 2


class CheckPool:
    """Checks uploaded bytes off the event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="check")
        self._free = THREADS
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """By caller, whose turn it is next first."""

    async def check(self, data: bytes, caller: str) -> tuple[PageInfo, str]:
        """What the page is, and the SHA-256 of its bytes in hex. Raises BadImage or one of its kinds."""
        await self._turn(caller)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, lambda: (check_page(data), hashlib.sha256(data).hexdigest())
            )
        finally:
            self._pass_on()

    async def _turn(self, caller: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came at the same moment
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            caller = next(iter(self._waiting))
            queue = self._waiting.pop(caller)
            turn = queue.popleft()
            if queue:
                self._waiting[caller] = queue  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
