"""Recordings without a transcript, written down by SovitsSpeaker: the API's container has no recogniser, and no room for one."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from backend.acoustics import Samples
from backend.cloud.calls import call
from backend.errors import Unavailable
from backend.settings import Settings
from backend.voices.uploads import Transcribe

logger = logging.getLogger(__name__)

FETCH: Final = "modal run backend/modal_app.py::download_weights --which whisper"
WAIT_S: Final = 120.0
"""A cold start and a recording of half a minute. The uploader waits for it, and Modal gives a reply 150 s to begin; who is told to try
again finds the container awake."""


def cloud_transcriber(settings: Settings, speaker: Any) -> Transcribe | None:
    """None where no recogniser lies on the volume. To be called in the event loop that serves requests, and used on its workers.

    Args:
        speaker: an instance of the class; it is woken by the first recording.
    """
    model = settings.speech_check_model
    if model is None or not (model / "model.bin").is_file():
        logger.info("Recordings need transcripts: no recogniser lies on the volume. `%s` fetches one; deploy again then.", FETCH)
        return None
    loop = asyncio.get_running_loop()

    def transcribe(samples: Samples, sample_rate: int, lang: str) -> str:
        """Raises Unavailable: the worker does not answer in time."""
        asked = asyncio.run_coroutine_threadsafe(call(speaker.transcribe, samples, sample_rate, lang), loop)
        try:
            return str(asked.result(WAIT_S))
        except TimeoutError as error:
            asked.cancel()
            raise Unavailable("Nobody could listen to the recording; send its transcript, or try again.") from error

    return transcribe
