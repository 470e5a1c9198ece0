"""Appearance vectors as the memory keeps them: unit length when they arrive, float16 in base64 at rest (1.5 kB for 768 numbers).

A look is the plain mean of unit vectors, shorter than 1 by as much as they disagree; its dot product with a new unit vector
estimates the same number however many vectors went into it, which is what `similarity.py` builds on.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


def unit(embedding: Sequence[float] | None) -> Vector | None:
    """The embedding at unit length; None when it is missing, empty, zero or not finite: then it says nothing."""
    if not embedding:
        return None
    vector = np.asarray(embedding, dtype=np.float64)
    largest = float(np.abs(vector).max())
    if not np.isfinite(largest) or largest < 1e-9:
        return None
    vector /= largest  # before squaring, which could overflow
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def pack(vector: Vector) -> str:
    """Base64 of little-endian float16."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode("ascii")


def unpack(text: str) -> Vector:
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32)
