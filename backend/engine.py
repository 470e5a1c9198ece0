"""What every engine has, whichever side it stands on: a name, a fingerprint, a life.

The two engine protocols (`backend/readers/base.py`, `backend/synthesizers/base.py`) extend this one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class EngineState(StrEnum):
    """Where an engine is in its life; shown in /healthz."""

    IDLE = "idle"
    LOADING = "loading"
    WARMING = "warming"
    READY = "ready"
    FAILED = "failed"


class Engine(Protocol):
    """The life every engine shares."""

    @property
    def name(self) -> str:
        """Short and stable: what READER or SYNTHESIZER calls it ("embedded", "magi", ...)."""
        ...

    @property
    def fingerprint(self) -> str:
        """[A-Za-z0-9._-]+; changes whenever the same input may give another result (model, revision, thresholds).

        It is known before `load`, because cached results are found by it.
        """
        ...

    @property
    def state(self) -> EngineState: ...

    async def load(self) -> None:
        """Makes the engine ready. Safe to call twice and at once; the second caller waits for the first.

        Raises:
            ConfigurationError: what it needs is not installed or not where the settings say.
        """
        ...

    async def aclose(self) -> None:
        """Frees threads, memory and connections. The engine is not used afterwards."""
        ...
