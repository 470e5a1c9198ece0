"""How well the checks of recordings tell one speaker from two, and how often a voice finds itself among the built-in ones.

    python benchmarks/speakers.py

Every built-in voice speaks three lines in each language with the embedded synthesizer. Recordings of one voice (single lines, lines
joined, both languages joined, moved in pitch by two and four semitones, with hiss) should pass; recordings in which two voices speak in
turn should be refused (`backend/voices/speakers.py`). Then each voice's own recordings are registered as a stranger's would be: an
engine that cannot clone should choose that voice, or one within two semitones of it. Takes about five minutes on two cores.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly  # type: ignore[import-untyped]

if not __package__:  # run as a file: its folder is on the path, not the checkout
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.acoustics import Samples, brightness_hz, median_pitch_hz
from backend.synthesizers.base import ReferenceClip, Speech, Style, Utterance, Voice
from backend.synthesizers.embedded import EmbeddedSynthesizer
from backend.synthesizers.embedded.voices import RECIPES, recipe_for
from backend.voices.builtin import BUILTIN_VOICES
from backend.voices.recordings import SAMPLE_RATE
from backend.voices.references import LONGEST_S
from backend.voices.speakers import TWO_PEOPLE, division_score

LINES = {
    "en": (
        "It was a quiet morning, and nobody had noticed the letter on the table.",
        "We should leave before the rain begins, my brother said.",
        "I have never seen such a large garden in all my life!",
    ),
    "ja": (
        "今日はとても静かな朝で、だれも手紙に気づきませんでした。",
        "雨が降る前に、早く家に帰りましょうと弟が言いました。",
        "こんなに大きな庭は、生まれて初めて見ました。",
    ),
}
NEAR_SEMITONES = 2.0
Clips = dict[tuple[str, str], list[Samples]]


async def spoken() -> Clips:
    """Voice and language -> its three lines at the rate of recordings, trimmed and equally loud."""
    engine = EmbeddedSynthesizer()
    found: Clips = {}
    for voice_id, lang in itertools.product(BUILTIN_VOICES, LINES):
        lines = [Utterance(text=text, lang=lang, voice=Voice(id=voice_id)) for text in LINES[lang]]
        found[voice_id, lang] = [_even(line) for line in await engine.speak(lines) if isinstance(line, Speech)]
    await engine.aclose()
    return found


def _even(line: Speech) -> Samples:
    samples = resample_poly(line.samples, SAMPLE_RATE, line.sample_rate)
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1]]
    return np.asarray(samples * (0.05 / np.sqrt(np.mean(np.square(samples)))), np.float32)


def joined(*parts: Samples) -> Samples:
    hush = np.random.default_rng(7).normal(size=round(0.3 * SAMPLE_RATE)).astype(np.float32) * 1e-4
    return np.concatenate([hush, *itertools.chain.from_iterable((part, hush) for part in parts)])[
        : round(LONGEST_S * SAMPLE_RATE)
    ]


def moved(samples: Samples, semitones: float) -> Samples:
    """As another, otherwise equal throat would say it."""
    return np.asarray(resample_poly(samples, 1000, round(1000 * 2 ** (semitones / 12))), np.float32)


def of_one(clips: Clips) -> Iterator[Samples]:
    rng = np.random.default_rng(2)
    for voice_id in BUILTIN_VOICES:
        for lang in LINES:
            first, second, third = clips[voice_id, lang]
            yield from map(joined, (first, second))
            yield from (joined(first, second), joined(second, third), joined(first, third), joined(first, second, third))
            yield from (moved(joined(second, third), semitones) for semitones in (-4, -2, 2, 4))
            quiet = joined(second, third)
            yield quiet + 0.003 * rng.normal(size=len(quiet)).astype(np.float32)
        yield joined(clips[voice_id, "en"][1], clips[voice_id, "ja"][2])


def of_two(clips: Clips) -> Iterator[Samples]:
    for one, other in itertools.combinations(BUILTIN_VOICES, 2):
        for lang in LINES:
            first, second = clips[one, lang], clips[other, lang]
            yield joined(first[1], second[2])
            half = len(first[0]) // 2
            yield joined(first[0][:half], second[1], first[0][half:])


def found_for(samples: Samples) -> str:
    """The built-in voice that would speak for a stranger who sounds like this."""
    clip = ReferenceClip(key="stranger", transcript="", lang="en")
    pitch, brightness = median_pitch_hz(samples, SAMPLE_RATE), brightness_hz(samples, SAMPLE_RATE)
    stranger = Voice(id="sovits:stranger", references={Style.NEUTRAL: clip}, pitch_hz=pitch, brightness_hz=brightness)
    recipe = recipe_for(stranger)
    return next(voice_id for voice_id, known in RECIPES.items() if known is recipe)


def main() -> None:
    clips = asyncio.run(spoken())
    alone = np.array([division_score(samples, SAMPLE_RATE) for samples in of_one(clips)])
    in_turn = np.array([division_score(samples, SAMPLE_RATE) for samples in of_two(clips)])
    print(f"one voice:  {len(alone)} recordings, {np.mean(alone > TWO_PEOPLE):.1%} refused, highest score {alone.max():.2f}")
    print(f"two voices: {len(in_turn)} recordings, {np.mean(in_turn > TWO_PEOPLE):.1%} refused (limit {TWO_PEOPLE})")
    for lang in LINES:
        chosen = [
            (voice_id, found_for(samples))
            for voice_id in BUILTIN_VOICES
            for first, second, third in [clips[voice_id, lang]]
            for samples in (first, second, joined(first, second), joined(second, third))
        ]
        away = [abs(12 * math.log2(RECIPES[a].pitch_hz / RECIPES[b].pitch_hz)) for a, b in chosen]
        itself = np.mean([a == b for a, b in chosen])
        near = np.mean(np.array(away) <= NEAR_SEMITONES)
        print(f"{lang}: {itself:.0%} of {len(chosen)} find themselves, {near:.0%} a voice within {NEAR_SEMITONES:.0f} semitones")


if __name__ == "__main__":
    main()
