"""The voices every installation has, whichever engine speaks: data only. How one of them is made is each engine's own affair.

The order is the order of casting: narrator and main character, then voices for everybody else so that neighbours are far
apart in pitch (the second and the third character to appear often talk to each other), the neutral voice last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class BuiltinVoice:
    """One voice as a person, and the casting, want to know it."""

    id: str
    name: str
    description: str
    """One sentence."""
    pitch_hz: float
    """Approximate median pitch as spoken by the embedded engine."""
    gender: str
    """How it is heard: "feminine", "masculine" or "neutral"."""
    age: str
    """How it is heard: "child", "young", "adult" or "old"."""
    languages: tuple[str, ...] = ("ja", "en")


NARRATOR: Final = "sovits:narrator-v1"
MC: Final = "sovits:mc-v1"
NEUTRAL: Final = "sovits:neutral-v1"
"""For lines whose speaker is unknown: neither the narrator's nor the main character's voice."""

_VOICES = (
    BuiltinVoice("sovits:narrator-v1", "Narrator", "A clear, composed woman who tells the story.", 267, "feminine", "adult"),
    BuiltinVoice("sovits:mc-v1", "Main character", "A boyish, spirited lead.", 195, "masculine", "young"),
    BuiltinVoice("sovits:man-low-v1", "Man, low", "A grown man with a low, firm voice.", 90, "masculine", "adult"),
    BuiltinVoice("sovits:girl-bright-v1", "Girl, bright", "A cheerful, high-spirited girl.", 320, "feminine", "young"),
    BuiltinVoice("sovits:youth-v1", "Young man", "A friendly young man.", 138, "masculine", "young"),
    BuiltinVoice("sovits:woman-calm-v1", "Woman, calm", "A warm, even-tempered woman.", 250, "feminine", "adult"),
    BuiltinVoice("sovits:man-deep-v1", "Man, deep", "A big man with a very deep voice.", 81, "masculine", "adult"),
    BuiltinVoice("sovits:girl-soft-v1", "Girl, soft", "A gentle, quiet girl.", 296, "feminine", "young"),
    BuiltinVoice("sovits:rival-v1", "Rival", "A cool, level-headed young man.", 151, "masculine", "young"),
    BuiltinVoice("sovits:child-v1", "Child", "A small child.", 330, "neutral", "child"),
    BuiltinVoice("sovits:boy-v1", "Boy", "A boy before his voice breaks.", 235, "masculine", "child"),
    BuiltinVoice("sovits:man-warm-v1", "Man, warm", "A soft-spoken, kind man.", 127, "masculine", "adult"),
    BuiltinVoice("sovits:woman-low-v1", "Woman, low", "A self-assured woman with a low voice.", 195, "feminine", "adult"),
    BuiltinVoice("sovits:old-man-v1", "Old man", "An old man who takes his time.", 108, "masculine", "old"),
    BuiltinVoice("sovits:old-woman-v1", "Old woman", "An old woman with a dark, slow voice.", 195, "feminine", "old"),
    BuiltinVoice(
        "sovits:neutral-v1",
        "Neutral",
        "A plain voice of no particular age, for lines whose speaker is unknown.",
        170,
        "neutral",
        "adult",
    ),
)

BUILTIN_VOICES: Final[Mapping[str, BuiltinVoice]] = MappingProxyType({voice.id: voice for voice in _VOICES})
"""By id, in the order of casting."""

POOL: Final[tuple[str, ...]] = tuple(voice.id for voice in _VOICES if voice.id not in (NARRATOR, MC, NEUTRAL))
"""For characters other than the main one: consecutive picks differ by at least four semitones."""
