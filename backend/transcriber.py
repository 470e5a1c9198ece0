"""What writes down recordings that come without a transcript, by the settings: the model that SPEECH_CHECK_MODEL names."""

from __future__ import annotations

import importlib.util
import logging
import threading
from functools import cache
from typing import TYPE_CHECKING

from backend.acoustics import Samples
from backend.settings import Settings
from backend.voices.uploads import Transcribe

if TYPE_CHECKING:
    from backend.synthesizers.sovits.hearing import Recogniser

logger = logging.getLogger(__name__)


def make_transcriber(settings: Settings) -> Transcribe | None:
    """None where no model is named, or what runs it is not here: a process beside the one with the GPU has the same settings."""
    model = settings.speech_check_model
    if model is None:
        return None
    if importlib.util.find_spec("faster_whisper") is None or not (model / "model.bin").is_file():
        logger.warning(
            "Transcripts of recordings are required: the model of SPEECH_CHECK_MODEL, or the extra [check], is not here."
        )
        return None
    one_at_a_time = threading.Lock()

    @cache
    def recogniser() -> Recogniser:
        from backend.synthesizers.sovits.hearing import WhisperRecogniser  # noqa: PLC0415 - an extra

        return WhisperRecogniser(model)

    def transcribe(samples: Samples, sample_rate: int, lang: str) -> str:
        with one_at_a_time:  # loading takes seconds, and each recording all cores
            return recogniser().transcribe(samples, sample_rate, lang)

    return transcribe
