"""Threads that check uploads. Apart from the narration's workers: a PUT is answered while a window is being voiced."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from backend.imaging import PageInfo, check_page

THREADS: Final = 2


class CheckPool:
    """Checks uploaded bytes off the event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="check")

    async def check(self, data: bytes) -> tuple[PageInfo, str]:
        """What the page is, and the SHA-256 of its bytes in hex. Raises BadImage or one of its kinds."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: (check_page(data), hashlib.sha256(data).hexdigest())
        )

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
