"""A narrated chapter as one audio book: AAC in an .m4b file, with a chapter mark for every page.

Pages are encoded as they come and only counted, so that a chapter of hours needs the memory of one page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from backend.books.members import readable
from backend.narration.hls import AAC_RATES, BIT_RATE

_AUDIO_BOOK: Final = "2"
"""iTunes' "stik" value; players then remember the position."""


def write_m4b(
    path: Path, chapters: Iterable[tuple[str, NDArray[np.float32]]], sample_rate: int, metadata: Mapping[str, str] | None = None
) -> float:
    """Writes (title, mono float32 samples) pairs one after another and returns the duration in seconds.

    The file appears under its name only when it is whole. Chapter marks are written as a QuickTime text track, which has all
    of them, and as Nero's list, which ends at 255. Pure CPU work: call it in a worker thread.

    Args:
        metadata: tags by FFmpeg's names: title, artist, album, date, comment, ...

    Raises:
        ValueError: no chapters, samples that are not finite, or a rate AAC does not have.
    """
    if sample_rate not in AAC_RATES:
        raise ValueError(f"AAC has no sample rate of {sample_rate} Hz.")
    unfinished = path.with_name(path.name + ".part")
    try:
        with av.open(str(unfinished.absolute()), "w", format="ipod", options={"brand": "M4B ", "movflags": "+faststart"}) as book:
            tags = {"genre": "Audiobook", "media_type": _AUDIO_BOOK, **(metadata or {})}
            book.metadata.update({key: readable(value) for key, value in tags.items()})
            stream = book.add_stream("aac", rate=sample_rate, layout="mono", bit_rate=BIT_RATE)
            marks: list[Any] = []
            position = 0
            for title, samples in chapters:
                if samples.ndim != 1 or not len(samples) or not np.isfinite(samples).all():
                    raise ValueError("An audio book needs mono samples that are numbers.")
                sound = av.AudioFrame.from_ndarray(samples[np.newaxis].astype(np.float32), format="fltp", layout="mono")
                sound.sample_rate, sound.pts, sound.time_base = sample_rate, position, Fraction(1, sample_rate)
                book.mux(stream.encode(sound))
                end = position + len(samples)
                marks.append(_mark(len(marks), title, position, end, sample_rate))
                position = end
            if not marks:
                raise ValueError("An audio book needs at least one chapter.")
            book.mux(stream.encode(None))
            # The muxer writes the marks with the index at the end, so the last page need not be known at the beginning.
            book.set_chapters(marks)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return position / sample_rate


def _mark(number: int, title: str, start: int, end: int, sample_rate: int) -> dict[str, Any]:
    return {
        "id": number,
        "start": start,
        "end": end,
        "time_base": Fraction(1, sample_rate),
        "metadata": {"title": readable(title)},
    }
