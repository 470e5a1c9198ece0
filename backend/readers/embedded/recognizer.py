"""The OCR engine behind one small protocol: an RGB page in, lines of print out. Not a reader: it knows no bubbles.

Two wheels carry the same PP-OCRv6 `small` weights. Those of rapidocr run on onnxruntime under our own hands (`paddle_onnx.py`), on
every platform; faster-paddle is a closed pipeline that gives words only, and stands in where rapidocr is not installed. The trap:
faster-paddle's default model, `tiny`, knows no Japanese, and its `medium` downloads.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version
from typing import Any, Final, Protocol

from PIL import Image

from backend.errors import ConfigurationError
from backend.readers.embedded.line import Line

MIN_RECOGNITION_WIDTH: Final = 320
"""Lines are padded to this width before they are read (pixels at 48 px height); short lines read worse without."""

ENGINES: Final = ("rapidocr", "faster-paddle")
"""Distribution names, the preferred one first."""

MODULES: Final = {"rapidocr": "rapidocr", "faster-paddle": "faster_paddle"}


class Recognizer(Protocol):
    """Finds and reads the lines of a page. Blocking; called from one thread at a time."""

    def lines(self, image: Image.Image) -> list[Line]:
        """Every line found in an RGB image, in no particular order, in pixels of `image`."""
        ...


class FasterPaddleRecognizer:
    """PP-OCRv6 small through faster-paddle."""

    def __init__(self, threads: int) -> None:
        # It carries no types and loads 60 MB: imported by name, when wanted.

        self._engine: Any = import_module("faster_paddle").OcrEngine(
            model_size="small", threads=threads, rec_min_width=MIN_RECOGNITION_WIDTH
        )

    def lines(self, image: Image.Image) -> list[Line]:
        # The engine takes encoded bytes only; BMP costs next to nothing to write and to read.
        encoded = io.BytesIO()
        image.save(encoded, "BMP")
        found = self._engine.ocr(encoded.getvalue())["bounds"].values()
        return _plausible((*line["topLeftCoord"], *line["bottomRightCoord"], line["text"], line["confidence"]) for line in found)


def installed_engine() -> str | None:
    """The distribution `make_recognizer` will use; None if neither is installed. Imports nothing heavy."""
    return next((name for name in ENGINES if importlib.util.find_spec(MODULES[name]) is not None), None)


def engine_fingerprint() -> str:
    """Name and version of the engine in use: other weights may read the same page in another way."""
    name = installed_engine()
    return "none" if name is None else f"{name}-{version(name)}"


def make_recognizer(threads: int, engine: str | None = None) -> Recognizer:
    """Loads the engine (0.2-1 s). `engine` forces one of `ENGINES`.

    Raises:
        ConfigurationError: neither engine is installed, or the one found does not start.
    """
    name = engine or installed_engine()
    try:
        if name == "faster-paddle":
            return FasterPaddleRecognizer(threads)
        if name == "rapidocr":
            from backend.readers.embedded.paddle_onnx import PaddleOnnxRecognizer  # noqa: PLC0415 - imports OpenCV and onnxruntime

            return PaddleOnnxRecognizer(threads)
    except (ImportError, OSError, RuntimeError) as error:
        raise ConfigurationError(f"The embedded reader's OCR engine {name} does not start: {error}") from error
    raise ConfigurationError("The embedded reader needs rapidocr with onnxruntime, or faster-paddle; neither is installed.")


def _plausible(found: Iterable[tuple[Any, ...]]) -> list[Line]:
    """What an engine returned, as lines: numbers coerced, empty boxes dropped."""
    lines = []
    for x0, y0, x1, y1, text, confidence in found:
        words = str(text).strip()
        if words and float(x1) > float(x0) and float(y1) > float(y0):
            clamped = min(1.0, max(0.0, float(confidence)))
            lines.append(Line(float(x0), float(y0), float(x1), float(y1), words, clamped))
    return lines
