"""The pipeline of a window: one page's trouble is one page's trouble, and the page in view does not wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.app import builtin_catalogue
from backend.jobs import decisions
from backend.jobs.memory import MemoryJobLog
from backend.jobs.state import JobDefinition, JobState, NarrationOptions, PageState
from backend.narration.cast import Caster
from backend.narration.voicing import LocalVoicer
from backend.narration.window import Narrator
from backend.series.memory import SeriesMemory
from backend.storage import keys, uploads
from backend.storage.objects import Objects
from tests.support.engines import InstantReader, ToneSynthesizer, page


class Desk:
    """A narrator with all its parts, and a window of `size` pages that are uploaded."""

    def __init__(self, workers: ThreadPoolExecutor, reader: InstantReader, synthesizer: ToneSynthesizer | None = None) -> None:
        self.log = MemoryJobLog()
        self.objects = Objects.in_memory()
        self.reader = reader
        self.synthesizer = synthesizer or ToneSynthesizer()
        voicer = LocalVoicer(log=self.log, objects=self.objects, synthesizer=self.synthesizer, workers=workers)
        caster = Caster(builtin_catalogue(), SeriesMemory())
        self.narrator = Narrator(log=self.log, objects=self.objects, reader=reader, voicer=voicer, caster=caster)

    async def upload(self, job_id: str, numbers: list[int]) -> None:
        definition = JobDefinition(
            job_id=job_id, client="c", chapter_id="a:b", series_id="a", voice_pack={}, window_start=0, window_size=len(numbers),
            options=NarrationOptions(), created_at=0.0, audio_base="http://x/audio",
        )  # fmt: skip
        await self.log.create(definition)
        for index, number in enumerate(numbers):
            data = page(number)
            sha256 = uploads.sha256_of(data)
            await uploads.keep(self.objects, job_id, sha256, data)
            upload = decisions.upload(index, sha256=sha256, media_type="image/png", size=len(data), max_job_bytes=10**9)
            await self.log.commit(job_id, upload)

    async def narrate(self, job_id: str) -> JobState:
        await self.narrator.narrate(job_id)
        return await self.log.state(job_id)


@pytest.fixture
async def workers() -> AsyncIterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


def reasons(state: JobState) -> list[str | None]:
    return [entry.reason for entry in state.pages]


async def test_a_page_that_breaks_its_batch_fails_alone(workers: ThreadPoolExecutor) -> None:
    desk = Desk(workers, InstantReader(raising=[3]))
    await desk.upload("job", [1, 2, 3, 4, 5])
    state = await desk.narrate("job")
    assert reasons(state) == [None, None, "internal_error", None, None]
    assert state.done


async def test_a_page_whose_bytes_are_lost_fails_alone(workers: ThreadPoolExecutor) -> None:
    desk = Desk(workers, InstantReader())
    await desk.upload("job", [1, 2, 3, 4])
    await desk.objects.delete(keys.page("job", uploads.sha256_of(page(3))))
    assert reasons(await desk.narrate("job")) == [None, None, "upload_lost", None]


async def test_the_first_page_is_read_alone_and_the_others_in_batches(workers: ThreadPoolExecutor) -> None:
    desk = Desk(workers, InstantReader())
    await desk.upload("job", list(range(1, 10)))
    await desk.narrate("job")
    assert desk.reader.calls[0] == 1
    assert max(desk.reader.calls) == 4


async def test_equal_pages_of_another_window_cost_no_engine_time(workers: ThreadPoolExecutor) -> None:
    desk = Desk(workers, InstantReader())
    await desk.upload("one", [1, 2, 3])
    first = await desk.narrate("one")
    spoken = len(desk.synthesizer.spoken)
    await desk.upload("two", [1, 2, 3])
    second = await desk.narrate("two")
    assert len(desk.reader.seen) == 3
    assert len(desk.synthesizer.spoken) == spoken == 6
    assert [entry.duration for entry in second.pages] == [entry.duration for entry in first.pages]


async def test_failures_are_not_remembered(workers: ThreadPoolExecutor) -> None:
    desk = Desk(workers, InstantReader(broken=[2]), ToneSynthesizer(mute=["page 1"]))
    await desk.upload("one", [1, 2])
    assert reasons(await desk.narrate("one")) == ["speech_failed", "reading_failed"]
    desk.reader.broken.clear()
    desk.synthesizer.mute = ()
    await desk.upload("two", [1, 2])
    assert reasons(await desk.narrate("two")) == [None, None]


async def test_work_that_was_begun_is_finished_from_where_the_log_ends(workers: ThreadPoolExecutor) -> None:
    desk = Desk(workers, InstantReader())
    await desk.upload("job", [1, 2])
    await desk.log.commit("job", decisions.advance(0, 1, PageState.EXTRACTING))
    await desk.log.commit("job", decisions.advance(0, 1, PageState.TTS))
    state = await desk.narrate("job")
    assert state.done
    told = [entry.event.data["state"] for entry in await desk.log.entries("job") if entry.event.data.get("index") == 0
            and entry.event.name == "page_status"]  # fmt: skip
    assert told == ["queued", "extracting", "tts", "ready"]


async def test_a_job_that_is_gone_ends_its_work_without_a_sound(workers: ThreadPoolExecutor) -> None:
    desk = Desk(workers, InstantReader(delay_s=0.05))
    await desk.upload("job", [1, 2, 3])
    await desk.log.delete("job")
    await desk.narrator.narrate("job")
    assert desk.synthesizer.spoken == []


async def test_a_reader_that_shares_the_processors_waits_until_the_first_page_sounds(workers: ThreadPoolExecutor) -> None:
    reader = InstantReader()
    reader.batch_size = 1
    desk = Desk(workers, reader, ToneSynthesizer(delay_s=0.05))
    await desk.upload("job", [1, 2, 3])
    state = await desk.narrate("job")
    assert state.done
    log = [
        (entry.event.name, entry.event.data.get("index"), entry.event.data.get("state"))
        for entry in await desk.log.entries("job")
    ]
    assert log.index(("page_ready", 0, None)) < log.index(("page_status", 1, "extracting"))
