from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.acoustics import median_pitch_hz
from backend.errors import SpeechFailed
from backend.synthesizers.embedded import sound

RATE = 24_000


def tone(hz: float, seconds: float = 1.0, level: float = 0.5) -> NDArray[np.float32]:
    return np.asarray(level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE), np.float32)


def test_trimming_takes_the_silence_at_the_ends_and_leaves_the_pauses_inside() -> None:
    rest = sound.silence(0.5, RATE)
    line = np.concatenate([rest, tone(200), rest, tone(200), rest])
    trimmed = sound.trim(line, RATE)
    assert len(trimmed) / RATE == pytest.approx(2.5 + 0.09, abs=0.01)
    assert np.array_equal(sound.trim(trimmed, RATE), trimmed)


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros(1000, np.float32)])
def test_trimming_silence_leaves_nothing(samples: NDArray[np.float32]) -> None:
    assert len(sound.trim(samples, RATE)) == 0


@pytest.mark.parametrize("semitones", [-3, -1, 2, 5])
def test_a_shift_moves_the_pitch_by_its_semitones_and_shortens_accordingly(semitones: int) -> None:
    ratio = 2 ** (semitones / 12)
    shifted = sound.faster_and_higher(tone(150), ratio)
    pitch = median_pitch_hz(shifted, RATE)
    assert pitch is not None
    assert 12 * np.log2(pitch / 150) == pytest.approx(semitones, abs=0.35)
    assert len(shifted) == pytest.approx(RATE / ratio, rel=0.001)


def test_a_shift_upwards_folds_nothing_back_into_what_one_hears() -> None:
    """10.5 kHz times 1.3 lies beyond half the rate: it has to vanish, not to come back at 10.3 kHz."""
    shifted = sound.faster_and_higher(tone(10_500), 1.3)
    assert np.abs(shifted[500:-500]).max() < 0.01


def test_a_line_beyond_full_scale_is_scaled_not_clipped() -> None:
    loud = tone(200, level=1.5)
    scaled = sound.whole(loud)
    assert np.abs(scaled).max() <= 1.0
    assert np.allclose(scaled / np.abs(scaled).max(), loud / np.abs(loud).max(), atol=1e-5)
    quiet = tone(200, level=0.2)
    assert sound.whole(quiet) is quiet


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.zeros(5000, np.float32),
        tone(200, level=0.001),
        np.full(100, np.nan, np.float32),
        np.array([0.5, np.inf], np.float32),
    ],
)
def test_silence_and_broken_samples_are_failures_with_a_reason(samples: NDArray[np.float32]) -> None:
    with pytest.raises(SpeechFailed, match="The synthesizer returned"):
        sound.whole(samples)


def test_a_line_far_too_short_or_far_too_long_for_its_phonemes_is_a_failure() -> None:
    sound.plausible(tone(200, 1.0), RATE, 12, 1.0)
    sound.plausible(tone(200, 0.5), RATE, 12, 2.0)
    sound.plausible(tone(200, 0.9), RATE, 1, 1.0)
    with pytest.raises(SpeechFailed, match="cut short"):
        sound.plausible(tone(200, 0.3), RATE, 40, 1.0)
    with pytest.raises(SpeechFailed, match="too long"):
        sound.plausible(tone(200, 5.0), RATE, 4, 1.0)
