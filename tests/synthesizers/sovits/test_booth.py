"""What the engine does wrong never reaches the ear. Each test provokes one fault; the stand-in at the engine's seam commits it."""

from __future__ import annotations

import gc
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.errors import SpeechFailed, Unavailable
from backend.synthesizers.base import Speech
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.booth import MOST_CHECKPOINTS, MOST_PIECES, SAMPLE_RATE, Booth, Line, Models
from backend.synthesizers.sovits.conditioning import ClipBytes, Conditioning
from backend.synthesizers.sovits.gate import CHECKS
from tests.support.recordings import encoded, phrase, rest
from tests.synthesizers.sovits.fake_gsv import FakeGsv, right

BASE = Models("weights/s1v3", "weights/s2Gv2ProPlus")
SAID = "港の朝はいつも早い。船が帰ってくる。"
TEXT = "今日はとてもいい天気ですね。"
OTHER = "あの山の向こうには何があるの？"
THIRD = "ずっと前から知っていたよ。"


def clip(seed: int = 0, pitch_hz: float = 180.0, duration_s: float = 3.4) -> ClipBytes:
    return ClipBytes(encoded(phrase(duration_s, pitch_hz, seed=1000 + seed), "flac"), SAID, "ja")


CLIP = clip()


def line(text: str = TEXT, voice: ClipBytes = CLIP, **other: object) -> Line:
    return Line(**{"text": text, "lang": "ja", "speed": 1.0, "timbre": voice, "manner": voice, "models": BASE} | other)  # type: ignore[arg-type]


@pytest.fixture
def engine() -> FakeGsv:
    return FakeGsv()


@pytest.fixture
def booth(engine: FakeGsv) -> Iterator[Booth]:
    booth = Booth(engine, BASE, seed=engine.seed)
    yield booth
    booth.close()


def durations(results: list[Speech | SpeechFailed]) -> list[float]:
    assert all(isinstance(result, Speech) for result in results), results
    return [result.duration_s for result in results if isinstance(result, Speech)]


def test_a_pages_lines_of_several_voices_are_one_batched_call(booth: Booth, engine: FakeGsv) -> None:
    voices = [clip(number) for number in range(4)]
    texts = [TEXT, OTHER, THIRD] * 4

    results = booth.speak([line(text, voices[number % 4]) for number, text in enumerate(texts)])

    assert engine.batches == [texts]
    assert not engine.singles
    assert len(durations(results)) == 12


def test_results_come_in_the_order_of_the_lines_whatever_they_are_grouped_by(booth: Booth, engine: FakeGsv) -> None:
    fast = line(OTHER, speed=1.2)

    results = booth.speak([line(TEXT), fast, line(THIRD), line("…")])

    assert len(engine.batches) == 2
    alone = [durations(booth.speak([one]))[0] for one in (line(TEXT), fast, line(THIRD))]
    assert durations(results[:3]) == alone
    assert isinstance(results[3], SpeechFailed)


def test_one_empty_result_costs_only_itself(booth: Booth, engine: FakeGsv) -> None:
    engine.faults[OTHER] = ["breaks"] * 3 + [""]
    texts = [TEXT, THIRD, OTHER, "そうだね、行こう。", "待ってくれ、頼むから。"]

    results = booth.speak([line(text) for text in texts])

    assert len(durations(results)) == 5
    assert [OTHER] in engine.batches, "the batch was halved until the broken line stood alone"
    assert engine.singles == [OTHER]


def test_a_line_spoken_again_has_another_seed_every_time(booth: Booth, engine: FakeGsv) -> None:
    engine.faults[TEXT] = ["silent", "silent", "silent", ""]

    booth.speak([line(TEXT), line(OTHER)])

    assert engine.singles == [TEXT, TEXT, TEXT]
    assert len(set(engine.seeds)) == len(engine.seeds) == 4


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("silent", "silent"),
        ("cut short", "too short"),
        ("amputated", "cut short"),
        ("clipped", "distorted"),
        ("twice", "said twice|too long"),
        ("endless", "too long"),
        ("nan", "NaN"),
        ("reference", "too long|the reference clip is heard"),
        ("reference first", "too long|the reference clip is heard"),
        ("another voice", "in another voice"),
        ("falls silent", "too long|falls silent"),
        ("breaks", "no sound"),
    ],
)
def test_a_fault_is_never_heard(booth: Booth, engine: FakeGsv, fault: str, reason: str) -> None:
    engine.faults[TEXT] = [fault, fault, ""]
    good = durations(booth.speak([line(THIRD)]))

    assert durations(booth.speak([line(TEXT), line(THIRD)]))[1:] == good, "spoken by retry, and its neighbour unharmed"

    engine.faults[TEXT] = [fault] * 99
    failed, neighbour = booth.speak([line(TEXT), line(THIRD)])
    assert isinstance(failed, SpeechFailed), "or reported failed"
    assert re.search(reason, failed.detail), failed.detail
    assert isinstance(neighbour, Speech)


def test_a_line_that_keeps_failing_ends_after_a_bounded_number_of_tries(booth: Booth, engine: FakeGsv) -> None:
    engine.faults[TEXT] = ["silent"] * 99
    booth.speak([line(TEXT)])
    assert len(engine.batches) + len(engine.singles) <= 5


@pytest.mark.parametrize("text", ["", "…", "！？", "っ", "ーーー", "♪〜", "、。", "『』"])
def test_unspeakable_text_never_reaches_the_engine(booth: Booth, engine: FakeGsv, text: str) -> None:
    (result,) = booth.speak([line(text)])

    assert isinstance(result, SpeechFailed)
    assert not engine.calls


def test_the_language_is_forced_and_the_text_ends_with_a_mark(booth: Booth, engine: FakeGsv) -> None:
    booth.speak([line("うん"), line("Wait for me", lang="en"), line("何だって？")])

    (call,) = engine.calls
    assert call["text_languages"] == ["ja", "en", "ja"]
    assert call["prompt_languages"] == ["ja"] * 3
    assert call["texts"] == ["うん。", "Wait for me.", "何だって？"]
    assert call["is_cut_text"] is False


def test_a_pause_inside_a_line_is_a_breath_of_silence(booth: Booth) -> None:
    (whole,) = booth.speak([line("それはつまり…もう会えないということなの？")])

    assert isinstance(whole, Speech)
    quiet = np.abs(whole.samples) < 1e-4
    runs = np.diff(np.flatnonzero(np.concatenate(([True], ~quiet, [True]))))
    assert runs.max() / SAMPLE_RATE == pytest.approx(0.3, abs=0.15)


def test_the_rests_an_engine_leaves_at_both_ends_are_not_part_of_the_line(booth: Booth, engine: FakeGsv) -> None:
    (bare,) = durations(booth.speak([line(TEXT)]))
    say, quiet = engine._say, np.zeros(SAMPLE_RATE // 2, np.float32)
    engine._say = lambda *said: np.concatenate([quiet, say(*said), quiet])  # type: ignore[method-assign, arg-type, list-item]

    assert durations(booth.speak([line(TEXT)])) == [pytest.approx(bare, abs=0.07)]


def test_equal_calls_give_equal_seeds_and_other_lines_other_ones(engine: FakeGsv) -> None:
    for _ in range(2):
        booth = Booth(engine, BASE, seed=engine.seed)
        booth.speak([line(TEXT), line(OTHER)])
        booth.close()
    first, again = engine.seeds
    Booth(engine, BASE, seed=engine.seed).speak([line(OTHER), line(TEXT)])
    assert first == again != engine.seeds[-1]


def test_a_voice_is_conditioned_once_however_often_it_speaks(booth: Booth, engine: FakeGsv) -> None:
    for _ in range(3):
        booth.speak([line(TEXT), line(OTHER), line(THIRD, clip(1))])
    assert set(engine.heard.values()) == {1}
    assert len(engine.heard) == 4, "two clips, each as timbre and as manner"


def test_the_style_clip_is_the_manner_and_the_neutral_clip_the_timbre(booth: Booth, engine: FakeGsv) -> None:
    shout = clip(5, 220.0)
    booth.speak([line(TEXT, manner=shout)])

    (call,) = engine.calls
    assert call["spk_audio_paths"] != call["prompt_audio_paths"]
    assert engine.timbres == set(call["spk_audio_paths"])  # type: ignore[call-overload]
    assert engine.manners == set(call["prompt_audio_paths"])  # type: ignore[call-overload]


def test_clips_are_named_by_content_and_the_least_used_are_forgotten(engine: FakeGsv) -> None:
    booth = Booth(engine, BASE, seed=engine.seed, most_clips=3)
    for number in range(7):
        booth.speak([line(TEXT, clip(number))])
    last = {str(path) for call in engine.calls[-3:] for path in call["spk_audio_paths"]}  # type: ignore[attr-defined]

    assert engine.timbres == engine.manners == last
    assert {str(path) for path in Path(next(iter(last))).parent.iterdir()} == last
    booth.close()
    assert not Path(next(iter(last))).parent.exists()


def test_one_call_may_need_more_voices_than_are_kept(engine: FakeGsv) -> None:
    booth = Booth(engine, BASE, seed=engine.seed, most_clips=2)
    assert len(durations(booth.speak([line(TEXT, clip(number)) for number in range(5)]))) == 5
    assert len(engine.timbres) == 2
    booth.close()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (clip(duration_s=2.0), "must be 3 to 10 s"),
        (clip(duration_s=11.0), "must be 3 to 10 s"),
        (ClipBytes(b"junk", SAID, "ja"), "cannot be decoded"),
        (ClipBytes(CLIP.data, "…", "ja"), "no transcript"),
        (ClipBytes(encoded(rest(4.0), "flac"), SAID, "ja"), "hardly any speech"),
        (ClipBytes(CLIP.data, SAID * 20, "ja"), "cannot be what is said"),
        (ClipBytes(CLIP.data, "あ。", "ja"), "cannot be what is said"),
    ],
)
def test_a_bad_reference_fails_its_own_lines_only(booth: Booth, bad: ClipBytes, reason: str) -> None:
    failed, spoken = booth.speak([line(TEXT, bad), line(TEXT)])
    assert isinstance(failed, SpeechFailed)
    assert reason in failed.detail
    assert isinstance(spoken, Speech)


def test_few_shot_voices_are_grouped_by_checkpoint_and_few_stay_loaded(booth: Booth, engine: FakeGsv) -> None:
    trained = [Models(f"t/{number}/gpt", f"t/{number}/sovits", str(number)) for number in range(MOST_CHECKPOINTS + 2)]

    booth.speak([line(text, models=models) for text in (TEXT, OTHER) for models in (BASE, *trained)])

    assert engine.batches == [[TEXT, OTHER]] * (1 + len(trained)), "one call a checkpoint"
    assert engine.loaded == [path for models in trained[2:] for path in (models.gpt, models.sovits)]


def test_a_checkpoint_that_does_not_load_fails_its_own_lines_only(booth: Booth, engine: FakeGsv) -> None:
    engine.unloadable.add("t/gpt")
    failed, spoken = booth.speak([line(TEXT, models=Models("t/gpt", "t/sovits", "t")), line(TEXT)])
    assert isinstance(failed, SpeechFailed)
    assert "checkpoint does not load" in failed.detail
    assert isinstance(spoken, Speech)


def test_a_lost_gpu_is_not_taken_for_a_bad_line(booth: Booth, engine: FakeGsv, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.faults[TEXT] = ["breaks"]
    monkeypatch.setattr(gsv, "is_device_fault", lambda error: isinstance(error, RuntimeError))
    with pytest.raises(Unavailable):
        booth.speak([line(TEXT)])


def test_a_very_long_call_is_several_batches(booth: Booth, engine: FakeGsv) -> None:
    booth.speak([line(TEXT)] * (MOST_PIECES + 1))
    assert [len(batch) for batch in engine.batches] == [MOST_PIECES, 1]


def test_memory_is_flat_over_a_thousand_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeGsv()
    booth = Booth(engine, BASE, seed=lambda _: None, checks=CHECKS[:2], most_clips=4)
    voices = [clip(number) for number in range(12)]
    text = "It was a quiet morning."
    sound = right(text, "en", 180.0)
    monkeypatch.setattr(engine, "_say", lambda *_: sound.copy())

    def chapter(lines: int) -> int:
        for start in range(0, lines, 10):
            booth.speak([line(text, voices[start // 50 % 12], lang="en")] * 10)
            for records in (engine.batches, engine.calls, engine.heard):
                records.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        warm = chapter(200)
        grown = chapter(1000) - warm
    finally:
        tracemalloc.stop()
    assert grown < 100_000, f"{grown} bytes more after 1,000 lines"
    assert len(engine.timbres) == 4
    booth.close()


def test_one_recording_with_two_transcripts_is_two_clips(engine: FakeGsv) -> None:
    clips = Conditioning(engine)
    one, other, again = (
        clips.place(ClipBytes(CLIP.data, said, "ja")) for said in (SAID, "港の朝はいつも早い。風が冷たい。", SAID)
    )
    assert one.path != other.path
    assert one is again
    assert len(clips) == 2
    clips.close()


@pytest.mark.parametrize("closed", [True, False])
def test_clips_leave_no_files_behind_also_where_nobody_closes_them(engine: FakeGsv, closed: bool) -> None:
    clips = Conditioning(engine)
    folder = Path(clips.place(CLIP).path).parent
    assert len(list(folder.iterdir())) == 1
    if closed:
        clips.close()
    else:
        del clips
        gc.collect()
    assert not folder.exists()
