"""Is this one person? The question asked of a recording a voice is to be cloned from, as far as it can be told from the sound alone.

The recording is cut into stretches of about a second at its pauses. Of all ways to divide the stretches among two people the one is
taken under which pitch and spectral envelope of the voiced frames differ most, and the gain in likelihood of two means over one is set
against what the Bayesian information criterion asks for them (Chen and Gopalakrishnan, 1998, with one covariance for both; then the
gain is Hotelling's T squared). One person gains something, too, because every stretch has other sounds: so the limit lies above what
single speakers reach, and two people who sound nearly alike pass for one. A recording with a single stretch cannot be judged.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.acoustics import PITCH_HOP_S, Samples, log_bands, pitch_track_hz

TWO_PEOPLE: Final = 3.3
"""Division score from which a recording has two speakers; `benchmarks/speakers.py` measures how often that is right."""
COEFFICIENTS: Final = 20
"""Cepstral coefficients of the envelope."""
BANDS: Final = 24
PAUSE_S: Final = 0.18
"""Without voice for so long, somebody else may go on."""
STRETCH_FRAMES: Final = 60
"""Voiced frames of a stretch, about; 0.9 s."""
SHORTEST_FRAMES: Final = 25
"""A shorter stretch belongs to the one before it."""
LEAST_FRAMES: Final = 40
"""Of each person; what is said of fewer is noise."""
MOST_STRETCHES: Final = 12
"""2^11 divisions are looked at."""

Array = NDArray[np.float64]


def division_score(samples: Samples, sample_rate: int) -> float:
    """How much better two speakers explain a recording than one does; 0 where it is too short to tell. About 10 ms of work a second."""
    track = pitch_track_hz(samples, sample_rate)
    bands = log_bands(samples, sample_rate, BANDS, PITCH_HOP_S)
    track = track[: len(bands)]
    voiced = np.flatnonzero(~np.isnan(track))
    stretches = _stretches(voiced)
    if len(stretches) < 2:
        return 0.0
    found = np.column_stack([_cepstrum(bands[voiced]), np.log2(track[voiced])])
    found -= found.mean(axis=0)
    count, width = found.shape
    spread = found.T @ found / count + 1e-3 * np.eye(width)
    sizes = np.array([len(stretch) for stretch in stretches], np.float64)
    sums = np.array([found[stretch].sum(axis=0) for stretch in stretches])
    sides = ((np.arange(1, 1 << (len(stretches) - 1))[:, None] >> np.arange(len(stretches))) & 1).astype(np.float64)
    one, total = sides @ sizes, sides @ sums
    other = count - one
    enough = (one >= LEAST_FRAMES) & (other >= LEAST_FRAMES)
    if not enough.any():
        return 0.0
    one, other, total = one[enough], other[enough], total[enough]
    apart = total / one[:, None] + total / other[:, None]  # the sums of both sides are opposite, as the whole has mean zero
    explained = one * other / count**2 * np.einsum("ni,ij,nj->n", apart, np.linalg.inv(spread), apart)
    gain = -0.5 * count * np.log(1 - np.minimum(explained, 1 - 1e-9))
    return float(gain.max() / (0.5 * width * np.log(count)))


def _stretches(voiced: NDArray[np.int_]) -> list[NDArray[np.int_]]:
    """Places in `voiced` that belong together: between pauses, about a second each, at most `MOST_STRETCHES`."""
    runs = np.split(np.arange(len(voiced)), np.flatnonzero(np.diff(voiced) > PAUSE_S / PITCH_HOP_S) + 1)
    parts = [part for run in runs for part in np.array_split(run, max(1, round(len(run) / STRETCH_FRAMES)))]
    joined: list[NDArray[np.int_]] = []
    for part in parts:
        if joined and min(len(part), len(joined[-1])) < SHORTEST_FRAMES:
            joined[-1] = np.concatenate([joined[-1], part])
        else:
            joined.append(part)
    while len(joined) > MOST_STRETCHES:
        shortest = min(range(len(joined) - 1), key=lambda k: len(joined[k]) + len(joined[k + 1]))
        joined[shortest : shortest + 2] = [np.concatenate(joined[shortest : shortest + 2])]
    return joined


def _cepstrum(bands: Array) -> Array:
    """Cosine transform of log energies without its mean, shape [frames, COEFFICIENTS]."""
    places = (np.arange(bands.shape[1]) + 0.5) / bands.shape[1]
    basis = np.cos(np.pi * np.arange(1, COEFFICIENTS + 1)[:, None] * places)
    return np.asarray(bands @ basis.T)
