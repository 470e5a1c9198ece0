"""The checks themselves: damage is found, and right takes are let through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.synthesizers.sovits.conditioning import Conditioning, Reference
from backend.synthesizers.sovits.gate import (
    CHECKS,
    Take,
    check_duration,
    check_reference,
    check_repetition,
    check_rests,
    check_voice,
    judge,
    resemblance,
    says_twice,
    shares_words,
    trimmed,
)
from backend.synthesizers.sovits.pieces import cut
from tests.support.recordings import phrase
from tests.synthesizers.sovits.fake_gsv import RATE, FakeGsv, right
from tests.synthesizers.sovits.test_booth import CLIP

LINES = ["はい。", "え？", "今日はとてもいい天気ですね。", "あの山の向こうには何があるの？", "待ってくれ！", "静かに、しろ。"]


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Conditioning(FakeGsv()).place(CLIP)


def take(text: str, sound: np.ndarray, reference: Reference, speed: float = 1.0) -> Take:
    (piece,) = cut(text, "ja")
    return Take(sound.astype(np.float32), RATE, piece, reference, speed)


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("level", [0.1, 1.0, 3.0])
def test_a_right_take_passes_at_any_level(text: str, level: float, reference: Reference) -> None:
    assert judge(take(text, right(text, "ja", 180.0) * level, reference), CHECKS) is None


def test_a_fast_take_passes_when_it_was_asked_for(reference: Reference) -> None:
    sound = right(LINES[2], "ja", 180.0)[: round(0.45 * len(right(LINES[2], "ja", 180.0)))] * np.linspace(1, 0.2, 1).repeat(1)
    fade = np.minimum(1, np.linspace(len(sound) / 2000, 0, len(sound)))
    assert judge(take(LINES[2], sound * fade, reference, speed=1.9), CHECKS) is None
    assert "too short" in str(judge(take(LINES[2], sound * fade, reference), CHECKS))


def test_the_pace_of_a_clip_in_another_language_is_not_asked_of_a_line(reference: Reference) -> None:
    english = replace(reference, lang="en", seconds_per_unit=0.06)
    slow = phrase(4.1, 180.0, seed=7, rate=RATE)
    assert check_duration(take("そんなことを急に言われても私は困ります。", slow, english)) is None


def test_a_clip_measured_as_slower_than_anybody_talks_does_not_let_babble_pass(reference: Reference) -> None:
    sluggish = replace(reference, seconds_per_unit=2.0)
    babble = phrase(9.0, 180.0, seed=7, rate=RATE)
    assert "too long" in str(check_duration(take("今日はいい天気です。", babble, sluggish)))


def test_a_click_is_no_line_however_short_and_fast_the_line_may_be(reference: Reference) -> None:
    click = phrase(0.05, 180.0, seed=7, rate=RATE)
    hasty = replace(reference, seconds_per_unit=0.0)
    assert "too short" in str(check_duration(take("え？", click, hasty, speed=2.0)))


def test_a_take_of_which_little_is_heard_is_mostly_silent(reference: Reference) -> None:
    blip = np.concatenate([phrase(0.08, 180.0, seed=7, rate=RATE), np.zeros(RATE // 2, np.float32)])
    assert check_rests(take(LINES[2], np.tile(blip, 5), reference)) == "mostly silent"


@pytest.mark.parametrize(("speed", "reason"), [(1.0, None), (1.9, "falls silent in the middle")])
def test_a_fast_line_has_shorter_rests(reference: Reference, speed: float, reason: str | None) -> None:
    part = phrase(1.0, 180.0, seed=7, rate=RATE)
    assert check_rests(take(LINES[2], np.concatenate([part, np.zeros(RATE), part]), reference, speed)) == reason


@pytest.mark.parametrize("part", [slice(None, round(1.5 * RATE)), slice(-round(1.5 * RATE), None)], ids=["beginning", "end"])
def test_the_beginning_and_the_end_of_the_reference_are_recognised_before_a_line(reference: Reference, part: slice) -> None:
    leaked = np.concatenate([phrase(3.4, 180.0, seed=1000)[part], right(LINES[2], "ja", 180.0)])
    assert check_reference(take(LINES[2], leaked, reference)) == "the reference clip is heard"


def test_the_reference_is_recognised_at_another_tempo(reference: Reference) -> None:
    said = phrase(3.4, 180.0, seed=1000)
    slower = np.interp(np.arange(0, len(said), 0.95), np.arange(len(said)), said)
    assert resemblance(reference.bands[:60], reference.bands) > 0.9
    assert check_reference(take(LINES[2], slower, reference)) == "the reference clip is heard"


def test_a_line_that_shares_its_words_with_the_reference_may_sound_like_it(reference: Reference) -> None:
    assert check_reference(take("船が帰ってくる。", phrase(3.4, 180.0, seed=1000), reference)) is None


@pytest.mark.parametrize(
    ("manner_hz", "heard_hz", "reason"),
    [
        (180.0, 180.0, None),
        (180.0, 420.0, "in another voice"),
        (400.0, 420.0, None),
        (400.0, 190.0, None),
        (400.0, 120.0, None),
        (400.0, 75.0, "in another voice"),
        (None, 420.0, None),
    ],
    ids=["speaks", "speaks too high", "shouts", "shouts half as high", "shouts as it speaks", "shouts too low", "whispers"],
)
def test_a_manner_may_be_heard_anywhere_between_its_pitch_and_the_voices_own(
    reference: Reference, manner_hz: float | None, heard_hz: float, reason: str | None
) -> None:
    """A shout may lie more than an octave over the voice; a whisper has no pitch to compare with."""
    timbre, manner = replace(reference, pitch_hz=180.0), replace(reference, pitch_hz=manner_hz)
    heard = take(LINES[2], phrase(1.5, heard_hz, seed=7, rate=RATE), manner)
    assert check_voice(replace(heard, timbre=timbre)) == reason


def test_a_text_that_repeats_itself_may_be_heard_twice(reference: Reference) -> None:
    once = right("絶対に負けない。", "ja", 180.0)
    twice = np.concatenate([once, np.zeros(RATE // 5), once])
    assert check_repetition(take("そんなはずはない。", twice, reference)) == "said twice"
    assert check_repetition(take("負けない、負けない。", twice, reference)) is None


@pytest.mark.parametrize(
    ("text", "twice"), [("ははは", True), ("No, no, no!", True), ("だめだ、だめだ", True), ("今日はいい天気", False)]
)
def test_texts_that_say_a_thing_twice_are_known(text: str, twice: bool) -> None:
    assert says_twice(text) is twice


def test_shared_words_are_found_across_marks() -> None:
    assert shares_words("朝はいつも、早い", "港の朝はいつも早い。")
    assert not shares_words("夜はいつも遅い", "港の朝はとても早い。")


def test_rests_at_the_ends_are_trimmed_and_nothing_else() -> None:
    sound = right(LINES[2], "ja", 180.0)
    padded = np.concatenate([np.zeros(RATE), sound, np.zeros(RATE)]).astype(np.float32)
    assert abs(len(trimmed(padded, RATE)) - len(sound)) < 0.1 * RATE
    assert len(trimmed(np.zeros(RATE, np.float32), RATE)) == 0
