"""Whose voice it is and in which manner: the clips a line is spoken from, with a stand-in at the engine's seam."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.errors import SpeechFailed
from backend.synthesizers.base import Pronunciation, ReferenceClip, Speech, Style, Voice
from backend.synthesizers.sovits.builtin import voice_folder
from backend.synthesizers.sovits.engine import SovitsSynthesizer
from backend.synthesizers.sovits.gate import Take, check_voice
from tests.support.recordings import encoded, whispered
from tests.synthesizers.sovits.fake_gsv import FakeGsv
from tests.synthesizers.sovits.test_engine import CLIPS, SAID, clip_source, say, voice
from tests.synthesizers.sovits.test_queue import standing_in


async def test_a_voice_with_a_style_is_prompted_with_it_and_keeps_its_timbre(tmp_path: Path) -> None:
    engine = FakeGsv()
    synthesizer = standing_in(engine, tmp_path)
    clips = {
        Style.NEUTRAL: ReferenceClip(key="voices/a.flac", transcript=SAID, lang="ja"),
        Style.SHOUT: ReferenceClip(key="voices/b.flac", transcript=SAID, lang="ja"),
    }
    actor = Voice(id="sovits:actor", references=clips)

    await synthesizer.speak([say("待ってくれ！！", actor, style=style) for style in (Style.NEUTRAL, Style.SHOUT, Style.WHISPER)])

    (call,) = engine.calls
    timbres, manners = call["spk_audio_paths"], call["prompt_audio_paths"]
    assert len(set(timbres)) == 1  # type: ignore[call-overload]
    assert [path in timbres for path in manners] == [True, False, True]  # type: ignore[attr-defined, operator]
    await synthesizer.aclose()


async def test_a_manner_that_was_taken_away_is_spoken_as_all_else_and_a_voice_without_its_own_clip_not_at_all(
    tmp_path: Path,
) -> None:
    engine = FakeGsv()
    synthesizer = standing_in(engine, tmp_path)
    here, gone = (ReferenceClip(key=f"voices/{name}.flac", transcript=SAID, lang="ja") for name in ("a", "gone"))
    actors = [
        Voice(id="sovits:actor", references={Style.NEUTRAL: one, Style.SHOUT: other})
        for one, other in ((here, gone), (gone, here))
    ]

    shouted, failed = await synthesizer.speak([say("待ってくれ！！", actor, style=Style.SHOUT) for actor in actors])

    assert isinstance(shouted, Speech)
    assert isinstance(failed, SpeechFailed)
    assert engine.calls[0]["spk_audio_paths"] == engine.calls[0]["prompt_audio_paths"]
    await synthesizer.aclose()


async def test_a_whispered_line_is_not_refused_for_the_pitch_of_its_breath(tmp_path: Path) -> None:
    judged: list[Take] = []

    def noted(take: Take) -> str | None:
        judged.append(take)
        return check_voice(take)

    async def clips(key: str) -> bytes:
        return await clip_source(key) if key != "voices/whisper.flac" else encoded(whispered(3.4, 1), "flac")

    synthesizer = SovitsSynthesizer(tmp_path, clips, open_tts=FakeGsv, checks=(noted,))
    own, whisper = (ReferenceClip(key=f"voices/{name}.flac", transcript=SAID, lang="ja") for name in ("a", "whisper"))
    actor = Voice(id="sovits:actor", references={Style.NEUTRAL: own, Style.WHISPER: whisper})

    assert [type(line) for line in await synthesizer.speak([say("（静かに。）", actor, style=Style.WHISPER)])] == [Speech]
    (take,) = judged
    assert take.reference.pitch_hz is None
    assert take.timbre is not None
    assert take.timbre.pitch_hz == pytest.approx(180, rel=0.06)
    await synthesizer.aclose()


async def test_an_operators_clips_of_a_built_in_voice_are_its_manners_in_either_language(tmp_path: Path) -> None:
    engine = FakeGsv()
    folder = voice_folder(tmp_path / "voices", "sovits:mc-v1")
    folder.mkdir(parents=True)
    for name, clip in (("neutral.ja", "a"), ("neutral.en", "b"), ("shout.ja", "b")):
        (folder / f"{name}.flac").write_bytes(CLIPS[f"voices/{clip}.flac"])
        (folder / f"{name}.txt").write_text(SAID if name.endswith("ja") else "The harbour wakes early.", encoding="utf-8")
    synthesizer = standing_in(engine, tmp_path)
    hero = Voice(id="sovits:mc-v1")

    await synthesizer.speak(
        [say("待って。", hero), say("待って！！", hero, style=Style.SHOUT), say("Wait!!", hero, "en", style=Style.SHOUT)]
    )

    (call,) = engine.calls
    assert call["prompt_languages"] == ["ja", "ja", "ja"]
    plain, shouted, english = zip(call["spk_audio_paths"], call["prompt_audio_paths"], strict=True)  # type: ignore[call-overload]
    assert plain[0] == plain[1] == shouted[0] != english[0]
    assert shouted[1] == english[1] != plain[1], "there is no English shout, so the Japanese one is the manner"
    await synthesizer.aclose()


async def test_a_word_with_phonemes_is_said_by_its_reading(tmp_path: Path) -> None:
    engine = FakeGsv()
    synthesizer = standing_in(engine, tmp_path)
    said = (Pronunciation(word="Kaede", phonemes="kɑˈɛdA", reading="kah-eh-day"), Pronunciation(word="Ken", phonemes="kˈɛn"))
    await synthesizer.speak([say("Where are Kaede and Ken today?", lang="en", pronunciations=said)])
    assert engine.batches == [["Where are kah-eh-day and Ken today?"]]
    await synthesizer.aclose()


async def test_clips_are_fetched_once_and_the_bytes_kept_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, fetched = CLIPS["voices/a.flac"], []

    async def source(key: str) -> bytes:
        fetched.append(key)
        return clip

    monkeypatch.setattr("backend.synthesizers.sovits.engine._MOST_CLIP_BYTES_KEPT", 3 * len(clip))
    synthesizer = SovitsSynthesizer(tmp_path, source, open_tts=FakeGsv, checks=())

    for key in "aabcaad":
        await synthesizer.speak([say("はい。", voice(key))])
    assert fetched == ["a", "b", "c", "d"]
    await synthesizer.speak([say("はい。", voice("b"))])
    assert fetched[4:] == ["b"], "the one not heard for longest was let go"
    assert sum(map(len, synthesizer._clip_bytes.values())) <= 3 * len(clip)
    await synthesizer.aclose()
