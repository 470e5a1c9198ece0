"""A take that went wrong is made again: by itself, with what was asked for, from clean caches, from another seed."""

from __future__ import annotations

import numpy as np
import pytest

from backend.synthesizers.base import Speech
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.booth import SAMPLE_RATE, Booth, Line, Models
from backend.synthesizers.sovits.conditioning import ClipBytes
from tests.synthesizers.sovits.fake_gsv import FakeClip, FakeGsv
from tests.synthesizers.sovits.test_booth import BASE, CLIP, OTHER, TEXT, THIRD, clip, line

ENGLISH = ClipBytes(CLIP.data, "The harbour wakes early.", "en")
MANNER = clip(5, 220.0)
TRAINED = Models("t/one/gpt", "t/one/sovits", "one")


def booth_of(engine: FakeGsv) -> Booth:
    return Booth(engine, BASE, seed=engine.seed)


def sounds(booth: Booth, *lines: Line) -> list[np.ndarray]:
    results = booth.speak(lines)
    assert all(isinstance(result, Speech) for result in results), results
    return [result.samples for result in results if isinstance(result, Speech)]


class Forgetful(FakeGsv):
    """Leaves a line out of a batch without a word, as the engine does with one it found nothing for."""

    def infer_batched(self, **call: object) -> list[FakeClip]:
        spoken = super().infer_batched(**call)
        texts: list[str] = call["texts"]  # type: ignore[assignment]
        return [said for said, text in zip(spoken, texts, strict=True) if text != OTHER or len(texts) == 1]


def test_a_batch_with_fewer_sounds_than_lines_gives_no_line_another_ones_sound() -> None:
    lines = [line(TEXT), line(OTHER), line(THIRD), line("そうだね、行こう。")]
    alone = [sounds(booth_of(FakeGsv()), one)[0] for one in lines]

    together = sounds(booth_of(Forgetful()), *lines)

    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(together, alone, strict=True))


def test_lines_that_went_well_are_not_spoken_again_and_what_is_left_is_one_batch() -> None:
    engine = FakeGsv(faults={TEXT: ["silent", ""], OTHER: ["silent", ""]})

    sounds(booth_of(engine), line(TEXT), line(THIRD), line(OTHER))

    assert engine.batches == [[TEXT, THIRD, OTHER], [TEXT, OTHER]]
    assert not engine.singles


def test_a_broken_batch_is_halved_so_that_few_calls_find_the_line() -> None:
    texts = [f"これは{number}番目の言葉です。" for number in range(16)]
    engine = FakeGsv(faults={texts[-1]: [*["breaks"] * 5, ""]})

    sounds(booth_of(engine), *(line(text) for text in texts))

    assert [len(batch) for batch in engine.batches] == [16, 8, 8, 4, 4, 2, 2, 1, 1]
    assert engine.singles == texts[-1:]


@pytest.mark.parametrize("texts", [[TEXT], [TEXT, OTHER]], ids=["alone", "in company"])
def test_every_try_has_a_seed_of_its_own(texts: list[str]) -> None:
    engine = FakeGsv(faults={text: ["silent"] * 3 + [""] for text in texts})

    sounds(booth_of(engine), *(line(text) for text in texts))

    tries = len(engine.batches) + len(engine.singles)
    assert tries >= 4
    assert len(engine.seeds) == len(set(engine.seeds)) == tries


@pytest.mark.parametrize(
    "other",
    [
        {"text": OTHER},
        {"lang": "en"},
        {"speed": 1.2},
        {"timbre": clip(1)},
        {"manner": clip(1)},
        {"models": TRAINED},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_is_said_by_whom_and_how_decides_the_seed(other: dict[str, object]) -> None:
    def seed_of(**asked: object) -> int:
        engine = FakeGsv()
        booth_of(engine).speak([line(**{"text": "1 2 3 4 5 6 7", **asked})])  # type: ignore[arg-type]
        return engine.seeds[0]

    assert seed_of() == seed_of() != seed_of(**other)


def test_a_checkpoint_has_the_same_seed_wherever_it_lies() -> None:
    def seed_of(folder: str) -> int:
        engine = FakeGsv()
        sounds(booth_of(engine), line(TEXT, models=Models(f"{folder}/gpt", f"{folder}/sovits", "mine")))
        return engine.seeds[0]

    assert seed_of("here") == seed_of("there")


def test_a_line_tried_alone_is_asked_for_as_it_was_in_the_batch() -> None:
    engine = FakeGsv(faults={"Wait for me.": ["silent", ""]})

    sounds(booth_of(engine), line("Wait for me", lang="en", speed=1.2, manner=MANNER, models=TRAINED, timbre=ENGLISH))

    batched, single = engine.calls
    for one, many in (
        ("text", "texts"),
        ("text_language", "text_languages"),
        ("spk_audio_path", "spk_audio_paths"),
        ("prompt_audio_path", "prompt_audio_paths"),
        ("prompt_audio_text", "prompt_audio_texts"),
        ("prompt_language", "prompt_languages"),
    ):
        assert [single[one]] == batched[many], one
    assert (single["prompt_audio_text"], single["prompt_language"]) == (MANNER.transcript, MANNER.lang)
    assert single["spk_audio_path"] != single["prompt_audio_path"]
    for call in (batched, single):
        assert (call["speed"], call["gpt_model"], call["sovits_model"]) == (1.2, TRAINED.gpt, TRAINED.sovits)


def test_the_engines_caches_are_cleared_before_every_further_try(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeGsv(faults={TEXT: ["nan"] * 4 + [""], OTHER: ["nan", "nan", ""]})
    cleared: list[int] = []
    monkeypatch.setattr(gsv, "reset", lambda _: cleared.append(len(engine.calls)))

    sounds(booth_of(engine), line(TEXT), line(OTHER))

    assert cleared == list(range(1, len(engine.calls)))


def test_a_breath_lies_between_what_it_divides_and_lasts_a_third_of_a_second() -> None:
    booth = booth_of(FakeGsv())
    first, second, whole = sounds(booth, line("もう会えない。"), line("そう言ったのか？"), line("もう会えない…そう言ったのか？"))
    breath = np.zeros(round(0.3 * SAMPLE_RATE), np.float32)
    assert np.array_equal(whole, np.concatenate([first, breath, second]))


def test_a_long_line_is_not_torn_apart_where_no_pause_is_printed() -> None:
    booth = booth_of(FakeGsv())
    sentences = [f"昔々あるところに、おじいさんとおばあさんが{number}人住んでいました。" for number in (1, 2, 3)]
    first, *others = alone = sounds(booth, *map(line, ("もう会えないのですね。", *sentences)))
    breath = np.zeros(round(0.3 * SAMPLE_RATE), np.float32)

    whole, after_a_pause = sounds(booth, line("".join(sentences)), line("もう会えないのですね…" + "".join(sentences)))

    assert len(alone) == 4
    assert np.array_equal(whole, np.concatenate(others))
    assert np.array_equal(after_a_pause, np.concatenate([first, breath, *others])), "one breath for one pause"
