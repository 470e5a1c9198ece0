"""One line's sound made fit to stand beside the others: trimmed, at one loudness, its peaks limited, its ends faded.

Not the page: see `mix.py`.

Voices differ by 7 dB and some of them clip, so every utterance is measured by itself (ITU-R BS.1770, K-weighted, gated)
and brought to `TARGET_LUFS`; peaks that this lifts over `PEAK` are bent down by a look-ahead limiter, never cut flat.

The trap: SciPy's signal package takes half a second to import, and this module is imported when the server starts; so it is
imported when the first line is levelled, in a worker thread.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import SpeechFailed

TARGET_LUFS: Final = -18.0
"""Loudness of every utterance. Phones and headphones are comfortable with spoken word at -16 to -20."""
PEAK: Final = 0.95
"""Highest absolute sample, between samples too (measured at four times the rate); leaves the AAC encoder headroom."""
SILENCE_DBFS: Final = -55.0
"""A Speech whose loudest 10 ms are below this is silence, whatever it was meant to say."""
SHORTEST_S: Final = 0.03
"""Less audible sound than this is a click, not a word."""

_FRAME_S: Final = 0.01
_FLOOR_DB: Final = -42.0
"""Relative to the loudest frame: what is quieter at the head or tail is not speech. An initial s or h is 25 to 35 dB down."""
_KEEP_HEAD_S: Final = 0.02
_KEEP_TAIL_S: Final = 0.04
_FADE_S: Final = 0.005
_LOOK_AHEAD_S: Final = 0.005
_BLOCK_S: Final = 0.4
_SHORT_BLOCK_S: Final = 0.1

Samples = NDArray[np.float32]


def level(samples: Samples, sample_rate: int) -> Samples:
    """Mono float32 [n] at any level in, mono float32 [m] at `TARGET_LUFS` out; m <= n, as head and tail silence go.

    Raises:
        SpeechFailed: no samples, not mono, not finite, silent, or too short to be a word.
    """
    sound = _trimmed(_checked(samples), sample_rate)
    # Measured at a fixed peak: the absolute gate of BS.1770 would otherwise throw away an engine that speaks very softly.
    sound = sound * (0.5 / np.abs(sound).max())
    for _ in range(3):
        missing = TARGET_LUFS - loudness(sound, sample_rate)
        if abs(missing) < 0.1:
            break
        # Limiting takes loudness away again, so a second and third pass give back what the first one cost.
        sound = _limited(sound * 10 ** (missing / 20), sample_rate)
    return _faded(sound, sample_rate).astype(np.float32)


def loudness(samples: NDArray[np.floating], sample_rate: int) -> float:
    """Integrated loudness in LUFS; -inf for silence. Clips under 0.4 s are measured in blocks of 0.1 s."""
    import pyloudnorm  # type: ignore[import-untyped]  # noqa: PLC0415 - see the module's docstring

    sound = np.asarray(samples, dtype=np.float64)
    shortest = int(np.ceil(_SHORT_BLOCK_S * sample_rate)) + 1
    if len(sound) < shortest:
        # The measure needs one whole block; a repeated sound is as loud as the sound.
        sound = np.resize(sound, shortest)
    block = _BLOCK_S if len(sound) >= _BLOCK_S * sample_rate else _SHORT_BLOCK_S
    return float(pyloudnorm.Meter(sample_rate, block_size=block).integrated_loudness(sound))


def resampled(samples: Samples, source_rate: int, target_rate: int) -> Samples:
    """`samples` at `target_rate` Hz; for a line that a second engine with another rate has spoken."""
    if source_rate == target_rate:
        return samples
    from scipy.signal import resample_poly  # type: ignore[import-untyped]  # noqa: PLC0415 - see the module's docstring

    common = int(np.gcd(source_rate, target_rate))
    return np.asarray(resample_poly(samples, target_rate // common, source_rate // common), dtype=np.float32)


def _checked(samples: Samples) -> NDArray[np.float64]:
    if samples.ndim != 1 or not len(samples):
        raise SpeechFailed("The synthesizer returned no sound.")
    if not np.isfinite(samples).all():
        raise SpeechFailed("The synthesizer returned samples that are not numbers.")
    return samples.astype(np.float64)


def _trimmed(samples: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    frame = max(1, round(_FRAME_S * sample_rate))
    count = -(-len(samples) // frame)
    frames = np.pad(samples, (0, count * frame - len(samples))).reshape(count, frame)
    power_db = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-20)
    loudest = power_db.max()
    if loudest < SILENCE_DBFS:
        raise SpeechFailed("The synthesizer returned silence.")
    audible = np.flatnonzero(power_db > loudest + _FLOOR_DB)
    first, last = audible[0] * frame, (audible[-1] + 1) * frame
    if last - first < SHORTEST_S * sample_rate:
        raise SpeechFailed("The synthesizer returned a click instead of words.")
    return samples[max(0, first - round(_KEEP_HEAD_S * sample_rate)) : last + round(_KEEP_TAIL_S * sample_rate)]


def _limited(samples: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """Bends what stands over `PEAK` down to it, beginning 5 ms before and ending 5 ms after."""
    from scipy.ndimage import minimum_filter1d, uniform_filter1d  # type: ignore[import-untyped]  # noqa: PLC0415 - as above
    from scipy.signal import resample_poly  # noqa: PLC0415

    between = np.abs(resample_poly(samples, 4, 1)).reshape(-1, 4).max(axis=1)
    peaks = np.maximum(np.abs(samples), between)
    if peaks.max() <= PEAK:
        return samples
    allowed = np.minimum(1.0, PEAK / np.maximum(peaks, PEAK))
    width = 2 * round(_LOOK_AHEAD_S * sample_rate) + 1
    # The mean of minima is smooth and, as every minimum in it saw this sample, never above what this sample allows.
    gain = uniform_filter1d(minimum_filter1d(allowed, width, mode="nearest"), width, mode="nearest")
    bent: NDArray[np.float64] = samples * gain
    return bent.clip(-PEAK, PEAK)


def _faded(samples: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    length = min(round(_FADE_S * sample_rate), len(samples) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(1, length))
    faded = samples.copy()
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded
