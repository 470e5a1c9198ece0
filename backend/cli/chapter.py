"""A whole chapter narrated without HTTP: feeds its pages to the pipeline and writes what comes out into a folder.

OUT/pages/page-001/index.m3u8, segment-000.ts, ..., cues.json, captions.vtt
OUT/TITLE.m4b            one chapter mark a page
OUT/transcript.json
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.app import builtin_catalogue, owners, series_memory
from backend.books.chapter import Chapter
from backend.books.decode import decode_segments
from backend.books.m4b import write_m4b
from backend.books.transcript import Transcript, TranscriptPage, write_transcript
from backend.engines import Engines, make_engines
from backend.errors import BadImage, ConfigurationError
from backend.imaging import check_page
from backend.jobs import decisions
from backend.jobs.memory import MemoryJobLog
from backend.jobs.state import JobDefinition, JobState, NarrationOptions, PageRecord, PageState, fold
from backend.narration.cast import Caster
from backend.narration.cues import PageCues
from backend.narration.runner import LocalRunner
from backend.narration.voicing import LocalVoicer
from backend.narration.window import Narrator
from backend.series.faces import Faces
from backend.settings import Settings, cpu_count
from backend.storage import keys, uploads
from backend.storage.objects import Objects
from backend.stores import make_objects
from backend.voices.store import VoiceStore

COMMAND_LINE = "command-line"
"""Owner of what is made here, where API keys tell owners apart and none is named."""
FEED_AHEAD = 4
"""Pages given to the pipeline before they are needed: a chapter of thousands of pages need not be in the store at once."""


@dataclass(frozen=True, slots=True)
class NarratedChapter:
    """What was written. `errors` are (index, reason) of pages without sound; `book` is None when no page has any."""

    book: Path | None
    transcript: Path
    duration_s: float
    errors: tuple[tuple[int, str], ...]


async def narrate_chapter(
    chapter: Chapter,
    out: Path,
    *,
    settings: Settings,
    options: NarrationOptions,
    voice_pack: Mapping[str, str],
    on_change: Callable[[JobState], None],
    series_id: str | None = None,
    owner: str = COMMAND_LINE,
    make: Callable[[Settings], Engines] = make_engines,
) -> NarratedChapter:
    """Narrates `chapter` into the folder `out`; pages that fail are named and the rest is there.

    Voices and the memory of the series are those of the service with the same settings: what one learns the other knows.

    Args:
        series_id: whose cast speaks; None: what the chapter says of its series, else its title.
        owner: whose voices and casts; of no effect on installations without API keys.

    Raises:
        UnknownVoice: the pack names a voice that does not exist.
        ConfigurationError: an engine cannot be used, or a folder cannot be written.
    """
    try:
        await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"The folder {out} cannot be made: {error.strerror}.") from error
    engines = make(settings)
    log, objects = MemoryJobLog(), make_objects(settings)
    workers = ThreadPoolExecutor(cpu_count(), thread_name_prefix="narration")
    catalogue = builtin_catalogue(VoiceStore(objects, owners(settings)))
    await catalogue.resolve(voice_pack, owner)
    caster = Caster(catalogue, series_memory(settings, objects), Faces(objects, workers))
    voicer = LocalVoicer(log=log, objects=objects, synthesizer=engines.synthesizer, workers=workers)
    narrator = Narrator(log=log, objects=objects, reader=engines.reader, voicer=voicer, caster=caster)
    runner = LocalRunner(narrator, log)
    definition = _definition(chapter, options, voice_pack, series_id or chapter.series or chapter.title, owner)
    try:
        await asyncio.gather(engines.reader.load(), engines.synthesizer.load())
        state = await log.create(definition)
        async with asyncio.TaskGroup() as group:
            group.create_task(_feed(chapter, log, objects, runner, definition.job_id))
            async with aclosing(log.follow(definition.job_id)) as batches:
                async for batch in batches:
                    state = fold(state, batch)
                    on_change(state)
                    if state.done:
                        break
        return await _export(chapter, out, state, objects, engines.synthesizer.sample_rate)
    finally:
        await runner.aclose()
        await objects.delete_prefix(keys.job_prefix(definition.job_id))
        await engines.reader.aclose()
        await engines.synthesizer.aclose()
        workers.shutdown(wait=False, cancel_futures=True)
        await objects.aclose()


def _definition(
    chapter: Chapter, options: NarrationOptions, voice_pack: Mapping[str, str], series_id: str, owner: str
) -> JobDefinition:
    return JobDefinition(
        job_id=f"job_{secrets.token_urlsafe(16)}",
        client=owner,
        chapter_id=chapter.title,
        series_id=series_id,
        voice_pack=dict(voice_pack),
        window_start=0,
        window_size=len(chapter.pages),
        options=options,
        created_at=time.time(),
        audio_base="audio",
    )


async def _feed(chapter: Chapter, log: MemoryJobLog, objects: Objects, runner: LocalRunner, job_id: str) -> None:
    """Puts pages into the window, a few ahead of the voice."""
    state = await log.state(job_id)
    async with aclosing(log.follow(job_id)) as batches:
        for index, page in enumerate(chapter.pages):
            while index - state.ended_pages >= FEED_AHEAD:
                state = fold(state, [entry for entry in await anext(batches) if entry.seq > state.cursor])
            try:
                data = await asyncio.to_thread(page.read)
                info = await asyncio.to_thread(check_page, data)
                sha256 = await asyncio.to_thread(uploads.sha256_of, data)
            except BadImage as error:
                await log.commit(job_id, decisions.rejected(index, error.code))
                continue
            await uploads.keep(objects, job_id, sha256, data)
            upload = decisions.upload(index, sha256=sha256, media_type=info.media_type, size=len(data), max_job_bytes=1 << 62)
            await log.commit(job_id, upload)
            await runner.ensure(job_id)


async def _export(chapter: Chapter, out: Path, state: JobState, objects: Objects, sample_rate: int) -> NarratedChapter:
    pages: list[TranscriptPage] = []
    position = 0.0
    for record in state.pages:
        page = await _export_page(chapter, out, record, state.definition, objects, position)
        position += page.duration or 0.0
        pages.append(page)
    transcript = out / "transcript.json"
    write_transcript(
        transcript,
        Transcript(
            title=chapter.title, direction=state.definition.options.direction, pages=tuple(pages), skipped=chapter.skipped
        ),
    )
    book = None
    if position:
        book = out / f"{_file_name(chapter.title)}.m4b"
        sounding = [page for page in pages if page.audio is not None]
        await asyncio.to_thread(write_m4b, book, _chapters(out, sounding), sample_rate, {"title": chapter.title})
    errors = tuple((page.index, page.error) for page in pages if page.error is not None)
    return NarratedChapter(book, transcript, position, errors)


async def _export_page(  # noqa: PLR0917 - called once
    chapter: Chapter, out: Path, record: PageRecord, definition: JobDefinition, objects: Objects, start_s: float
) -> TranscriptPage:
    name = chapter.pages[record.index].name
    if record.state is not PageState.READY or record.audio is None:
        return TranscriptPage(index=record.index, name=name, error=record.reason)
    source = keys.audio(definition.job_id, record.audio.removeprefix(f"{definition.audio_base}/").rpartition("/")[0])
    folder = out / "pages" / f"page-{record.index + 1:03d}"
    folder.mkdir(parents=True, exist_ok=True)
    files = {key.rpartition("/")[2]: await objects.get(key) async for key in objects.keys(source)}
    for file_name, data in files.items():
        (folder / file_name).write_bytes(data)
    cues = PageCues.model_validate_json(files["cues.json"])
    return TranscriptPage(
        index=record.index,
        name=name,
        width=cues.width,
        height=cues.height,
        start=round(start_s, 3),
        duration=cues.duration,
        audio=f"pages/{folder.name}/index.m3u8",
        lines=cues.cues,
    )


def _chapters(out: Path, pages: list[TranscriptPage]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for page in pages:
        assert page.audio is not None
        folder = (out / page.audio).parent
        yield f"Page {page.index + 1}", decode_segments(sorted(folder.glob("*.ts")))


def _file_name(title: str) -> str:
    """A title as a file name on any system."""
    return re.sub(r"[^\w .()\[\]-]", "_", title).strip(" .")[:100] or "chapter"
