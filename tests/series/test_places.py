"""Where a page was heard: every place of it can be corrected, and each knows whether it sounds as corrected."""

from __future__ import annotations

import pytest

from backend.errors import Conflict
from backend.narration.cast import Caster
from backend.series.edits import LineChange, with_correction
from backend.series.memory import SeriesMemory
from backend.series.model import SeriesCast
from backend.series.places import MOST_JOBS, each
from backend.series.store import MemorySeriesStore
from tests.support.catalogue import small_catalogue
from tests.support.scenes import definition, line, page

HI = LineChange(text="Hi.")


async def cast_at(memory: SeriesMemory, *places: tuple[str, int], text: str = "Hello") -> SeriesCast:
    """The cast after one page was cast in all these places."""
    for job_id, index in places:
        await Caster(small_catalogue(), memory).script(definition(job_id=job_id), index, page(line(text)))
    return await memory.cast("c", "src")


async def test_a_page_is_corrected_wherever_it_stands() -> None:
    places = [("job_1", 0), ("job_1", 5), ("job_2", 0)]
    cast = await cast_at(SeriesMemory(), *places)
    for at in places:
        assert with_correction(cast, at, 0, HI)[1]


async def test_a_correction_that_stands_is_due_once_in_each_place_that_was_heard_without_it() -> None:
    memory = SeriesMemory()
    await cast_at(memory, ("job_1", 0), ("job_1", 5))
    await memory.update("c", "src", lambda cast: with_correction(cast, ("job_1", 0), 0, HI))
    cast = await cast_at(memory, ("job_1", 0))  # voiced again there, and nowhere else
    assert with_correction(cast, ("job_1", 0), 0, HI) == (cast, False)
    assert with_correction(cast, ("job_1", 5), 0, HI) == (cast, True)
    assert with_correction(cast, ("job_1", 5), 0, LineChange()) == (cast, False), "nothing was asked"


async def test_a_correction_whose_page_was_not_voiced_again_because_the_call_broke_off_is_due_when_it_is_repeated() -> None:
    cast, _ = with_correction(await cast_at(SeriesMemory(), ("job_1", 0)), ("job_1", 0), 0, HI)
    assert with_correction(cast, ("job_1", 0), 0, HI) == (cast, True)


async def test_a_correction_goes_to_the_page_that_stands_there_now() -> None:
    memory = SeriesMemory()
    await cast_at(memory, ("job_1", 0), text="Before")
    await cast_at(memory, ("job_1", 0), text="After")
    cast = await cast_at(memory, ("job_1", 1), text="Before")
    cast, _ = with_correction(cast, ("job_1", 0), 0, HI)
    assert [len(note.corrections) for note in cast.pages.values() if note.heard == {"job_1": (0,)}] == [1]
    assert [each(note.heard) for note in cast.pages.values()].count([("job_1", 1)]) == 1


async def test_places_nobody_knows_have_no_lines() -> None:
    cast = await cast_at(SeriesMemory(), ("job_1", 0))
    for at in (("job_1", 1), ("job_2", 0)):
        with pytest.raises(Conflict):
            with_correction(cast, at, 0, HI)


async def test_so_many_windows_are_remembered_the_latest_ones() -> None:
    memory = SeriesMemory()
    cast = await cast_at(memory, *((f"job_{k}", 0) for k in range(MOST_JOBS + 3)))
    [note] = cast.pages.values()
    assert list(note.heard) == [f"job_{k}" for k in range(3, MOST_JOBS + 3)]


async def test_a_page_cast_again_where_it_stood_writes_nothing() -> None:
    store = MemorySeriesStore()
    memory = SeriesMemory(store)
    await cast_at(memory, ("job_1", 0), ("job_1", 1))
    [key] = [key async for key in store.documents() if key.startswith("series/")]
    before = await store.load(key)
    await cast_at(memory, ("job_1", 0))
    assert await store.load(key) == before
