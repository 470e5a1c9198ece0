"""A small catalogue of voices with known pitches, for tests of the casting."""

from __future__ import annotations

from backend.synthesizers.base import Voice
from backend.voices.catalogue import DEFAULT_MC, DEFAULT_NARRATOR, Catalogue, ListedVoice, RegisteredVoices

PITCHES_HZ = {
    DEFAULT_NARRATOR: 255.0,
    DEFAULT_MC: 185.0,
    "sovits:girl-v1": 280.0,
    "sovits:man-v1": 95.0,
    "sovits:boy-v1": 210.0,
    "sovits:woman-v1": 235.0,
    "sovits:elder-v1": 75.0,
    "sovits:child-v1": 340.0,
}


def small_catalogue(registered: RegisteredVoices | None = None) -> Catalogue:
    """Eight built-in voices."""
    listed = {key: ListedVoice(Voice(id=key), f"The voice {key}", pitch_hz) for key, pitch_hz in PITCHES_HZ.items()}
    return Catalogue(listed, registered)
