"""Fills the weights volume and says what it fetched, from where, and under which licence."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from backend.weights import magi

_EVERY_S: Final = 5.0


def download(root: str, *, commit: Callable[[], object], magi_revision: str | None) -> None:
    """Downloads to `root`, going on where an earlier run stopped.

    Args:
        root: where the volume is mounted, writable.
        commit: makes what is written visible to other containers; also called when the download fails, so that a next run goes on.

    Raises:
        ConfigurationError: the hub has not what we need, or a checksum is wrong.
        Unavailable: the hub does not answer.
    """
    try:
        magi.fetch(Path(root) / "magi", revision=magi_revision, say=_say, progress=_Progress())
    finally:
        commit()
    _say("The volume is filled. Set READER=magi in the secret and deploy again to use it.")


class _Progress:
    """A line for a file every few seconds, and one at its end."""

    def __init__(self) -> None:
        self._said_at = 0.0

    def __call__(self, name: str, done: int, total: int) -> None:
        if done == total or time.monotonic() - self._said_at > _EVERY_S:
            self._said_at = time.monotonic()
            _say(f"{name}: {done:,} of {total:,} bytes")


def _say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201 - this is the command's output
