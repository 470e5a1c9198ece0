"""Recordings that measure like speech, made from nothing."""

from __future__ import annotations

import functools
import io
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

RATE = 32_000
_SOUNDS = 12
_KNOTS_HZ = np.array([100.0, 300, 500, 800, 1200, 1700, 2400, 3300, 4500, 7000])


@functools.lru_cache(maxsize=256)
def phrase(duration_s: float, pitch_hz: float = 180.0, seed: int = 0, rate: int = RATE) -> NDArray[np.float32]:
    """One phrase, peak 0.3: harmonics of a gliding pitch whose spectrum changes with every sound, 60 to 220 ms each.

    All phrases are made of the same few sounds, as those of one speaker are; `seed` chooses their order.
    """
    chance = np.random.default_rng(seed)
    time = np.arange(round(duration_s * rate)) / rate
    pitch = pitch_hz * (1 + 0.06 * np.sin(2 * np.pi * 0.7 * time + chance.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    starts, spectra = _sounds(chance, duration_s)
    which = np.searchsorted(starts, time)
    sound = np.zeros_like(time)
    for harmonic in range(1, min(40, int(7000 / pitch_hz))):
        gains = np.exp([np.interp(harmonic * pitch_hz, _KNOTS_HZ, spectrum) for spectrum in spectra])
        sound += gains[which] * np.sin(harmonic * phase)
    sound /= np.maximum(0.2, np.sqrt(np.convolve(sound**2, np.ones(800) / 800, "same")))
    edge = np.minimum(1, np.minimum(time / 0.02, time[::-1] / 0.08))
    made: NDArray[np.float32] = (0.3 * sound * edge / np.abs(sound).max()).astype(np.float32)
    made.flags.writeable = False
    return made


def whispered(duration_s: float, seed: int = 0, peak: float = 0.1, rate: int = RATE) -> NDArray[np.float32]:
    """One phrase of the same sounds as breath, without a pitch."""
    chance = np.random.default_rng(seed)
    starts, spectra = _sounds(chance, duration_s)
    frequencies = np.fft.rfftfreq(rate // 2, 1 / rate)
    sounds = []
    for spectrum, length_s in zip(spectra, np.diff(starts, prepend=0.0), strict=False):
        gains = np.exp(np.interp(frequencies, _KNOTS_HZ, spectrum))
        breath = np.fft.irfft(np.fft.rfft(chance.normal(size=rate // 2)) * gains)[: round(length_s * rate)]
        sounds.append(breath / np.sqrt(np.square(breath).mean()) * np.hanning(len(breath)) ** 0.3)
    made = np.concatenate(sounds)[: round(duration_s * rate)]
    return np.asarray(peak * made / np.abs(made).max(), dtype=np.float32)


def _sounds(chance: np.random.Generator, duration_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each sound of a phrase ends, seconds, and its log gains at `_KNOTS_HZ`."""
    ends = np.cumsum(chance.uniform(0.06, 0.22, round(duration_s * 20) + 2))
    sounds = np.random.default_rng(11).normal(0, 1.6, (_SOUNDS, len(_KNOTS_HZ))) - np.log1p(_KNOTS_HZ / 600)
    return ends, sounds[np.concatenate([chance.permutation(_SOUNDS) for _ in range(len(ends) // _SOUNDS + 1)])]


def rest(duration_s: float, rate: int = RATE) -> NDArray[np.float32]:
    """A quiet room."""
    noise = np.random.default_rng(7).normal(size=round(duration_s * rate))
    return (noise * 1e-4).astype(np.float32)


def encoded(samples: NDArray[np.float32], kind: str, rate: int = RATE, block: int | None = None) -> bytes:
    """The samples ([n] or [channels, n]) as a WAV, FLAC, MP3 or M4A file; `block`: samples in each frame of FLAC."""
    codec, container_format = {
        "wav": ("pcm_s16le", "wav"),
        "float wav": ("pcm_f32le", "wav"),
        "flac": ("flac", "flac"),
        "mp3": ("mp3", "mp3"),
        "m4a": ("aac", "ipod"),
        "aiff": ("pcm_s16be", "aiff"),
    }[kind]
    channels = np.atleast_2d(samples)
    layout = "mono" if len(channels) == 1 else "stereo"
    out = io.BytesIO()
    with av.open(out, "w", format=container_format) as container:
        stream: Any = container.add_stream(codec, rate=rate, layout=layout, options={"frame_size": str(block)} if block else {})
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels, dtype=np.float32), format="fltp", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate, frame_size=stream.frame_size or 1024)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            for packet in stream.encode(piece):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return out.getvalue()
