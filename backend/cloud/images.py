"""Container images, one per role. Versions are those of `backend/requirements.txt` and the pins below, which the tests run with.

The sources are put on last and are no layer: a changed line is deployed in seconds. The API's image has no engine in it, so that the
first request of the day waits for nothing heavy.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import modal

from backend.cloud.sizing import load_sizes

PYTHON: Final = "3.11"
REQUIREMENTS: Final = Path(__file__).parents[1] / "requirements.txt"
WEIGHTS: Final = "/mnt/weights"
"""Where the volume with the weights is mounted."""

API_LIBRARIES: Final = (
    "av",
    "boto3",
    "fastapi",
    "httptools",
    "httpx",
    "limits",
    "numpy",
    "obstore",
    "pillow",
    "platformdirs",
    "pydantic",
    "pydantic-settings",
    "pyloudnorm",
    "redis",
    "scipy",
    "starlette",
    "uvicorn",
)
"""What the API and the pipeline import. Sound is mixed there only where there is no bucket, but the code is the same."""
API_DATA: Final = ("hibari-tts",)
"""What they read files of, and import nothing: English words are known by its dictionary. Installed without what its voices need."""
READER_PINS: Final = ("torch==2.13.0", "safetensors==0.8.0")
SPEAKER_PINS: Final = (*READER_PINS, "torchaudio==2.11.0", "transformers==5.23.0", "gsv-tts-lite==0.4.7", "g2p-en==2.1.0")
"""Weights are fetched in this image too: checkpoints are converted, and word lists of the engine's packages kept with them."""
RECOGNISER_PINS: Final = ("faster-whisper==1.2.1",)
"""For SPEECH_CHECK=asr, and for recordings that come without a transcript."""

_ENGINE_ENV: Final = {
    "MAGI_DIR": f"{WEIGHTS}/magi",
    "SOVITS_DIR": f"{WEIGHTS}/sovits",
    "SOVITS_TRAINED_DIR": f"{WEIGHTS}/sovits-trained",
    "SPEECH_CHECK_MODEL": f"{WEIGHTS}/whisper",
    "DATA_DIR": "/tmp/tanoshi",  # noqa: S108 - a container's own
}

_SIZES_ENV: Final = load_sizes().as_variables()


def pins(names: tuple[str, ...] | None = None) -> list[str]:
    """The lines of requirements.txt for these libraries; None: all."""
    lines = [line.split(" #")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()]
    found = {re.split(r"[=\[<>;]", line)[0]: line for line in lines if line and not line.startswith("#")}
    return list(found.values()) if names is None else [found[name] for name in names]


def _image(*libraries: str, alone: tuple[str, ...] = ()) -> modal.Image:
    """`alone`: installed without what they require."""
    image = modal.Image.debian_slim(python_version=PYTHON).pip_install(*libraries)
    if alone:
        image = image.pip_install(*alone, extra_options="--no-deps")
    image = image.env({**_ENGINE_ENV, **_SIZES_ENV, "PYTHONUNBUFFERED": "1"})
    return image.add_local_python_source("backend", ignore=["**/__pycache__/**", "**/*.pyc"])


LIBRARIES: Final = {
    "api": (*pins(API_LIBRARIES),),
    "reader": (*pins(), *READER_PINS),
    "speaker": (*pins(), *SPEAKER_PINS, *RECOGNISER_PINS),
}
"""Role -> what its image has pip install; `resolve.py` asks whether it can be."""

api_image = _image(*LIBRARIES["api"], alone=tuple(pins(API_DATA)))
"""The API and the pipeline."""
reader_image = _image(*LIBRARIES["reader"])
speaker_image = _image(*LIBRARIES["speaker"])
