"""The seam between the window and whoever voices its pages, and what a page's state says while engines wake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.app import builtin_catalogue
from backend.errors import SpeechFailed, Unavailable
from backend.jobs.memory import MemoryJobLog
from backend.jobs.state import PageState
from backend.narration.cast import Caster
from backend.narration.voicing import LocalVoicer, PageOrder
from backend.narration.window import Narrator
from backend.series.memory import SeriesMemory
from backend.storage import uploads
from backend.storage.objects import Objects
from tests.support.engines import InstantReader, ToneSynthesizer, page
from tests.support.jobs import a_definition, upload

PAGES = 3


class Bench:
    """A window with its pages uploaded, and everything that narrates it."""

    def __init__(self, reader: InstantReader, synthesizer: ToneSynthesizer) -> None:
        self.log, self.objects = MemoryJobLog(), Objects.in_memory()
        self.workers = ThreadPoolExecutor(2)
        self.reader = reader
        self.voicer: Any = LocalVoicer(log=self.log, objects=self.objects, synthesizer=synthesizer, workers=self.workers)
        self.definition = a_definition(PAGES)

    async def start(self) -> None:
        await self.log.create(self.definition)
        for index in range(PAGES):
            data = page(index)
            await uploads.keep(self.objects, self.definition.job_id, uploads.sha256_of(data), data)
            await self.log.commit(self.definition.job_id, upload(index, data))

    def narrator(self, voicer: Any = None) -> Narrator:
        caster = Caster(builtin_catalogue(), SeriesMemory())
        return Narrator(log=self.log, objects=self.objects, reader=self.reader, voicer=voicer or self.voicer, caster=caster)

    async def states(self) -> list[PageState]:
        return [record.state for record in (await self.log.state(self.definition.job_id)).pages]


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench() -> Any:
    made: list[Bench] = []

    def make(reader: InstantReader | None = None, synthesizer: ToneSynthesizer | None = None) -> Bench:
        made.append(Bench(reader or InstantReader(), synthesizer or ToneSynthesizer()))
        return made[-1]

    yield make
    for one in made:
        one.workers.shutdown()


class Elsewhere:
    """A voicer the window knows nothing of: it voices later, and says nothing when it has."""

    def __init__(self, here: LocalVoicer) -> None:
        self.orders: list[PageOrder] = []
        self._here = here

    async def voice(self, order: PageOrder) -> None:
        self.orders.append(order)
        await asyncio.sleep(0.01)
        await self._here.voice(order)


async def test_a_window_ends_whoever_voices_its_pages(bench: MakeBench) -> None:
    here = bench()
    await here.start()
    elsewhere = Elsewhere(here.voicer)
    await here.narrator(elsewhere).narrate(here.definition.job_id)
    assert await here.states() == [PageState.READY] * PAGES
    assert sorted(order.index for order in elsewhere.orders) == list(range(PAGES))


async def test_a_page_that_is_voiced_twice_is_ready_once(bench: MakeBench) -> None:
    here = bench()
    await here.start()
    elsewhere = Elsewhere(here.voicer)
    await here.narrator(elsewhere).narrate(here.definition.job_id)
    before = await here.log.state(here.definition.job_id)
    await here.voicer.voice(elsewhere.orders[0])
    assert await here.log.state(here.definition.job_id) == before


async def test_a_voicer_out_of_reach_costs_its_pages_and_names_the_reason(bench: MakeBench) -> None:
    class Nobody:
        async def voice(self, order: PageOrder) -> None:
            raise Unavailable("A GPU worker does not answer.")

    here = bench()
    await here.start()
    await here.narrator(Nobody()).narrate(here.definition.job_id)
    state = await here.log.state(here.definition.job_id)
    assert {record.reason for record in state.pages} == {"unavailable"}


async def test_a_page_of_which_no_line_can_be_spoken_is_not_made_of_silence(bench: MakeBench) -> None:
    here = bench(synthesizer=ToneSynthesizer(mute=["page"]))
    await here.start()
    elsewhere = Elsewhere(here.voicer)
    await here.narrator(elsewhere).narrate(here.definition.job_id)
    with pytest.raises(SpeechFailed):
        await here.voicer.voice(elsewhere.orders[0])
    assert await here.states() == [PageState.ERROR] * PAGES


async def test_pages_are_queued_while_their_reader_wakes(bench: MakeBench) -> None:
    awake = asyncio.Event()

    class Sleepy(InstantReader):
        async def load(self) -> None:
            await awake.wait()

    here = bench(reader=Sleepy())
    await here.start()
    narrating = asyncio.create_task(here.narrator().narrate(here.definition.job_id))
    await asyncio.sleep(0.05)
    assert await here.states() == [PageState.QUEUED] * PAGES
    awake.set()
    await narrating
    assert await here.states() == [PageState.READY] * PAGES
