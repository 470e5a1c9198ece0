"""Few-shot checkpoints as a container that is already awake sees them: a volume shows what was committed before it was mounted.

So where a voice names a checkpoint that is not there, the volume is shown anew, and only then is the checkpoint missing. The trap: Modal
refuses that while the container has a file of the volume open, and engines map their weights. A container that is refused has to end: the
next one mounts the volume as it is by then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from modal import exception

from backend.errors import Unavailable
from backend.synthesizers.base import Voice

logger = logging.getLogger(__name__)

AGAIN_AFTER_S: Final = 30.0
"""A checkpoint that is really gone is looked for no more often than that."""
_ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.3
"""Between attempts: a file that is being loaded is closed soon."""


class TrainedVoices:
    """The folder of checkpoints on the volume.

    Args:
        folder: where trained checkpoints lie; None: there are none, and nothing is looked for.
        reload: shows the volume as it was last committed; raises RuntimeError while files of it are open.
        clock: seconds, monotonic.
    """

    def __init__(
        self, folder: Path | None, reload: Callable[[], Awaitable[object]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._reload = reload
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._looked: dict[str, float] = {}
        """Checkpoints that were not there after a reload, and when that was."""

    async def see(self, voices: Iterable[Voice]) -> None:
        """Makes the voices' checkpoints visible if they are on the volume at all. Cheap where they are, or were looked for just now.

        Raises:
            Unavailable: the volume cannot be shown anew in this container; another one sees it as it is.
        """
        wanted = {voice.checkpoint for voice in voices if voice.checkpoint is not None}
        if not self._missing(wanted):
            return
        async with self._one_at_a_time:
            missing = self._missing(wanted)  # another call may have shown them meanwhile
            if not missing:
                return
            await self._show()
            logger.info("The volume was shown anew for the checkpoints %s.", ", ".join(sorted(missing)))
            gone = self._missing(missing)
            self._looked |= dict.fromkeys(gone, self._clock())

    def _missing(self, wanted: set[str]) -> set[str]:
        if self._folder is None:
            return set()
        now = self._clock()
        self._looked = {name: at for name, at in self._looked.items() if now - at < AGAIN_AFTER_S}
        return {name for name in wanted if name not in self._looked and not (self._folder / name).is_dir()}

    async def _show(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._reload()
            except (RuntimeError, exception.Error) as error:
                logger.warning("The volume could not be shown anew (attempt %d): %s", attempt, error)
                if attempt == _ATTEMPTS:
                    raise Unavailable("This worker cannot see the voice's checkpoint yet.") from error
                await asyncio.sleep(_PAUSE_S)
            else:
                return
