"""`modal run backend/modal_app.py`: a chapter from this machine's disk, read and spoken on Modal's GPUs, written here.

Needs no Redis and no bucket: the pipeline runs here, and the sound comes back.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from backend.books.chapter import open_chapter
from backend.cli.chapter import narrate_chapter
from backend.cloud.adapters import RemoteReader, RemoteSynthesizer
from backend.cloud.sizing import load_sizes
from backend.engines import Engines
from backend.errors import ConfigurationError, TanoshiError
from backend.jobs.state import JobState, NarrationOptions, PageState
from backend.settings import Settings

SAMPLE: Final = Path(__file__).parents[2] / "samples" / "ja"
"""Of a checkout; the installed package has no pages."""


def narrate_sample(chapter: str, out: str, *, pages: int, reader: Any, speaker: Any) -> None:
    """Narrates the chapter into `out` and prints one line a page, then what was written. Exits 1 if a page has no sound.

    Args:
        chapter: a folder or a file; empty: the sample chapter. reader, speaker: instances of the GPU classes.
    """
    stays_s = load_sizes().scaledown_s
    began = time.monotonic()
    seen: dict[int, PageState] = {}

    def tell(state: JobState) -> None:
        for page in state.pages:
            if page.state.ended and seen.get(page.index) is not page.state:
                seen[page.index] = page.state
                outcome = f"{page.duration:.1f} s of sound" if page.state is PageState.READY else f"no sound: {page.reason}"
                _say(f"{time.monotonic() - began:6.1f} s  page {page.index + 1} of {len(state.pages)}: {outcome}")

    async def narrate() -> bool:
        engines = Engines(
            RemoteReader(reader, "MagiReader", stays_s=stays_s), RemoteSynthesizer(speaker, "SovitsSpeaker", stays_s=stays_s)
        )
        with open_chapter(_named(chapter)) as book, tempfile.TemporaryDirectory(prefix="tanoshi-") as folder:
            _say("Waking MagiReader and SovitsSpeaker ...")
            part = replace(book, pages=book.pages[:pages]) if pages else book
            done = await narrate_chapter(
                part,
                Path(out),
                settings=Settings(_env_file=None, data_dir=Path(folder), bucket_name=None, bucket_url=None),
                options=NarrationOptions(),
                voice_pack={},
                on_change=tell,
                make=lambda _: engines,
            )
        took_s = time.monotonic() - began
        _say(f"{done.duration_s:.1f} s of sound in {took_s:.1f} s: {done.book or 'nothing to listen to'}")
        return not done.errors

    try:
        complete = asyncio.run(narrate())
    except TanoshiError as error:
        raise SystemExit(f"{error.detail}") from error
    if not complete:
        raise SystemExit(1)


def _named(chapter: str) -> Path:
    if chapter:
        return Path(chapter)
    if not SAMPLE.is_dir():
        raise ConfigurationError("The sample chapter is in the repository only: name a chapter of yours with --chapter.")
    return SAMPLE


def _say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201 - this is the command's output
