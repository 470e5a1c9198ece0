"""One line's sound stands beside the others: same loudness, no clipping, no clicks; and silence is never passed on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly  # type: ignore[import-untyped]

from backend.errors import SpeechFailed
from backend.narration import level as module
from backend.narration.level import PEAK, TARGET_LUFS, level, loudness, resampled
from tests.support.audio import main_frequency, padded, speech_like, tone

RATE = 24_000


@pytest.mark.parametrize("rms", [0.002, 0.02, 0.1, 0.4])
@pytest.mark.parametrize("duration_s", [0.15, 0.35, 0.8, 3.0])
def test_lines_of_any_level_and_length_come_out_at_one_loudness(rms: float, duration_s: float) -> None:
    levelled = level(speech_like(duration_s, RATE, rms=rms), RATE)
    assert loudness(levelled, RATE) == pytest.approx(TARGET_LUFS, abs=1.0)


@pytest.mark.parametrize("rate", [24_000, 32_000, 44_100])
def test_no_peak_passes_the_limit_not_even_between_samples(rate: int) -> None:
    sound = speech_like(2.0, rate, rms=0.02)
    sound[rate // 2 : rate // 2 + 30] = 0.99
    levelled = level(sound, rate)
    assert np.abs(levelled).max() <= PEAK
    assert np.abs(resample_poly(levelled, 8, 1)).max() <= PEAK * 1.03


def test_the_limiter_bends_peaks_and_does_not_cut_them_flat() -> None:
    levelled = level(speech_like(2.0, RATE, rms=0.02), RATE)
    at_limit = np.abs(levelled) >= PEAK - 1e-6
    assert not (at_limit[1:] & at_limit[:-1]).any()


def test_silence_around_a_line_goes_and_soft_beginnings_stay() -> None:
    loud, soft = speech_like(1.0, RATE), speech_like(0.12, RATE, rms=0.05 * 10 ** (-30 / 20))
    line = padded(np.concatenate([soft, loud]), RATE, head_s=0.7, tail_s=1.1)
    assert len(level(line, RATE)) / RATE == pytest.approx(1.12, abs=0.08)


def test_a_hiss_in_the_pauses_of_a_recording_is_not_taken_for_speech() -> None:
    line = padded(speech_like(1.0, RATE, rms=0.1), RATE, head_s=1.0, tail_s=1.0)
    hiss = np.random.default_rng(1).normal(scale=0.0002, size=len(line)).astype(np.float32)
    assert len(level(line + hiss, RATE)) / RATE == pytest.approx(1.0, abs=0.1)


def test_a_line_begins_and_ends_without_a_click() -> None:
    levelled = level(tone(437.0, 0.5, RATE) + np.float32(0.05), RATE)
    assert abs(levelled[0]) < 0.01
    assert abs(levelled[-1]) < 0.01
    assert np.abs(np.diff(levelled[:20])).max() < 0.05


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.zeros(0, dtype=np.float32), id="nothing"),
        pytest.param(np.zeros(RATE, dtype=np.float32), id="digital silence"),
        pytest.param(speech_like(1.0, RATE, rms=1e-4), id="noise floor"),
        pytest.param(np.full(RATE, np.nan, dtype=np.float32), id="nan"),
        pytest.param(np.full(RATE, np.inf, dtype=np.float32), id="infinity"),
        pytest.param(np.zeros((2, RATE), dtype=np.float32), id="stereo"),
        pytest.param(padded(tone(440, 0.005, RATE), RATE, head_s=0.5, tail_s=0.5), id="a click"),
    ],
)
def test_what_is_not_speech_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(SpeechFailed):
        level(samples, RATE)


def test_one_broken_sample_in_a_good_line_is_refused_too() -> None:
    line = speech_like(1.0, RATE)
    line[500] = np.nan
    with pytest.raises(SpeechFailed, match="not numbers"):
        level(line, RATE)


def test_the_engines_samples_are_left_alone() -> None:
    line = speech_like(0.5, RATE)
    copy = line.copy()
    level(line, RATE)
    assert np.array_equal(line, copy)


def test_resampling_keeps_pitch_and_duration() -> None:
    other = resampled(tone(440, 1.0, 24_000), 24_000, 32_000)
    assert len(other) == 32_000
    assert main_frequency(other, 32_000) == pytest.approx(440, abs=2)
    assert other.dtype == np.float32


def test_importing_the_module_does_not_import_scipy() -> None:
    # The server imports it before it listens, and SciPy's signal package alone takes half a second.
    assert not {"pyloudnorm", "resample_poly", "minimum_filter1d", "scipy"} & vars(module).keys()
