from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from backend.acoustics import median_pitch_hz
from backend.synthesizers.base import Pronunciation, Speech, Utterance, Voice
from backend.synthesizers.embedded import DraftSynthesizer, EmbeddedSynthesizer

TEXT = {"ja": "そんなの、知らないよ。本当に。", "en": "I never knew about any of that."}


@pytest.fixture(scope="module")
def draft() -> Iterator[DraftSynthesizer]:
    engine = DraftSynthesizer(workers=2)
    yield engine
    asyncio.run(engine.aclose())


async def speak(engine: DraftSynthesizer, text: str, lang: str, voice: str, speed: float = 1.0) -> Speech:
    [result] = await engine.speak([Utterance(text=text, lang=lang, voice=Voice(id=voice), speed=speed)])
    assert isinstance(result, Speech), result
    return result


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_a_draft_speaks_at_the_rate_of_the_default_engine_and_equal_lines_alike(draft: DraftSynthesizer, lang: str) -> None:
    first = await speak(draft, TEXT[lang], lang, "sovits:narrator-v1")
    second = await speak(draft, TEXT[lang], lang, "sovits:narrator-v1")
    assert first.sample_rate == EmbeddedSynthesizer.sample_rate
    assert first.samples.dtype == np.float32
    assert 1.0 < first.duration_s < 4.0
    assert 0.01 < np.abs(first.samples).max() <= 1.0
    assert np.array_equal(first.samples, second.samples)


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_voices_of_a_draft_are_told_apart_by_pitch_at_the_same_pace(draft: DraftSynthesizer, lang: str) -> None:
    speeches = [
        await speak(draft, TEXT[lang], lang, voice) for voice in ("sovits:man-low-v1", "sovits:mc-v1", "sovits:girl-bright-v1")
    ]
    pitches = [median_pitch_hz(speech.samples, speech.sample_rate) or 0.0 for speech in speeches]
    assert pitches == sorted(pitches)
    assert pitches[0] * 1.5 < pitches[2]
    lengths = [speech.duration_s for speech in speeches]
    assert max(lengths) / min(lengths) < 1.4


async def test_speed_and_pauses_are_heard_in_a_draft_too(draft: DraftSynthesizer) -> None:
    slow = await speak(draft, TEXT["ja"], "ja", "sovits:mc-v1", 0.7)
    fast = await speak(draft, TEXT["ja"], "ja", "sovits:mc-v1", 1.4)
    assert slow.duration_s > 1.5 * fast.duration_s
    paused = await speak(draft, "Well…maybe.", "en", "sovits:mc-v1")
    plain = await speak(draft, "Well maybe.", "en", "sovits:mc-v1")
    assert paused.duration_s > plain.duration_s + 0.2


def test_a_draft_and_a_finished_line_are_never_taken_for_each_other() -> None:
    assert DraftSynthesizer().fingerprint != EmbeddedSynthesizer().fingerprint


async def test_a_word_with_phonemes_sounds_as_they_say(draft: DraftSynthesizer) -> None:
    plain = Utterance(text="It is Kaede.", lang="en", voice=Voice(id="sovits:mc-v1"))
    said = (Pronunciation(word="Kaede", phonemes="kɑˈɛdA"),)
    as_word, by_phonemes = await draft.speak([plain, plain.model_copy(update={"pronunciations": said})])
    assert isinstance(as_word, Speech)
    assert isinstance(by_phonemes, Speech)
    assert by_phonemes.duration_s > as_word.duration_s + 0.1, "three syllables where the dictionary guesses one"
