"""A page's HLS segments back into samples, for the audio book."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def decode_segments(segments: Sequence[Path]) -> NDArray[np.float32]:
    """Mono float32 samples of MPEG-TS segments in order (such segments are one stream cut in pieces)."""
    whole = io.BytesIO(b"".join(path.read_bytes() for path in segments))
    with av.open(whole, "r", format="mpegts") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate([frame.reshape(-1) for frame in frames]).astype(np.float32)
