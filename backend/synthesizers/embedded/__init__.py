"""Synthesizers that run where the service runs: no GPU, no account, nothing to download.

    EmbeddedSynthesizer  Kokoro-82M (int8) for Japanese and English; the default
    DraftSynthesizer     much faster and plainer; for tests and first listens

Neither has styles: loudness is evened out by the pipeline, and a pitch that is shifted by resampling is another person's voice, so a
shout is said as the words and their marks make it.

Importing this room costs nothing: models and their libraries are imported when an engine loads.
"""

from backend.synthesizers.embedded.draft import DraftSynthesizer
from backend.synthesizers.embedded.kokoro import EmbeddedSynthesizer

__all__ = ["DraftSynthesizer", "EmbeddedSynthesizer"]
