from __future__ import annotations

from itertools import pairwise
from math import log2

import pytest

from backend.errors import SpeechFailed
from backend.synthesizers.base import ReferenceClip, Style, Voice
from backend.synthesizers.embedded.model import parse
from backend.synthesizers.embedded.voices import NEUTRAL, RECIPES, WHEEL_VECTORS, needed_vectors, recipe_for
from backend.voices import builtin

CLIP = {Style.NEUTRAL: ReferenceClip(key="voices/x/a.flac", transcript="はい。", lang="ja")}


def test_the_engine_has_a_recipe_for_every_built_in_voice_at_the_pitch_the_catalogue_tells() -> None:
    assert list(RECIPES) == list(builtin.BUILTIN_VOICES)
    assert NEUTRAL == builtin.NEUTRAL
    for voice_id, recipe in RECIPES.items():
        assert builtin.BUILTIN_VOICES[voice_id].pitch_hz == recipe.pitch_hz


def test_recipes_blend_whole_voices_from_vectors_there_are() -> None:
    for recipe in RECIPES.values():
        for timbre in (recipe.wheels, recipe.imported):
            assert sum(weight for _, weight in parse(timbre.blend)) == pytest.approx(1.0)
            assert abs(timbre.semitones) <= 5
        assert {name for name, _ in parse(recipe.wheels.blend)} <= WHEEL_VECTORS
        assert recipe.why
    assert needed_vectors()
    assert all(name[0] in "ab" for name in needed_vectors())


def test_no_two_voices_are_made_alike() -> None:
    assert len({recipe.wheels for recipe in RECIPES.values()}) == len(RECIPES)
    assert len({recipe.imported for recipe in RECIPES.values()}) == len(RECIPES)


def test_a_clone_is_spoken_by_the_nearest_voice() -> None:
    def nearest(pitch: float | None, brightness: float | None = None) -> str:
        voice = Voice(id="own:somebody", references=CLIP, pitch_hz=pitch, brightness_hz=brightness)
        return next(key for key, recipe in RECIPES.items() if recipe is recipe_for(voice))

    assert nearest(92) == "sovits:man-low-v1"
    assert nearest(330) in ("sovits:girl-bright-v1", "sovits:child-v1")
    assert nearest(60) == "sovits:man-deep-v1"
    assert nearest(None) == NEUTRAL
    assert log2(RECIPES[nearest(198, 390)].brightness_hz) < log2(RECIPES[nearest(198, 560)].brightness_hz)


def test_a_voice_that_is_neither_built_in_nor_recorded_is_refused() -> None:
    with pytest.raises(SpeechFailed, match="nobody"):
        recipe_for(Voice(id="sovits:nobody"))


def test_the_first_voices_of_the_catalogue_are_the_two_every_client_asks_for() -> None:
    assert list(builtin.BUILTIN_VOICES)[:2] == [builtin.NARRATOR, builtin.MC]
    assert builtin.NEUTRAL not in (builtin.NARRATOR, builtin.MC, *builtin.POOL)
    assert len(builtin.POOL) >= 12
    assert len({voice.name for voice in builtin.BUILTIN_VOICES.values()}) == len(builtin.BUILTIN_VOICES)


def test_consecutive_picks_from_the_pool_are_far_apart_in_pitch() -> None:
    pitches = [builtin.BUILTIN_VOICES[voice_id].pitch_hz for voice_id in builtin.POOL]
    assert min(12 * abs(log2(low / high)) for low, high in pairwise(pitches)) >= 4
