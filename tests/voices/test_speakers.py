"""One speaker or two, as far as can be told. `benchmarks/speakers.py` measures it over all built-in voices."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import numpy as np
import pytest

from backend.acoustics import Samples
from backend.errors import InvalidRequest
from backend.synthesizers.base import Speech, Utterance, Voice
from backend.synthesizers.embedded import EmbeddedSynthesizer
from backend.voices.recordings import SAMPLE_RATE
from backend.voices.references import check, prepare_reference
from backend.voices.speakers import TWO_PEOPLE, division_score
from tests.support.recordings import encoded, phrase, rest

VOICES = ("sovits:narrator-v1", "sovits:youth-v1")
LINES = {
    "en": ("We should leave before the rain begins.", "My brother never read that letter."),
    "ja": ("雨が降る前に早く帰りましょう。", "弟は手紙を読みませんでした。"),
}


def joined(*parts: Samples, rate: int = SAMPLE_RATE) -> Samples:
    """With rests around them, all equally loud."""
    even = [(part * (0.06 / np.sqrt(np.mean(np.square(part))))).astype(np.float32) for part in parts]
    return np.concatenate([rest(0.3, rate), *itertools.chain.from_iterable((part, rest(0.3, rate)) for part in even)])


@pytest.fixture(scope="module")
def spoken() -> dict[str, list[Speech]]:
    """By language: both lines of the first voice and the last line of the second, as the embedded synthesizer speaks them."""

    async def speak() -> dict[str, list[Speech]]:
        engine = EmbeddedSynthesizer(workers=2)
        found = {}
        for lang, (first, second) in LINES.items():
            parts = ((VOICES[0], first), (VOICES[0], second), (VOICES[1], second))
            lines = [Utterance(text=text, lang=lang, voice=Voice(id=voice)) for voice, text in parts]
            found[lang] = [speech for speech in await engine.speak(lines) if isinstance(speech, Speech)]
        await engine.aclose()
        return found

    return asyncio.run(speak())


@pytest.mark.parametrize("lang", LINES)
def test_one_embedded_voice_is_one_speaker_and_two_are_two(spoken: Any, lang: str) -> None:
    first, second, by_another = spoken[lang]
    rate = first.sample_rate
    assert division_score(joined(first.samples, second.samples, rate=rate), rate) < TWO_PEOPLE
    assert division_score(joined(first.samples, by_another.samples, rate=rate), rate) > TWO_PEOPLE


@pytest.mark.parametrize("pitch_hz", [85.0, 120.0, 180.0, 250.0, 330.0])
@pytest.mark.parametrize("seed", range(3))
def test_one_speaker_of_any_pitch_is_taken_for_one(pitch_hz: float, seed: int) -> None:
    assert division_score(joined(phrase(2.4, pitch_hz, seed), phrase(2.6, pitch_hz, seed + 90)), SAMPLE_RATE) < TWO_PEOPLE


@pytest.mark.parametrize(
    "order", [(110, 200), (200, 110), (180, 300, 180), (110, 110, 200)], ids=lambda order: "-".join(map(str, order))
)
def test_two_people_are_noticed_in_whatever_order_they_speak(order: tuple[float, ...]) -> None:
    parts = [phrase(1.8, pitch_hz, seed) for seed, pitch_hz in enumerate(order)]
    with pytest.raises(InvalidRequest, match="More than one person"):
        prepare_reference(encoded(joined(*parts), "flac"), "What they said.")


@pytest.mark.parametrize("gain", [0.3, 1.0, 3.0])
def test_loudness_is_no_second_speaker(gain: float) -> None:
    parts = joined(phrase(2.2, 180.0, 1)), joined(phrase(2.2, 180.0, 2)) * gain
    check(np.concatenate(parts))


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), rest(4.0), phrase(0.3), phrase(1.0)], ids=len)
def test_what_is_too_short_to_tell_is_not_held_against_anybody(samples: Samples) -> None:
    assert division_score(samples, SAMPLE_RATE) == 0.0
