"""What is known of a registered voice, and what was stored of it by earlier releases."""

from __future__ import annotations

import json

import pytest

from backend.synthesizers.base import ReferenceClip, Style
from backend.voices.manifest import VoiceManifest, VoiceStatus

STORED = {
    "slug": "aya",
    "name": "Aya",
    "mode": "zero_shot",
    "lang": "en",
    "consent": {"statement": "I agree.", "by": "Aya", "at": 1.0},
    "created_at": 1.0,
    "status": "ready",
    "reason": None,
    "transcript": "What I say.",
    "uploads": {},
    "reference": {"key": "voices/everyone/aya/clips/0123.flac", "transcript": "What I say.", "lang": "en"},
    "clips": [],
    "pitch_hz": 220.0,
    "brightness_hz": 900.0,
    "checkpoint": None,
    "superseded": [],
    "trainings": [],
    "events": [{"seq": 1, "at": 1.0, "status": "ready", "detail": None, "progress": None}],
}
"""As it was written before voices had manners."""
WHISPER = ReferenceClip(key="voices/everyone/aya/clips/4567.flac", transcript="Hush.", lang="en")


@pytest.fixture
def voice() -> VoiceManifest:
    return VoiceManifest.model_validate_json(json.dumps(STORED))


def test_a_voice_stored_before_there_were_manners_is_what_it_was(voice: VoiceManifest) -> None:
    assert voice.offered == (Style.NEUTRAL,)
    assert list(voice.voice().references) == [Style.NEUTRAL]
    assert voice.revision == "bd1c509e3510a64e", "or every line it has spoken would be spoken again"


def test_what_is_stored_is_read_as_it_was(voice: VoiceManifest) -> None:
    whispers = voice.offering(Style.WHISPER, WHISPER)
    assert VoiceManifest.model_validate_json(whispers.model_dump_json()) == whispers


def test_the_revision_follows_the_manners(voice: VoiceManifest) -> None:
    other = WHISPER.model_copy(update={"transcript": "Hush, hush."})
    found = [
        voice,
        voice.offering(Style.WHISPER, WHISPER),
        voice.offering(Style.SAD, WHISPER),
        voice.offering(Style.WHISPER, other),
        voice.offering(Style.WHISPER, WHISPER).offering(Style.SAD, WHISPER),
    ]
    assert len({manifest.revision for manifest in found}) == len(found)
    both = voice.offering(Style.SAD, WHISPER).offering(Style.WHISPER, WHISPER)
    assert both.revision == found[-1].revision
    assert both.without(Style.SAD).without(Style.WHISPER) == voice


def test_manners_alone_are_no_voice(voice: VoiceManifest) -> None:
    waiting = voice.model_copy(update={"reference": None}).offering(Style.SAD, WHISPER)
    assert not waiting.speakable
    assert waiting.offered == ()


def test_what_is_told_of_a_failed_voice_does_not_become_the_reason(voice: VoiceManifest) -> None:
    failed = voice.moved(VoiceStatus.FAILED, 2.0, detail="Too short.").told(3.0, "It offers the style sad now.")
    assert (failed.status, failed.reason, failed.events[-1].seq) == (VoiceStatus.FAILED, "Too short.", 3)
