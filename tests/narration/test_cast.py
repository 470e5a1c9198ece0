"""Who gets which voice."""

from __future__ import annotations

from backend.jobs.state import JobDefinition, NarrationOptions
from backend.narration.cast import Caster
from backend.readers.base import Character, Kind, Reading, TextBox
from backend.series.memory import SeriesMemory
from tests.support.catalogue import small_catalogue


def definition(pack: dict[str, str] | None = None, *, client: str = "c", **options: object) -> JobDefinition:
    return JobDefinition(
        job_id="job_1",
        client=client,
        chapter_id="src:ch1",
        series_id="src",
        voice_pack=pack or {},
        window_start=0,
        window_size=20,
        options=NarrationOptions.model_validate(options),
        created_at=0.0,
        api_base="http://a.example/v1/narration/jobs/job_1",
        audio_base="http://a.example/audio",
    )


def figure(cluster: int, name: str | None = None, embedding: tuple[float, ...] | None = None, sure: float = 0.9) -> Character:
    return Character(
        box=(0, 0, 10, 10), confidence=0.9, cluster=cluster, name=name, name_confidence=sure if name else 0.0, embedding=embedding
    )


def line(text: str, speaker: int | None = None, kind: Kind = Kind.SPEECH) -> TextBox:
    return TextBox(box=(0, 0, 10, 10), text=text, kind=kind, lang="en", confidence=0.9, speaker=speaker, speaker_confidence=0.8)


def page(*boxes: TextBox, figures: tuple[Character, ...] = ()) -> Reading:
    return Reading(width=100, height=100, boxes=boxes, characters=figures)


def new_caster() -> Caster:
    return Caster(small_catalogue(), SeriesMemory())


async def voices(caster: Caster, reading: Reading, wanted: JobDefinition | None = None, index: int = 0) -> list[str]:
    script = await caster.script(wanted or definition(), index, reading)
    return [spoken.utterance.voice.id for spoken in script.lines]


async def test_captions_are_the_narrators() -> None:
    script = await new_caster().script(definition(), 0, page(line("Meanwhile", kind=Kind.NARRATION)))
    assert [(spoken.utterance.voice.id, spoken.speaker) for spoken in script.lines] == [("sovits:narrator-v1", "Narrator")]


async def test_an_unknown_speaker_is_neither_the_narrator_nor_the_mc() -> None:
    [voice] = await voices(new_caster(), page(line("Who am I?")))
    assert voice not in ("sovits:narrator-v1", "sovits:mc-v1")


async def test_a_speaker_index_that_points_nowhere_is_unknown() -> None:
    caster = new_caster()
    assert await voices(caster, page(line("Hello", speaker=7))) == await voices(caster, page(line("Hello")))


async def test_a_named_character_has_the_packs_voice_for_that_name() -> None:
    kenji = page(line("I am Kenji", speaker=0), figures=(figure(0, "Kenji"),))
    assert await voices(new_caster(), kenji, definition({"kenji": "sovits:elder-v1"})) == ["sovits:elder-v1"]


async def test_single_voice_gives_everything_to_the_narrator() -> None:
    reading = page(line("One", speaker=0), line("Two"), line("Three", kind=Kind.NARRATION), figures=(figure(0, "Kenji"),))
    found = await voices(new_caster(), reading, definition({"Kenji": "sovits:man-v1"}, single_voice=True))
    assert set(found) == {"sovits:narrator-v1"}
