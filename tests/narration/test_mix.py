"""A page's sound: every line is heard, in order, at its cue; the cues lie inside the sound and their boxes on the page."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import SpeechFailed
from backend.narration.cues import Cue
from backend.narration.level import PEAK
from backend.narration.mix import EMPTY_PAGE_S, LEAD_IN_S, LEAD_OUT_S, mix, pause_s
from backend.readers.base import Kind
from tests.support.audio import as_speech, between, is_silent, main_frequency, padded, rms, speech_like, tone
from tests.support.lines import script_line

PAGE = (1000, 1500)
RATE = 24_000


def test_each_line_is_heard_at_its_cue() -> None:
    pitches = [220.0, 440.0, 880.0]
    lines = [(script_line(n), as_speech(padded(tone(hz, 0.6, RATE), RATE, head_s=0.3), RATE)) for n, hz in enumerate(pitches)]
    track = mix(lines, page_size=PAGE, sample_rate=RATE)
    for cue, hz in zip(track.cues, pitches, strict=True):
        assert main_frequency(between(track.samples, RATE, cue.start, cue.end), RATE) == pytest.approx(hz, abs=3)


def test_between_cues_there_is_silence() -> None:
    lines = [(script_line(n), as_speech(speech_like(0.5, RATE, seed=n), RATE)) for n in range(4)]
    track = mix(lines, page_size=PAGE, sample_rate=RATE)
    edges = [0.0, *(edge for cue in track.cues for edge in (cue.start, cue.end)), track.duration_s]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        assert end - start > 0.1
        # Cues are rounded to the millisecond; the sound of a line may reach half of one past its cue.
        assert not between(track.samples, RATE, start + 0.001, end - 0.001).any()


def test_lines_of_loud_and_soft_voices_are_equally_loud() -> None:
    speeches = [as_speech(speech_like(1.0, RATE, rms=level), RATE) for level in (0.01, 0.3)]
    track = mix([(script_line(n), speech) for n, speech in enumerate(speeches)], page_size=PAGE, sample_rate=RATE)
    soft, loud = (rms(between(track.samples, RATE, cue.start, cue.end)) for cue in track.cues)
    assert 20 * math.log10(loud / soft) == pytest.approx(0, abs=0.5)


def test_a_page_on_which_nothing_is_said_is_a_short_silence() -> None:
    track = mix([], page_size=PAGE, sample_rate=RATE)
    assert track.duration_s == pytest.approx(EMPTY_PAGE_S)
    assert track.cues == ()
    assert is_silent(track.samples)


@pytest.mark.parametrize("bad", [np.zeros(RATE), np.full(RATE, np.nan), np.zeros(0)])
def test_a_line_without_sound_fails_the_page_and_is_named(bad: np.ndarray) -> None:
    good = (script_line(3), as_speech(speech_like(0.5, RATE), RATE))
    with pytest.raises(SpeechFailed, match="Line 7"):
        mix([good, (script_line(7), as_speech(bad.astype(np.float32), RATE))], page_size=PAGE, sample_rate=RATE)


def test_a_line_from_an_engine_with_another_rate_keeps_its_pitch() -> None:
    track = mix([(script_line(), as_speech(tone(500, 0.6, 32_000), 32_000))], page_size=PAGE, sample_rate=RATE)
    (cue,) = track.cues
    assert main_frequency(between(track.samples, RATE, cue.start, cue.end), RATE) == pytest.approx(500, abs=3)
    assert cue.end - cue.start == pytest.approx(0.6, abs=0.05)


def test_pauses_are_longest_around_narration_and_shortest_within_one_speaker() -> None:
    ken, aya = script_line(speaker="Ken"), script_line(speaker="Aya")
    caption = script_line(speaker="Narrator", kind=Kind.NARRATION)
    assert pause_s(ken, ken) < pause_s(ken, aya) < pause_s(ken, caption) == pause_s(caption, ken)
    assert pause_s(script_line(), script_line()) == pause_s(ken, aya)
    assert pause_s(caption, caption) == pause_s(ken, ken)


def test_each_pause_is_that_of_the_two_lines_around_it() -> None:
    speakers = ["Ken", "Aya", "Aya", None, None]
    lines = [
        (script_line(n, speaker=speaker), as_speech(speech_like(0.3, RATE, seed=n), RATE)) for n, speaker in enumerate(speakers)
    ]
    cues = mix(lines, page_size=PAGE, sample_rate=RATE).cues
    pauses = [after.start - before.end for before, after in pairwise(cues)]
    expected = [pause_s(before, after) for (before, _), (after, _) in pairwise(lines)]
    assert pauses == pytest.approx(expected, abs=0.002)
    assert all(0.2 < pause < 0.8 for pause in pauses), "one hears that another line begins, and does not wait for it"


def test_pauses_shrink_for_a_listener_who_asked_for_faster_speech() -> None:
    assert pause_s(script_line(), script_line(speed=2.0)) == pytest.approx(pause_s(script_line(), script_line()) / 2)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_whatever_the_lines_cues_are_ordered_inside_the_sound_and_on_the_page(data: st.DataObject) -> None:
    rate = data.draw(st.sampled_from([16_000, 24_000, 32_000]))
    anything = st.floats(allow_nan=True, allow_infinity=True)
    lines = data.draw(
        st.lists(
            st.builds(
                lambda text, speaker, kind, box, seconds, level, seed: (
                    script_line(0, text, spoken="x", speaker=speaker, kind=kind, box=box),
                    as_speech(padded(speech_like(seconds, rate, seed=seed, rms=level), rate, head_s=0.05), rate),
                ),
                text=st.text(st.characters(codec=None), max_size=20),
                speaker=st.none() | st.text(max_size=5),
                kind=st.sampled_from(Kind),
                box=st.tuples(anything, anything, anything, anything),
                seconds=st.floats(0.08, 1.0),
                level=st.floats(0.005, 0.3),
                seed=st.integers(0, 99),
            ),
            min_size=1,
            max_size=5,
        )
    )
    track = mix(lines, page_size=PAGE, sample_rate=rate)
    assert len(track.cues) == len(lines)
    assert np.abs(track.samples).max() <= PEAK
    assert track.samples.dtype == np.float32
    before = 0.0
    for cue in track.cues:
        assert before < cue.start < cue.end < track.duration_s
        before = cue.end
        x0, y0, x1, y1 = cue.box
        assert 0 <= x0 <= x1 <= PAGE[0]
        assert 0 <= y0 <= y1 <= PAGE[1]
        assert all(0 <= edge <= 100 for edge in cue.box_percent)
        assert Cue.model_validate_json(cue.model_dump_json()) == cue
    assert track.cues[0].start == pytest.approx(LEAD_IN_S, abs=0.001)
    assert track.duration_s - track.cues[-1].end == pytest.approx(LEAD_OUT_S, abs=0.001)
