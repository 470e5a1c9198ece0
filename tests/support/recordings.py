"""Recordings that measure like speech, made from nothing: harmonics of a gliding pitch under moving formants, in syllables."""

from __future__ import annotations

import functools
import io

import av
import numpy as np
from numpy.typing import NDArray

RATE = 32_000


@functools.lru_cache(maxsize=256)
def phrase(duration_s: float, pitch_hz: float = 180.0, seed: int = 0, rate: int = RATE) -> NDArray[np.float32]:
    """One phrase of about five syllables a second, peak 0.3."""
    chance = np.random.default_rng(seed)
    time = np.arange(round(duration_s * rate)) / rate
    pitch = pitch_hz * (1 + 0.06 * np.sin(2 * np.pi * 0.7 * time + chance.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    syllable = (time * 5).astype(int)
    first, second, third = (chance.uniform(low, high, 200)[syllable] for low, high in ((250, 900), (900, 2600), (2600, 6000)))
    breath = np.where(chance.uniform(0, 1, 200)[syllable] < 0.4, np.sin(np.pi * (time * 5 % 1)) ** 4, 0.0)
    sound = np.zeros_like(time)
    for harmonic in range(1, 16):
        frequency = harmonic * pitch
        gain = np.exp(-(((frequency - first) / 220) ** 2)) + 0.5 * np.exp(-(((frequency - second) / 300) ** 2)) + 0.02
        sound += gain * np.sin(harmonic * phase) * (frequency < rate / 2.2)
    hiss = chance.normal(size=len(time))
    sound += 0.8 * breath * hiss * np.cos(2 * np.pi * third * time) * np.abs(sound).max()
    sound *= 0.25 + 0.75 * np.abs(np.sin(np.pi * 5 * time))
    edge = np.minimum(1, np.minimum(time / 0.02, time[::-1] / 0.08))
    made = (0.3 * sound * edge / np.abs(sound).max()).astype(np.float32)
    made.flags.writeable = False
    return made


def rest(duration_s: float, rate: int = RATE) -> NDArray[np.float32]:
    """A quiet room."""
    noise = np.random.default_rng(7).normal(size=round(duration_s * rate))
    return (noise * 1e-4).astype(np.float32)


def encoded(samples: NDArray[np.float32], kind: str, rate: int = RATE) -> bytes:
    """The samples ([n] or [channels, n]) as a WAV, FLAC, MP3 or M4A file."""
    codec, container_format = {
        "wav": ("pcm_s16le", "wav"),
        "flac": ("flac", "flac"),
        "mp3": ("mp3", "mp3"),
        "m4a": ("aac", "ipod"),
        "ogg": ("flac", "ogg"),
    }[kind]
    channels = np.atleast_2d(samples)
    layout = "mono" if len(channels) == 1 else "stereo"
    out = io.BytesIO()
    with av.open(out, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels, dtype=np.float32), format="fltp", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate, frame_size=stream.frame_size or 1024)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            for packet in stream.encode(piece):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return out.getvalue()
