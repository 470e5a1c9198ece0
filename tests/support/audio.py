"""What tests ask of sound: decode what was written, then measure it. Nothing here knows how it was made."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from backend.synthesizers.base import Speech

Samples = NDArray[np.float32]


def tone(hz: float, duration_s: float, sample_rate: int, *, amplitude: float = 0.3) -> Samples:
    """A sine, mono float32."""
    times = np.arange(round(duration_s * sample_rate)) / sample_rate
    wave: NDArray[np.float64] = np.sin(2 * np.pi * hz * times)
    return (amplitude * wave).astype(np.float32)


def speech_like(duration_s: float, sample_rate: int, *, seed: int = 0, rms: float = 0.05) -> Samples:
    """Noise in syllables of 4 Hz with the strong peaks speech has (crest factor of some 15 dB)."""
    random = np.random.default_rng(seed)
    times = np.arange(round(duration_s * sample_rate)) / sample_rate
    sound: NDArray[np.float64] = random.laplace(size=len(times)) * (0.1 + np.sin(np.pi * 4 * times) ** 2)
    return (sound * (rms / float(np.sqrt(np.square(sound).mean())))).astype(np.float32)


def padded(samples: Samples, sample_rate: int, *, head_s: float = 0.0, tail_s: float = 0.0) -> Samples:
    """`samples` with digital silence around them."""
    return np.pad(samples, (round(head_s * sample_rate), round(tail_s * sample_rate)))


def as_speech(samples: Samples, sample_rate: int) -> Speech:
    return Speech(samples=samples, sample_rate=sample_rate)


def decode(data: bytes | Path) -> tuple[Samples, int]:
    """All samples of the first audio stream of a file (AAC: FFmpeg decodes it to float), as mono float32, and the rate in Hz."""
    source = io.BytesIO(data) if isinstance(data, bytes) else str(data)
    with av.open(source, "r") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    return np.concatenate(frames, axis=1).mean(axis=0).astype(np.float32), rate


def decode_hls(playlist: str, files: Mapping[str, bytes] | Path) -> tuple[Samples, int]:
    """Plays a VOD playlist whose segments are in a dict or a folder, by the names in it: decodes them one after another."""
    names = segment_names(playlist)
    segments = [(files / name).read_bytes() if isinstance(files, Path) else files[name] for name in names]
    return decode(b"".join(segments))


def segment_names(playlist: str) -> list[str]:
    return [line for line in playlist.splitlines() if line and not line.startswith("#")]


def announced_s(playlist: str) -> float:
    """Sum of the EXTINF durations, which is what players show."""
    return sum(segment_durations(playlist))


def segment_durations(playlist: str) -> list[float]:
    found = (line for line in playlist.splitlines() if line.startswith("#EXTINF:"))
    return [float(line.removeprefix("#EXTINF:").partition(",")[0]) for line in found]


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean())) if len(samples) else 0.0


def is_silent(samples: Samples, *, below_dbfs: float = -50.0) -> bool:
    """No 50 ms of it (at any rate up to 48 kHz) are louder than `below_dbfs`."""
    block = 1200
    return all(rms(samples[start : start + block]) < 10 ** (below_dbfs / 20) for start in range(0, max(1, len(samples)), block))


def between(samples: Samples, sample_rate: int, start_s: float, end_s: float) -> Samples:
    """The part of the sound a cue speaks of."""
    return samples[round(start_s * sample_rate) : round(end_s * sample_rate)]


def main_frequency(samples: Samples, sample_rate: int) -> float:
    """Hz of the strongest component."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * sample_rate / len(samples))
