"""The connection to Redis: one pool, one place that waits out an outage, one place that turns its errors into ours.

redis-py's own retries are off. They send a command again that may have been done already, which is right only for commands that are
safe to repeat; `RedisLink.call` does the repeating, for callers who promise exactly that.

redis-py's own time-out is off, too: it sends through `asyncio.wait_for`, which on Python 3.11 can swallow a cancellation, and a task
that was cancelled would go on for ever. `asyncio.timeout` around the whole attempt does not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,  # noqa: A004 - redis-py's name; not a child of the built-in one
    NoPermissionError,
    ReadOnlyError,
    RedisError,
    TimeoutError,  # noqa: A004 - as above
)

from backend.errors import ConfigurationError, Unavailable

logger = logging.getLogger(__name__)

PASSING: Final = (ConnectionError, TimeoutError, ReadOnlyError, OSError)
"""Errors of an outage, a restart or a failover: they pass, so a command is tried again."""
_REFUSED: Final = (AuthenticationError, AuthorizationError, NoPermissionError)
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0


class RedisLink:
    """A Redis server that may be away for a while.

    Args:
        url: redis://, rediss:// or unix://.
        timeout_s: how long one attempt waits for an answer.
        patience_s: how long a call goes on trying; longer than a restart takes, shorter than a client waits for its first byte.
        connections: most connections of this process; further calls wait for a free one.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0, patience_s: float = 20.0, connections: int = 32) -> None:
        try:
            self._pool = BlockingConnectionPool.from_url(
                url,
                max_connections=connections,
                timeout=None,
                socket_timeout=None,
                socket_connect_timeout=timeout_s,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
        except ValueError as error:
            raise ConfigurationError("REDIS_URL must begin with redis://, rediss:// or unix://.") from error
        self.client: Redis = Redis(connection_pool=self._pool)
        self.timeout_s = timeout_s
        self._patience_s = patience_s
        self.address = _without_secrets(url)

    async def call(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """What `command` returns. It is called again while Redis is away, so doing it twice must be as good as once.

        The result is untyped because redis-py's types do not know that nothing is decoded here: texts are bytes.

        Raises:
            Unavailable: Redis was away for longer than the link's patience, or refuses us.
        """
        deadline = time.monotonic() + self._patience_s
        pause = _FIRST_PAUSE_S
        while True:
            try:
                async with asyncio.timeout(self.timeout_s):
                    return await command()
            except _REFUSED as error:
                raise Unavailable("The job store refuses our credentials.") from error
            except PASSING as error:
                if time.monotonic() + pause > deadline:
                    raise Unavailable("The job store does not answer.") from error
                logger.debug("Redis at %s is away (%r); trying again.", self.address, error)
            except RedisError as error:
                logger.error("Redis at %s failed: %s", self.address, error)
                raise Unavailable("The job store cannot do its work.") from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def check(self) -> str:
        """Asks the server once, without patience; returns its name and version, for /healthz and `tanoshi doctor`.

        Raises:
            Unavailable: with the reason.
        """
        try:
            async with asyncio.timeout(self.timeout_s):
                info: dict[str, Any] = await self.client.info("server")
        except _REFUSED as error:
            raise Unavailable(f"Redis at {self.address} refuses the credentials in REDIS_URL.") from error
        except (RedisError, OSError) as error:
            raise Unavailable(f"Redis at {self.address} does not answer: {error or 'it took too long'}.") from error
        name = info.get("server_name", "redis")
        return f"{name} {info.get(f'{name}_version', info.get('redis_version', ''))}"

    async def aclose(self) -> None:
        await self.client.aclose()
        await self._pool.aclose()


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
