"""Rate limits of start and next, per client, in a moving window; counting is done by the `limits` library."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final, Literal

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from backend.errors import TooManyRequests
from backend.settings import Settings

logger = logging.getLogger(__name__)

Call = Literal["start", "next"]
PATIENCE_S: Final = 2.0
"""A counter that does not answer for so long limits nobody: the job store behind it is what a start has to wait for."""


class StartLimits:
    """RATE_LIMIT_START_MAX and RATE_LIMIT_NEXT_MAX calls in RATE_LIMIT_WINDOW_SECONDS; each call counts against its own limit only."""

    def __init__(self, settings: Settings, storage: Storage | None = None) -> None:
        self._limiter = MovingWindowRateLimiter(storage or MemoryStorage())
        window_s = settings.rate_limit_window_seconds
        maxima: dict[Call, int] = {"start": settings.rate_limit_start_max, "next": settings.rate_limit_next_max}
        self._items = {
            call: RateLimitItemPerSecond(most, window_s, namespace=f"narration-{call}") if most else None
            for call, most in maxima.items()
        }

    async def spend(self, call: Call, client: str) -> None:
        """Counts one call.

        Raises:
            TooManyRequests: with the seconds after which the next call is taken.
        """
        item = self._items[call]
        if item is None:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                if await self._limiter.hit(item, client):
                    return
                stats = await self._limiter.get_window_stats(item, client)
        except (StorageError, TimeoutError):
            logger.warning("Calls of session/%s cannot be counted now; this one is let through.", call)
            return
        wait_s = max(1, round(stats.reset_time - time.time() + 0.5))
        raise TooManyRequests(
            f"At most {item.amount} calls of session/{call} in {item.get_expiry()} seconds.",
            retry_after_s=wait_s,
            limit=item.amount,
        )
