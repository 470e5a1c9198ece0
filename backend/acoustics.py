"""What can be measured on a mono recording: level, where speech is, pitch, brightness. Knows neither voices nor engines.

Everything takes float32 samples of shape [samples] and a rate in Hz. The one trap: measures of fewer than about 50 ms are noise,
so callers ask for the length first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

FRAME_S = 0.025
HOP_S = 0.010
PITCH_HOP_S = 0.015
QUIETEST_DB = -120.0
LOWEST_PITCH_HZ = 60.0
HIGHEST_PITCH_HZ = 500.0
LEAST_CLIPPED_PEAK = 0.5
"""Of full scale: what is not even half as loud was not cut off."""
AT_PEAK = 0.9995
VOICED_CORRELATION = 0.55
"""A frame whose normalised autocorrelation peak is lower is breath, hiss or silence."""
LEAST_VOICED = 0.3
"""Of what sounds; spoken sentences reach 0.58 and more, the same ones whispered (their envelope over noise) at most 0.13."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time, seconds from the start of the recording."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


def frames(samples: Samples, sample_rate: int, frame_s: float = FRAME_S, hop_s: float = HOP_S) -> NDArray[np.float32]:
    """Overlapping frames, shape [frames, frame length]; at least one, padded with zeros."""
    length, hop = max(1, round(frame_s * sample_rate)), max(1, round(hop_s * sample_rate))
    if len(samples) < length:
        samples = np.pad(samples, (0, length - len(samples)))
    windows: NDArray[np.float32] = np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]
    return windows


def levels_db(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """RMS per frame in dB of full scale, shape [frames]."""
    power = np.mean(np.square(frames(samples, sample_rate), dtype=np.float64), axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (QUIETEST_DB / 10))))


def active_frames(levels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Frames that sound rather than rest: well above the recording's own floor and not far below its loudest parts."""
    loudest, floor = float(np.percentile(levels, 95)), float(np.percentile(levels, 5))
    threshold = max(loudest - 35.0, min(floor + 10.0, loudest - 12.0), -60.0)
    return np.asarray(levels > threshold)


def stretches(marks: NDArray[np.bool_], hop_s: float = HOP_S) -> list[Stretch]:
    """The runs of True in `marks`."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], marks, [False])).astype(np.int8)))
    return [Stretch(start * hop_s, end * hop_s) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def clipped_share(samples: Samples) -> float:
    """Share of samples that lie on a flat top: three or more neighbours at the recording's extreme, near full scale."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < LEAST_CLIPPED_PEAK:
        return 0.0
    return float(flat_tops(samples, peak).sum()) / max(1, len(samples))


def flat_tops(samples: Samples, peak: float, length: int = 3) -> NDArray[np.bool_]:
    """Whether a sample and the `length` - 1 behind it all lie at `peak`, on either side; shape [samples - length + 1]."""
    at_peak = np.cumsum(np.concatenate(([0], np.abs(samples) >= peak * AT_PEAK)))
    return np.asarray(at_peak[length:] - at_peak[:-length] == length)


def pitch_track_hz(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Pitch every 15 ms, shape [frames]; NaN where nothing is voiced. Normalised autocorrelation, 60 to 500 Hz."""
    step = max(1, sample_rate // 8000)
    lowered = _lowered(samples, step)
    rate = sample_rate / step
    windows = frames(lowered, round(rate), frame_s=0.045, hop_s=PITCH_HOP_S).astype(np.float64)
    windows = windows - windows.mean(axis=1, keepdims=True)
    length = windows.shape[1]
    size = 1 << (2 * length - 1).bit_length()
    spectrum = np.fft.rfft(windows, size, axis=1)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :length]
    # Fewer products are summed at longer lags; without this correction every pitch is biased upwards.
    correlation /= np.linspace(length, 1, length)[None, :]
    energy = correlation[:, :1]
    track = np.full(len(windows), np.nan)
    first, last = int(rate / HIGHEST_PITCH_HZ), min(int(rate / LOWEST_PITCH_HZ), length - 2)
    loud = np.flatnonzero(energy[:, 0] > max(1e-8, float(energy.max(initial=0.0)) * 1e-3))
    if last <= first or not len(loud):
        return track
    normal = correlation[loud] / energy[loud]
    band = normal[:, first : last + 1]
    best = band.max(axis=1)
    # The first peak nearly as high as the highest is the period itself; later ones are its multiples.
    peaks = (band >= 0.92 * best[:, None]) & (band >= normal[:, first - 1 : last]) & (band >= normal[:, first + 1 : last + 2])
    voiced = (best > VOICED_CORRELATION) & peaks.any(axis=1)
    track[loud[voiced]] = rate / (first + peaks[voiced].argmax(axis=1))
    return track


def pitches_hz(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Pitch of every voiced frame, in order; empty when nothing is voiced."""
    track = pitch_track_hz(samples, sample_rate)
    return np.asarray(track[~np.isnan(track)])


def median_pitch_hz(samples: Samples, sample_rate: int) -> float | None:
    """Median over voiced frames; None when fewer than ten frames (0.15 s) are voiced."""
    found = pitches_hz(samples, sample_rate)
    return float(np.median(found)) if len(found) >= 10 else None


def usual_pitch_hz(samples: Samples, sample_rate: int) -> float | None:
    """Median pitch; None for a whisper, whose stray voiced frames have pitches that are nobody's."""
    found = pitches_hz(samples, sample_rate)
    sounding_s = float(active_frames(levels_db(samples, sample_rate)).sum()) * HOP_S
    return float(np.median(found)) if len(found) * PITCH_HOP_S > LEAST_VOICED * sounding_s else None


def brightness_hz(samples: Samples, sample_rate: int) -> float:
    """Spectral centroid of the sounding frames, Hz, energy-weighted; 0 for silence."""
    windows = frames(samples, sample_rate, frame_s=0.032, hop_s=0.016)
    spectra = np.abs(np.fft.rfft(windows * np.hanning(windows.shape[1]), axis=1)) ** 2
    total = spectra.sum(axis=0)
    if total.sum() <= 0:
        return 0.0
    return float((total * np.fft.rfftfreq(windows.shape[1], 1 / sample_rate)).sum() / total.sum())


def log_bands(samples: Samples, sample_rate: int, bands: int = 24, hop_s: float = 0.02) -> NDArray[np.float64]:
    """Log energies in mel-like bands, 100 Hz to 7 kHz, shape [frames, bands], each frame centred: the sound without its level."""
    windows = frames(samples, sample_rate, frame_s=0.032, hop_s=hop_s)
    power = np.abs(np.fft.rfft(windows * np.hanning(windows.shape[1]), axis=1)) ** 2
    frequencies = np.fft.rfftfreq(windows.shape[1], 1 / sample_rate)
    edges = 700 * (np.exp(np.linspace(_mel(100.0), _mel(min(7000.0, sample_rate / 2)), bands + 2)) - 1)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weights = np.clip(np.minimum((frequencies - low) / (centre - low), (high - frequencies) / (high - centre)), 0, None)
    energies = np.log(power @ weights.T + 1e-9)
    return np.asarray(energies - energies.mean(axis=1, keepdims=True))


def _mel(frequency_hz: float) -> float:
    return float(np.log1p(frequency_hz / 700))


def _lowered(samples: Samples, step: int) -> Samples:
    """Every `step`-th sample after a moving average: a rough low-pass that is good enough to find a pitch."""
    if step == 1:
        return samples
    whole = len(samples) // step * step
    return np.asarray(samples[:whole].reshape(-1, step).mean(axis=1), dtype=np.float32)
