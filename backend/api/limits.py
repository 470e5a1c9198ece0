"""Rate limits of start and next, per client, in a moving window; counting is done by the `limits` library."""

from __future__ import annotations

import time
from typing import Literal

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter

from backend.errors import TooManyRequests
from backend.settings import Settings

Call = Literal["start", "next"]


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
        if item is None or await self._limiter.hit(item, client):
            return
        stats = await self._limiter.get_window_stats(item, client)
        wait_s = max(1, round(stats.reset_time - time.time() + 0.5))
        raise TooManyRequests(
            f"At most {item.amount} calls of session/{call} in {item.get_expiry()} seconds.",
            retry_after_s=wait_s,
            limit=item.amount,
        )
