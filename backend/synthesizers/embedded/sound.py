"""Small operations on a line's samples: mono float32, shape [samples]. Loudness and fades are the pipeline's.

scipy is imported inside the functions: it takes longer to import than the whole service takes to start.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd

import numpy as np
from numpy.typing import NDArray

from backend.errors import SpeechFailed

Samples = NDArray[np.float32]

PAUSE_S = 0.3
"""A breath: what PAUSE sounds like."""
_AUDIBLE = 0.012
"""Of the line's peak; breath noise of the model lies below."""
_SILENT_PEAK = 0.01
_HEAD_S, _TAIL_S = 0.03, 0.06
_MOST_STEPS = 200
"""Denominator of a resampling ratio: within 0.05 % of the pitch asked for."""


def silence(seconds: float, rate: int) -> Samples:
    return np.zeros(round(seconds * rate), np.float32)


def trim(samples: Samples, rate: int) -> Samples:
    """Without silence at both ends, but for the breath that soft consonants need."""
    level = np.abs(samples)
    loud = np.flatnonzero(level > _AUDIBLE * level.max(initial=0.0))
    if len(loud) == 0:
        return samples[:0]
    return samples[max(0, loud[0] - round(_HEAD_S * rate)) : loud[-1] + 1 + round(_TAIL_S * rate)]


def resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """Band-limited, so that nothing folds back into the audible range."""
    from scipy.signal import resample_poly  # type: ignore[import-untyped]  # noqa: PLC0415

    if from_rate == to_rate or len(samples) == 0:
        return samples
    common = gcd(from_rate, to_rate)
    return np.asarray(resample_poly(samples, to_rate // common, from_rate // common), np.float32)


def faster_and_higher(samples: Samples, ratio: float) -> Samples:
    """Plays `ratio` times faster, which raises pitch and formants by the same ratio (a smaller or larger speaker).

    To change the pitch alone, speak slower by `ratio` first.
    """
    step = Fraction(ratio).limit_denominator(_MOST_STEPS)
    return resample(samples, step.numerator, step.denominator)


def whole(samples: Samples) -> Samples:
    """The line itself if it is sound; scaled down where the model went beyond full scale.

    Raises:
        SpeechFailed: it is empty, silent or not a number somewhere.
    """
    if len(samples) == 0:
        raise SpeechFailed("The synthesizer returned no sound for this line")
    if not np.isfinite(samples).all():
        raise SpeechFailed("The synthesizer returned broken samples for this line")
    peak = float(np.abs(samples).max())
    if peak < _SILENT_PEAK:
        raise SpeechFailed("The synthesizer returned silence for this line")
    return samples if peak <= 1.0 else np.asarray(samples * (0.999 / peak), np.float32)


def plausible(samples: Samples, rate: int, sounds: int, speed: float) -> None:
    """Refuses a line that is far too short or far too long for its number of phonemes at that speed.

    Raises:
        SpeechFailed: words are missing, or the model babbled.
    """
    seconds = len(samples) / rate * speed
    if seconds < _SHORTEST_S * sounds:
        raise SpeechFailed(f"The line came out cut short: {seconds:.1f} s for {sounds} phonemes")
    if seconds > _LONGEST_S * sounds + _LONGEST_SOUND_S:
        raise SpeechFailed(f"The line came out far too long: {seconds:.1f} s for {sounds} phonemes")


_SHORTEST_S, _LONGEST_S, _LONGEST_SOUND_S = 0.025, 0.22, 1.2
"""Seconds a phoneme. Measured on some forty short cries (sentences were only seen to pass): 0.08 to 0.14 from six phonemes on,
0.2 to 0.5 for a lone vowel, 0.7 for a stretched one; the limits leave room for slow voices and rattled-off lists."""
