"""Is this take the line: whole, once, audible, in the right voice? If not, why not, in words.

The engine fails without saying so: it goes silent, stops half-way, says a line twice, or reads its reference clip aloud. Each check
here answers to one of these. Thresholds were set on takes of the embedded synthesizer, spoken well and damaged on purpose:
of right takes none was refused; resemblance to the clip was at most 0.62 for other words and at least 0.87 for the clip's own, said at
another tempo, and of a line said twice 0.87 to 0.94, against 0.51 at most of lines said once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.acoustics import Samples, active_frames, clipped_share, frames, levels_db, log_bands, median_pitch_hz, stretches
from backend.synthesizers.sovits.conditioning import Reference
from backend.synthesizers.sovits.pieces import Piece

SECONDS_PER_UNIT: Final = {"ja": (0.085, 0.22), "en": (0.045, 0.11)}
"""How fast people talk, seconds of a mora (ja) or letter (en); a reference measured outside is taken for its nearest end."""
SHORTEST, LONGEST = 0.5, 1.9
"""Times the expected duration."""
MARGIN_S: Final = 0.55
"""A drawn-out vowel, a breath: allowed on top at any length."""
MARK_S: Final = 0.4
"""Rest allowed for every mark inside the text."""
LONGEST_REST_S: Final = 1.2
QUIETEST_PEAK: Final = 0.02
MOST_CLIPPED: Final = 0.003
ABRUPT: Final = 0.45
"""Level of the last 12 ms over the take's own loud parts; a voice fades, an amputated one does not."""
SAME_SOUND: Final = 0.78
"""Resemblance from which two stretches say the same words."""
PITCH_RATIO: Final = 2.1
"""Between take and reference; where manner and timbre come from two clips, the take's pitch may lie anywhere between theirs, too."""
_RESEMBLED_S: Final = 1.2


@dataclass(frozen=True, slots=True)
class Take:
    """One attempt at one piece."""

    samples: Samples
    """As the engine gave it, rests at its ends included."""
    sample_rate: int
    piece: Piece
    reference: Reference
    """How it is said: the clip the engine continues."""
    speed: float = 1.0
    timbre: Reference | None = None
    """Whose voice it is; None: the reference's."""

    @property
    def expected_s(self) -> float:
        """How long this voice should need for the words."""
        slowest, fastest = SECONDS_PER_UNIT[self.piece.lang][1], SECONDS_PER_UNIT[self.piece.lang][0]
        # A clip in the other language says nothing about the speed in this one.
        known = self.reference.lang == self.piece.lang
        pace = self.reference.seconds_per_unit if known else (slowest + fastest) / 2
        return self.piece.units * min(slowest, max(fastest, pace)) / self.speed


Check = Callable[[Take], str | None]
"""Says what is wrong with a take, or None."""


def judge(take: Take, checks: Sequence[Check]) -> str | None:
    """The first thing that is wrong."""
    return next((reason for check in checks if (reason := check(take)) is not None), None)


def trimmed(samples: Samples, sample_rate: int, margin_s: float = 0.03) -> Samples:
    """Without the rests at both ends, but for a margin in which consonants begin and end."""
    sounding = np.flatnonzero(np.abs(samples) > max(0.003, 0.01 * float(np.abs(samples).max(initial=0.0))))
    if not len(sounding):
        return samples[:0]
    margin = round(margin_s * sample_rate)
    return samples[max(0, sounding[0] - margin) : sounding[-1] + 1 + margin]


def check_signal(take: Take) -> str | None:
    """Numbers, level, distortion."""
    if not np.isfinite(take.samples).all():
        return "not a sound (NaN)"
    if float(np.abs(take.samples).max(initial=0.0)) < QUIETEST_PEAK:
        return "silent"
    return "distorted" if clipped_share(take.samples) > MOST_CLIPPED else None


def check_duration(take: Take) -> str | None:
    """Too short is cut off, too long is something else being said."""
    duration_s = len(trimmed(take.samples, take.sample_rate)) / take.sample_rate
    marks = sum(char in "、，,。.！!？?…;:；：" for char in take.piece.text[:-1])
    if duration_s < SHORTEST * take.expected_s or duration_s < 0.06:
        return f"too short ({duration_s:.1f} s)"
    if duration_s > LONGEST * take.expected_s + (MARGIN_S + MARK_S * marks) / take.speed:
        return f"too long ({duration_s:.1f} s)"
    return None


def check_rests(take: Take) -> str | None:
    """Falls silent in the middle, or is hardly there."""
    active = active_frames(levels_db(trimmed(take.samples, take.sample_rate), take.sample_rate))
    if active.mean() < 0.25:
        return "mostly silent"
    rests = [rest for rest in stretches(~active) if rest.duration_s > LONGEST_REST_S / take.speed]
    return "falls silent in the middle" if rests else None


def check_end(take: Take) -> str | None:
    """Stops in the middle of a sound."""
    heard = np.trim_zeros(take.samples, "b")
    loud = float(np.percentile(np.sqrt(np.mean(np.square(frames(heard, take.sample_rate)), axis=1)), 90))
    last = heard[-round(0.012 * take.sample_rate) :]
    return "cut short" if float(np.sqrt(np.mean(np.square(last)))) > ABRUPT * loud else None


def check_voice(take: Take) -> str | None:
    """Spoken by somebody else."""
    pitch, manner = median_pitch_hz(take.samples, take.sample_rate), take.reference.pitch_hz
    if pitch is None or manner is None:  # what is whispered has no pitch worth comparing
        return None
    timbre = manner if take.timbre is None or take.timbre.pitch_hz is None else take.timbre.pitch_hz
    between = min(manner, timbre) / PITCH_RATIO <= pitch <= max(manner, timbre) * PITCH_RATIO
    return None if between else "in another voice"


def check_repetition(take: Take) -> str | None:
    """The line twice, or one syllable again and again, where the text does not say so."""
    sound = trimmed(take.samples, take.sample_rate)
    if len(sound) / take.sample_rate < 1.35 * take.expected_s or says_twice(take.piece.text):
        return None
    bands = log_bands(sound, take.sample_rate)
    half = len(bands) // 2
    if half < 15:
        return None
    # The second telling begins somewhere around the middle; its first 80 % are looked for.
    query = bands[: max(15, round(0.8 * half))]
    return "said twice" if resemblance(query, bands[round(0.75 * half) :]) > SAME_SOUND else None


def check_reference(take: Take) -> str | None:
    """The reference clip is heard instead of the line, or before it."""
    reference = take.reference
    width = round(_RESEMBLED_S / 0.02)
    sound = trimmed(take.samples, take.sample_rate)
    if len(reference.bands) < width or shares_words(take.piece.text, reference.transcript):
        return None
    bands = log_bands(sound, take.sample_rate)
    if len(bands) < width // 2:
        return None
    # Its beginning, in case it is spoken whole, and its end, which is what leaks into the line that follows.
    for part in (reference.bands[:width], reference.bands[-width:]):
        if resemblance(part, bands) > SAME_SOUND:
            return "the reference clip is heard"
    return None


CHECKS: Final[tuple[Check, ...]] = (
    check_signal,
    check_duration,
    check_rests,
    check_end,
    check_voice,
    check_repetition,
    check_reference,
)


def resemblance(query: NDArray[np.float64], within: NDArray[np.float64]) -> float:
    """How much the best matching stretch of `within` sounds like `query`: mean cosine of log bands, 1 for equal words.

    Subsequence dynamic time warping with steps (1,1), (1,2), (2,1): tempo may differ by a factor of two, and a row depends on earlier
    rows only, so numpy does one row at a time.
    """
    if len(within) < len(query) // 2 + 2:
        return 0.0
    # Without its mean every stretch of one voice resembles every other: the timbre outweighs the words.
    cosine = _unit(query - query.mean(axis=0)) @ _unit(within - within.mean(axis=0)).T
    cost = 1 - cosine
    impossible = np.full(len(within), np.inf)
    before, last = impossible, cost[0].copy()
    for row in cost[1:]:
        here = row + _later(last, 1)
        np.minimum(here, row + _later(last, 2), out=here)
        np.minimum(here, 2 * row + _later(before, 1), out=here)
        before, last = last, here
    return 1 - float(last.min()) / len(query)


def says_twice(text: str) -> bool:
    """Whether the text itself repeats half of its letters ("no, no, no", "ははは")."""
    letters = "".join(char for char in text.casefold() if char.isalnum())
    return any(letters[:-lag] == letters[lag:] for lag in range(1, len(letters) // 2 + 1)) or _longest_repeat(
        letters
    ) * 2.5 > len(letters)


def shares_words(text: str, transcript: str) -> bool:
    """Whether a run of five or more letters stands in both: then the line may rightly sound like the clip."""
    ours, theirs = ("".join(char for char in words.casefold() if char.isalnum()) for words in (text, transcript))
    run = 5 if any(ord(char) > 0x3000 for char in theirs) else 9
    return any(ours[at : at + run] in theirs for at in range(max(1, len(ours) - run + 1)))


def _longest_repeat(letters: str) -> int:
    """Length of the longest stretch that occurs twice without overlap."""
    for length in range(len(letters) // 2, 1, -1):
        if any(letters[at : at + length] in letters[at + length :] for at in range(len(letters) - 2 * length + 1)):
            return length
    return 0


def _unit(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(bands / (np.linalg.norm(bands, axis=1, keepdims=True) + 1e-9))


def _later(row: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    shifted = np.full_like(row, np.inf)
    shifted[steps:] = row[:-steps]
    return shifted
