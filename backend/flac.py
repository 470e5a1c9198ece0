"""FLAC in memory: how spoken lines and reference clips are kept. Mono, 16 bits; beyond that nothing is lost, however often it is read."""

from __future__ import annotations

import io

import av
import numpy as np
from numpy.typing import NDArray


class BadFlac(ValueError):
    """The bytes are not FLAC, or cut short."""


def to_flac(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """Encodes mono float32 samples in -1..1."""
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=sample_rate, layout="mono", format="s16")
        pcm = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        frame.sample_rate = sample_rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return out.getvalue()


def from_flac(data: bytes) -> tuple[NDArray[np.float32], int]:
    """Decodes to mono float32 samples and their rate in Hz.

    Raises:
        BadFlac
    """
    try:
        with av.open(io.BytesIO(data), "r", format="flac") as container:
            frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
            sample_rate = container.streams.audio[0].rate
    except (av.FFmpegError, IndexError) as error:
        raise BadFlac("not FLAC") from error
    if not frames:
        raise BadFlac("no sound")
    pcm = np.concatenate([frame.reshape(-1) for frame in frames])
    return pcm.astype(np.float32) / np.float32(32767), sample_rate
