"""A chapter narrated on the command line has the voices and the cast that the service has with the same settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from backend.app import owners, series_memory
from backend.books.chapter import open_chapter
from backend.books.transcript import Transcript
from backend.cli.chapter import narrate_chapter
from backend.engines import Engines
from backend.errors import ReadingFailed, UnknownVoice
from backend.jobs.state import NarrationOptions
from backend.readers.base import Character, Reading, ReadOptions
from backend.series import changes
from backend.series.model import SeriesCast
from backend.settings import Settings
from backend.stores import make_objects
from backend.synthesizers.base import ReferenceClip
from backend.voices.manifest import Consent, VoiceManifest, VoiceMode, VoiceStatus
from backend.voices.store import VoiceStore
from tests.support.books import MANGA
from tests.support.engines import InstantReader, ToneSynthesizer, page


class OneFace(InstantReader):
    """Reads pages on which one and the same character says everything."""

    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed]:
        found = await super().read(pages, options)
        figure = Character(box=(0, 0, 30, 30), confidence=0.9, cluster=0, embedding=(1.0, 0.0, 0.0, 0.0))
        return [
            reading.model_copy(
                update={
                    "characters": (figure,),
                    "boxes": tuple(box.model_copy(update={"speaker": 0, "speaker_confidence": 0.9}) for box in reading.boxes),
                }
            )
            if isinstance(reading, Reading)
            else reading
            for reading in found
        ]


async def voices(settings: Settings, folder: Path, number: int, series: str | None = None, **pack: str) -> set[str]:
    """The voices heard in a chapter of one page, `number`."""
    chapter = folder / f"chapter {number}"
    chapter.mkdir(parents=True, exist_ok=True)
    (chapter / "1.png").write_bytes(page(number))
    (chapter / "ComicInfo.xml").write_text(MANGA.format("Yes"))
    with open_chapter(chapter) as book:
        result = await narrate_chapter(
            book,
            folder / f"out-{number}",
            settings=settings,
            options=NarrationOptions(),
            voice_pack=pack,
            on_change=lambda _: None,
            series_id=series,
            make=lambda _: Engines(OneFace(), ToneSynthesizer()),
        )
    assert not result.errors
    transcript = Transcript.model_validate_json(result.transcript.read_text(encoding="utf-8"))
    return {line.voice for found in transcript.pages for line in found.lines}


async def cast_of(settings: Settings, series: str) -> SeriesCast:
    return await series_memory(settings, make_objects(settings)).cast("anybody", series)


async def test_chapters_of_a_series_share_their_cast_with_each_other_and_the_service(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    configured = settings()
    first = await voices(configured, tmp_path, 1)
    assert len(first) == 1
    cast = await cast_of(configured, "Kumo")
    assert [(member.lines, member.portrait is not None) for member in cast.members.values()] == [(2, True)]
    other = "sovits:narrator-v1"
    memory = series_memory(configured, make_objects(configured))
    await memory.update("a reader of the service", "Kumo", lambda known: (changes.revoiced(known, 1, other), None))
    assert await voices(configured, tmp_path, 2) == {other} != first
    assert [member.lines for member in (await cast_of(configured, "Kumo")).members.values()] == [4]


async def test_a_series_may_be_named(settings: Callable[..., Settings], tmp_path: Path) -> None:
    await voices(settings(), tmp_path, 1, series="source")
    assert not (await cast_of(settings(), "Kumo")).members
    assert (await cast_of(settings(), "source")).members


async def test_a_registered_voice_may_be_named(settings: Callable[..., Settings], tmp_path: Path) -> None:
    configured = settings()
    with pytest.raises(UnknownVoice):
        await voices(configured, tmp_path, 1, MC="sovits:aya")
    manifest = VoiceManifest(
        slug="aya",
        name="Aya",
        mode=VoiceMode.ZERO_SHOT,
        lang="ja",
        consent=Consent(statement="yes", by="Aya", at=1.0),
        created_at=1.0,
        status=VoiceStatus.READY,
        reference=ReferenceClip(key="voices/everyone/aya/clips/1.flac", transcript="これは試験です。", lang="ja"),
        pitch_hz=220.0,
    )
    await VoiceStore(make_objects(configured), owners(configured)).add("", manifest)
    assert await voices(configured, tmp_path, 1, MC="sovits:aya") == {"sovits:aya"}
