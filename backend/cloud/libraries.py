"""The heavy libraries of the engines, imported before a memory snapshot is taken. A library that is not there is missed later, by name."""

from __future__ import annotations

import importlib
from contextlib import suppress

from backend.settings import load_settings


def import_reader() -> None:
    """What the reader that READER names will import."""
    _import(*(("torch", "safetensors") if load_settings().reader == "magi" else ("onnxruntime", "cv2")))


def import_speaker() -> None:
    """What the synthesizer that SYNTHESIZER names will import."""
    _import(*(("torch", "transformers") if load_settings().synthesizer == "sovits" else ("onnxruntime", "pyopenjtalk")))


def _import(*names: str) -> None:
    for name in names:
        with suppress(ImportError):
            importlib.import_module(name)
