"""PP-OCRv6 small on onnxruntime: finds the lines of a page and reads them, with the recogniser's posteriors at hand.

The weights come inside the rapidocr wheel (Apache-2.0); its own pipeline is not used, because only the posteriors show where a
small kana was let go by (`ctc.py`). The trap: the recogniser was trained on lines padded to 320 pixels and reads short ones worse
without the padding.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image

from backend.errors import ConfigurationError
from backend.readers.embedded.ctc import Glyph, confidence_of, decode
from backend.readers.embedded.detector import FoundLine, LineDetector, Pixels, cut_out, tight_box
from backend.readers.embedded.line import Line
from backend.readers.embedded.recognizer import MIN_RECOGNITION_WIDTH
from backend.readers.embedded.second_look import DOUBTFUL, Reading, best, other_cuts

DETECTION_MODEL: Final = "PP-OCRv6_det_small.onnx"
RECOGNITION_MODEL: Final = "PP-OCRv6_rec_small.onnx"
LINE_HEIGHT: Final = 48
MAX_LINE_WIDTH: Final = 3200
"""Pixels of a line as the recogniser takes it."""


class PaddleOnnxRecognizer:
    """A `Recognizer`; see the module."""

    def __init__(self, threads: int) -> None:
        self._detector = LineDetector(_session(DETECTION_MODEL, threads))
        self._session = _session(RECOGNITION_MODEL, threads)
        self._input = self._session.get_inputs()[0].name
        characters = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._alphabet = ["", *characters, " "]

    def lines(self, image: Image.Image) -> list[Line]:
        page = np.asarray(image, dtype=np.uint8)
        lines = []
        for found in self._detector.find(page):
            for part, glyphs in self._look(page, found):
                text = "".join(glyph.character for glyph in glyphs).strip()
                if text:
                    lines.append(Line(*tight_box(part, cut_out(page, part)), text, confidence_of(glyphs), part.angle))
        return lines

    def _look(self, page: Pixels, found: FoundLine) -> Reading:
        """What a found line says; it may turn out to be two lines."""
        pixels = cut_out(page, found)
        first = [(found, self._read(pixels, found.vertical))]
        if confidence_of(first[0][1]) >= DOUBTFUL:
            return first
        cuts = other_cuts(found, pixels)
        return best(first, ([(cut, self._read(cut_out(page, cut), cut.vertical)) for cut in parts] for parts in cuts))

    def _read(self, pixels: Pixels, vertical: bool) -> list[Glyph]:
        # A column is laid on its side, its top to the left, as the recogniser was trained.
        row = np.rot90(pixels) if vertical else pixels
        posteriors, used = self._posteriors(np.ascontiguousarray(row))
        return decode(posteriors, self._alphabet, used)

    def _posteriors(self, row: Pixels) -> tuple[NDArray[np.float32], float]:
        """[steps, alphabet], and the share of the steps that is not padding."""
        width = min(MAX_LINE_WIDTH, max(8, round(LINE_HEIGHT * row.shape[1] / row.shape[0])))
        scaled = cv2.resize(row, (width, LINE_HEIGHT), interpolation=cv2.INTER_LINEAR)
        batch = np.zeros((1, 3, LINE_HEIGHT, max(MIN_RECOGNITION_WIDTH, width)), np.float32)
        batch[0, :, :, :width] = (scaled[:, :, ::-1].astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)
        posteriors: NDArray[np.float32] = self._session.run(None, {self._input: batch})[0][0]
        return posteriors, width / batch.shape[3]


def _session(model: str, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # The arena would keep the memory of the largest page for good.
    options.enable_cpu_mem_arena = False
    # Spinning threads would hold cores that the synthesizer, which works beside us, could use.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(_weights() / model), options, providers=["CPUExecutionProvider"])


def _weights() -> Path:
    # The folder is found without importing rapidocr, which would import its own pipeline.
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise ConfigurationError("The OCR weights come with the package rapidocr, which is not installed.")
    return Path(spec.origin).parent / "models"
