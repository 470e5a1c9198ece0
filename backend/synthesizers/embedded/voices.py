"""How each built-in voice is made here: which style vectors, how blended, how far shifted.

Measured with `python benchmarks/speech.py` (pitch: median of voiced frames; brightness: spectral centroid of the line).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

from backend.errors import SpeechFailed
from backend.synthesizers.base import Voice
from backend.synthesizers.embedded.model import parse


@dataclass(frozen=True, slots=True)
class Timbre:
    """A blend of Kokoro style vectors, moved by semitones (formants move along), at its own pace."""

    blend: str
    semitones: float = 0.0
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """One built-in voice: its timbre per language, and how it measures."""

    ja: Timbre
    en: Timbre
    """From the vectors the wheels carry."""
    en_imported: Timbre
    """From the official English vectors, where they are imported (`tanoshi voices import`)."""
    pitch_hz: float
    brightness_hz: float
    why: str


RECIPES: Mapping[str, Recipe] = {
    "sovits:narrator-v1": Recipe(
        Timbre("jf_alpha", pace=0.95), Timbre("jf_alpha", pace=0.95), Timbre("am_michael", pace=0.95), 268, 1500, ""
    ),
    "sovits:mc-v1": Recipe(
        Timbre("jf_alpha*0.5+jm_kumo*0.5", 2),
        Timbre("jf_alpha*0.5+jm_kumo*0.5", 2),
        Timbre("af_heart*0.5+am_puck*0.5"),
        185,
        1400,
        "",
    ),
    "sovits:neutral-v1": Recipe(
        Timbre("jf_nezumi*0.6+jm_kumo*0.4"),
        Timbre("jf_nezumi*0.6+jm_kumo*0.4"),
        Timbre("af_kore*0.6+am_fenrir*0.4"),
        160,
        1400,
        "",
    ),
}

NEUTRAL = "sovits:neutral-v1"
_BRIGHTNESS_COUNTS = 0.5
"""An octave of brightness weighs half as much as an octave of pitch: it is what tells two voices of one pitch apart."""


def recipe_for(voice: Voice) -> Recipe:
    """The recipe of a built-in voice; for a cloned one, the built-in voice that sounds nearest.

    Raises:
        SpeechFailed: a voice without recordings that is not built in.
    """
    if recipe := RECIPES.get(voice.id):
        return recipe
    if not voice.references:
        raise SpeechFailed(f"There is no voice {voice.id[:100]!r} here")
    if voice.pitch_hz is None and voice.brightness_hz is None:
        return RECIPES[NEUTRAL]
    return min(RECIPES.values(), key=lambda recipe: _distance(recipe, voice))


def _distance(recipe: Recipe, voice: Voice) -> float:
    """In octaves."""
    away = abs(log2(voice.pitch_hz / recipe.pitch_hz)) if voice.pitch_hz else 0.0
    if voice.brightness_hz:
        away += _BRIGHTNESS_COUNTS * abs(log2(voice.brightness_hz / recipe.brightness_hz))
    return away


def needed_vectors() -> frozenset[str]:
    """Names of the imported vectors that English recipes use."""
    return frozenset(name for recipe in RECIPES.values() for name, _ in parse(recipe.en_imported.blend))
