"""Fills the weights volume and says what it fetched, from where, and under which licence. The fetching is `tanoshi weights`' own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from backend.errors import ConfigurationError, TanoshiError
from backend.synthesizers.embedded import EmbeddedSynthesizer
from backend.voices.builtin import BUILTIN_VOICES
from backend.weights import magi, manga_ocr, sovits, whisper
from backend.weights.magi import Inspection

_EVERY_S: Final = 5.0


def download(which: Sequence[str], root: str, *, commit: Callable[[], object], magi_revision: str | None) -> None:
    """Downloads to `root`, going on where an earlier run stopped.

    Args:
        which: of magi, manga-ocr, sovits and whisper; none: all.
        root: where the volume is mounted, writable.
        commit: makes what is written visible to other containers; also called after a failure, so that the next run goes on.

    Raises:
        ConfigurationError: a source has not what we need, a checksum is wrong, or a name is none of these.
        Unavailable: a source does not answer.
    """
    folder = Path(root)
    how = {
        "magi": lambda: magi.fetch(folder / "magi", revision=magi_revision, say=_say, progress=_Progress()),
        "manga-ocr": lambda: manga_ocr.fetch(folder / "magi" / manga_ocr.DIRECTORY, say=_say, progress=_Progress()),
        "sovits": lambda: _sovits(folder / "sovits"),
        "whisper": lambda: whisper.fetch(folder / "whisper", say=_say, progress=_Progress()),
    }
    try:
        if unknown := [name for name in which if name not in how]:
            raise ConfigurationError(f"There are no weights called {', '.join(unknown)}: choose from {', '.join(how)}.")
        for name in which or how:
            found = how[name]()
            if not found.usable:
                raise ConfigurationError(found.sentence)
    except TanoshiError as error:
        # Modal prints all that led to an error, for as long as it takes; a person is to read one sentence.
        raise error.with_traceback(None) from None
    finally:
        commit()
    _say("The volume is filled. Set READER=magi and SYNTHESIZER=sovits in the secret and deploy again to use it.")


def _sovits(to: Path) -> Inspection:
    return sovits.fetch(to, voices=tuple(BUILTIN_VOICES), speaker=EmbeddedSynthesizer(), say=_say, progress=_Progress())


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
