"""One call of a remote method: cancelled when its caller is, and failing with this program's errors.

The remote side answers with an error of ours where trying again cannot help, and raises where it may: Modal retries whatever is raised.
Nothing is retried here.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final, Protocol

from modal import FunctionCall, exception

from backend.errors import TanoshiError, Unavailable

logger = logging.getLogger(__name__)

_OUT_OF_REACH: Final = (exception.Error, ConnectionError, TimeoutError)
"""What Modal's client raises for itself: the app is not deployed, a time-out, a container that does not start, a network."""


_LOOK_S: Final = 10.0
"""How long what became of a call is asked for."""


class RemoteMethod(Protocol):
    """A Modal function, or a method of a Modal class."""

    @property
    def spawn(self) -> Any: ...


async def call(method: RemoteMethod, *arguments: Any) -> Any:
    """The method's answer.

    Raises:
        TanoshiError: the error the remote side answered with.
        Unavailable: it could not be reached, or has failed as often as it may.
    """
    try:
        running = await method.spawn.aio(*arguments)
        try:
            answer = await running.get.aio()
        except asyncio.CancelledError:
            # Work nobody waits for holds up the work of others, and is paid for.
            with suppress(*_OUT_OF_REACH):
                await asyncio.shield(running.cancel.aio())
            raise
    except TanoshiError:
        raise
    except _OUT_OF_REACH as error:
        logger.warning("A remote call failed: %s: %s", type(error).__name__, error)
        raise Unavailable("A GPU worker does not answer.") from error
    except Exception as error:
        # Whatever the remote side raised at its last try. As an error of ours it ends the pages: of another kind the pipeline would
        # read a batch's pages once more, one by one, and Modal try each of them as often again.
        logger.exception("A remote call failed as often as it may")
        raise Unavailable("A GPU worker failed.") from error
    if isinstance(answer, TanoshiError):
        raise answer
    return answer


async def outcome(call_id: str) -> str:
    """What became of a spawned call, for the operator's log: whichever process spawned it, and without waiting for it."""
    if not call_id:
        return "it could not be spawned"
    try:
        async with asyncio.timeout(_LOOK_S):
            await FunctionCall.from_id(call_id).get.aio(timeout=0)
    except TimeoutError:
        return "it was not started in time, or was interrupted"
    except Exception as error:  # noqa: BLE001 - whatever the remote side raised is the answer
        return f"{type(error).__name__}: {error}"
    return "it returned, and the work was not done"
