"""Lines of speech become the sound of one page, with a cue for each line. Pure CPU work: call it in a worker thread.

Not an encoder (`hls.py`) and not a place for mercy: a line without sound fails the page. The one silence this makes is that
of a page on which nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import SpeechFailed
from backend.narration.cues import Cue, cue
from backend.narration.level import level, resampled
from backend.narration.script import ScriptLine
from backend.readers.base import Kind
from backend.synthesizers.base import Speech

LEAD_IN_S: Final = 0.15
"""Silence before the first line. Longer than one AAC frame: `hls.encode_hls` relies on it."""
LEAD_OUT_S: Final = 0.4
"""Silence after the last line: the page is turned."""
PAUSE_SAME_SPEAKER_S: Final = 0.3
PAUSE_OTHER_SPEAKER_S: Final = 0.45
PAUSE_NARRATION_S: Final = 0.65
"""Before and after a caption: time or place usually changes with it."""
EMPTY_PAGE_S: Final = 0.8
"""How long a page lasts on which nothing is said."""


@dataclass(frozen=True, slots=True)
class PageTrack:
    """The sound of one page: mono float32 in -0.95..0.95, shape [samples], and its cues in the order of speech."""

    samples: NDArray[np.float32]
    sample_rate: int
    cues: tuple[Cue, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate


def mix(lines: Sequence[tuple[ScriptLine, Speech]], *, page_size: tuple[int, int], sample_rate: int) -> PageTrack:
    """Puts the lines one after another, each at the same loudness, with pauses as a reader would make them.

    Args:
        lines: in the order they are heard.
        page_size: width and height of the page in pixels, for the cues' boxes.
        sample_rate: of the page, in Hz; a Speech with another rate is resampled.

    Raises:
        SpeechFailed: a line has no sound, or sound that is not speech; names the line.
    """
    if not lines:
        return PageTrack(_silence(EMPTY_PAGE_S, sample_rate), sample_rate, ())
    parts = [_silence(LEAD_IN_S, sample_rate)]
    position = len(parts[0])
    cues = []
    before: ScriptLine | None = None
    for line, speech in lines:
        if before is not None:
            parts.append(_silence(pause_s(before, line), sample_rate))
            position += len(parts[-1])
        parts.append(_sound(line, speech, sample_rate))
        end = position + len(parts[-1])
        cues.append(cue(line, start_s=position / sample_rate, end_s=end / sample_rate, page_size=page_size))
        position, before = end, line
    parts.append(_silence(LEAD_OUT_S, sample_rate))
    return PageTrack(np.concatenate(parts), sample_rate, tuple(cues))


def pause_s(before: ScriptLine, after: ScriptLine) -> float:
    """Seconds of silence between two lines; shorter for a listener who asked for faster speech.

    An unknown speaker counts as another one: two bubbles nobody could be found for are more often a dialogue than not.
    """
    if Kind.NARRATION in (before.kind, after.kind) and before.kind != after.kind:
        pause = PAUSE_NARRATION_S
    elif before.speaker is not None and before.speaker == after.speaker:
        pause = PAUSE_SAME_SPEAKER_S
    else:
        pause = PAUSE_OTHER_SPEAKER_S
    return pause / after.utterance.speed


def _sound(line: ScriptLine, speech: Speech, sample_rate: int) -> NDArray[np.float32]:
    try:
        return level(resampled(speech.samples, speech.sample_rate, sample_rate), sample_rate)
    except SpeechFailed as error:
        raise SpeechFailed(f"Line {line.number}: {error.detail}") from error


def _silence(duration_s: float, sample_rate: int) -> NDArray[np.float32]:
    return np.zeros(round(duration_s * sample_rate), dtype=np.float32)
