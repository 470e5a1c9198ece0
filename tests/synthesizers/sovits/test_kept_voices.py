"""What is kept of voices between calls: clips and few-shot checkpoints, the least recently used of which give way."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.errors import SpeechFailed
from backend.synthesizers.base import Speech
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.booth import MOST_CHECKPOINTS, Booth, Models
from backend.synthesizers.sovits.conditioning import ClipBytes
from tests.synthesizers.sovits.fake_gsv import FakeGsv
from tests.synthesizers.sovits.test_booth import BASE, CLIP, OTHER, TEXT, THIRD, clip, line


def trained(number: int) -> Models:
    return Models(f"t/{number}/gpt", f"t/{number}/sovits", str(number))


def paths(*numbers: int) -> set[str]:
    return {path for number in numbers for path in (trained(number).gpt, trained(number).sovits)}


def times_heard(engine: FakeGsv, voice: ClipBytes, sovits: str) -> int:
    return sum(times for heard, times in engine.heard.items() if heard.endswith(f"{voice.content_hash}.flac|{sovits}"))


def test_the_clip_not_used_for_longest_gives_way_not_the_one_that_came_first() -> None:
    engine = FakeGsv()
    booth = Booth(engine, BASE, seed=engine.seed, most_clips=2)
    always, once, new = (clip(number) for number in range(3))

    for voice in (always, once, always, new, always):
        booth.speak([line(TEXT, voice)])

    assert {Path(path).stem for path in engine.timbres} == {always.content_hash, new.content_hash}
    assert times_heard(engine, always, BASE.sovits) == 1, "who speaks all the time is never forgotten"
    booth.close()


def test_one_recording_in_two_languages_is_two_clips() -> None:
    assert ClipBytes(CLIP.data, "No", "en").content_hash != ClipBytes(CLIP.data, "No", "ja").content_hash


def test_a_few_shot_voice_speaks_with_its_own_checkpoint_and_its_neighbour_with_the_base() -> None:
    engine = FakeGsv()
    booth = Booth(engine, BASE, seed=engine.seed)

    booth.speak([line(TEXT, models=trained(1)), line(OTHER), line(THIRD, models=trained(2))])

    spoken = [(call["texts"], call["gpt_model"], call["sovits_model"]) for call in engine.calls]
    assert spoken == [
        ([text], models.gpt, models.sovits) for text, models in ((TEXT, trained(1)), (OTHER, BASE), (THIRD, trained(2)))
    ]
    for models in (BASE, trained(1), trained(2)):
        assert times_heard(engine, CLIP, models.sovits) == 1, "each checkpoint hears the clip with its own ears"
    booth.close()


def test_the_checkpoint_not_used_for_longest_gives_way_and_a_kept_one_is_loaded_once() -> None:
    engine = FakeGsv()
    booth = Booth(engine, BASE, seed=engine.seed)
    for number in (*range(MOST_CHECKPOINTS), 0, MOST_CHECKPOINTS):
        booth.speak([line(TEXT, models=trained(number))])

    assert sorted(engine.loaded) == sorted(paths(0, *range(2, MOST_CHECKPOINTS + 1))), "1 gave way, and 0 was never loaded twice"
    assert times_heard(engine, CLIP, trained(0).sovits) == 1
    booth.close()


def test_a_checkpoint_that_comes_back_hears_the_clip_anew() -> None:
    """The engine forgot what it had derived when the checkpoint was unloaded."""
    engine = FakeGsv()
    booth = Booth(engine, BASE, seed=engine.seed)
    for number in (*range(MOST_CHECKPOINTS + 1), 0):
        (result,) = booth.speak([line(TEXT, models=trained(number))])
        assert isinstance(result, Speech)

    assert times_heard(engine, CLIP, trained(0).sovits) == 2
    booth.close()


def test_a_trained_checkpoint_is_named_by_its_folder_and_its_halves_are_told_apart(tmp_path: Path) -> None:
    found = Models.trained(tmp_path / "aya-3")

    assert found == Models(str(tmp_path / "aya-3" / "gpt"), str(tmp_path / "aya-3" / "sovits"), "aya-3")


def test_a_clip_the_engine_cannot_use_fails_its_own_lines_only() -> None:
    refused = clip(7)

    class Deaf(FakeGsv):
        def cache_spk_audio(self, *spk_audio_paths: str, sovits_model: str) -> None:
            if any(refused.content_hash in path for path in spk_audio_paths):
                raise ValueError("Reference audio is outside the 3-10 second range")
            super().cache_spk_audio(*spk_audio_paths, sovits_model=sovits_model)

    engine = Deaf()
    booth = Booth(engine, BASE, seed=engine.seed)
    failed, spoken = booth.speak([line(TEXT, refused), line(OTHER)])

    assert isinstance(failed, SpeechFailed)
    assert "cannot use the voice's reference clip" in failed.detail
    assert isinstance(spoken, Speech)
    assert engine.batches == [[OTHER]]
    booth.close()


def test_a_checkpoint_begins_with_clean_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeGsv()
    cleared: list[list[str]] = []
    monkeypatch.setattr(gsv, "reset", lambda _: cleared.append(list(engine.loaded)))
    booth = Booth(engine, BASE, seed=engine.seed)

    booth.speak([line(TEXT, models=trained(1))])

    assert cleared == [[trained(1).gpt, trained(1).sovits]], "once, when both halves are there"
    booth.close()
