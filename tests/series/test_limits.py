"""What one owner may have the service remember: series, characters, pictures, corrections. And the memory of one process ends."""

from __future__ import annotations

import asyncio

import pytest

from backend.errors import QuotaExceeded
from backend.series import changes, edits
from backend.series.changes import MOST_BANK_FACES, MOST_BANK_PICTURES, MOST_MEMBERS, crowded_out, new_member, with_member
from backend.series.index import DAY_S, SeriesIndex
from backend.series.memory import SeriesMemory
from backend.series.model import LineCorrection, Look, PageNote, SeriesCast
from backend.series.store import MemorySeriesStore, ObjectSeriesStore
from backend.series.vectors import pack, unit
from backend.storage.objects import Objects


def one_more(cast: SeriesCast) -> tuple[SeriesCast, None]:
    return new_member(cast)[0], None


async def known(memory: SeriesMemory, count: int) -> list[bool]:
    return [bool((await memory.cast("a", f"s{k}")).members) for k in range(count)]


async def test_an_edit_of_one_series_too_many_is_refused_until_one_is_forgotten() -> None:
    memory = SeriesMemory(ObjectSeriesStore(Objects.in_memory()), most_series=3)
    for k in range(3):
        await memory.update("a", f"s{k}", one_more)
    with pytest.raises(QuotaExceeded):
        await memory.update("a", "s3", one_more)
    assert await known(memory, 4) == [True, True, True, False]
    await memory.update("a", "s1", one_more)
    await memory.update("b", "s3", one_more)
    await memory.forget("a", "s0")
    await memory.update("a", "s3", one_more)
    assert await known(memory, 4) == [False, True, True, True]


async def test_a_page_makes_room_for_its_series_where_nobody_has_listened_longest() -> None:
    store = ObjectSeriesStore(Objects.in_memory())
    memory, today = SeriesMemory(store), 20_000.0
    memory._index = SeriesIndex(store, 3, clock=lambda: today * DAY_S)
    for k in range(3):
        await memory.update("a", f"s{k}", one_more, make_room=True)
        today += 1
    await memory.update("a", "s0", one_more, make_room=True)  # heard again
    await memory.update("a", "s3", one_more, make_room=True)
    assert await known(memory, 4) == [True, False, True, True]
    await memory.update("a", "s1", one_more, make_room=True)
    assert sum(await known(memory, 4)) == 3


async def test_series_begun_at_once_by_two_processes_do_not_pass_the_limit() -> None:
    store = ObjectSeriesStore(Objects.in_memory())
    processes = [SeriesMemory(store, most_series=5) for _ in range(2)]
    done = await asyncio.gather(*(processes[k % 2].update("a", f"s{k}", one_more) for k in range(10)), return_exceptions=True)
    assert sum(isinstance(one, QuotaExceeded) for one in done) == 5
    assert sum(await known(processes[0], 10)) == 5


async def test_the_memory_of_one_process_keeps_what_was_asked_for_last() -> None:
    store = MemorySeriesStore(3)
    for k in range(3):
        await store.replace(f"s{k}", 0, b"x")
    await store.load("s0")
    await store.replace("s3", 0, b"x")
    assert [bool((await store.load(f"s{k}"))[1]) for k in range(4)] == [True, False, True, True]


def crowd(count: int) -> SeriesCast:
    cast = SeriesCast()
    for k in range(count):
        cast, member = new_member(cast)
        cast = with_member(cast, member.model_copy(update={"lines": k}))
    return cast


def test_who_is_only_recognised_crowds_out_those_of_whom_least_is_known() -> None:
    cast = changes.named(crowd(MOST_MEMBERS + 4), 2, "Aya")
    cast = changes.revoiced(cast, 3, "sovits:child-v1").model_copy(update={"mc": 1, "aliases": {999: 4, 998: 5}})
    after = crowded_out(cast, [4])
    assert len(after.members) == MOST_MEMBERS
    assert sorted(cast.members.keys() - after.members.keys()) == [5, 6, 7, 8]
    assert not after.aliases, "nothing is noted under those ids"
    assert crowded_out(crowd(MOST_MEMBERS), []) == crowd(MOST_MEMBERS)


def test_a_user_is_told_when_a_series_is_full_of_characters() -> None:
    cast = crowd(MOST_MEMBERS)
    face, stranger = unit((1.0, 2.0)), unit((2.0, -1.0))
    assert face is not None
    assert stranger is not None
    looks = (Look(mean=pack(face), seen=1), Look(mean=pack(-face), seen=1))
    cast = with_member(cast, cast.members[1].model_copy(update={"looks": looks}))
    cast = cast.model_copy(update={"pages": {"page": PageNote(boxes=2, heard={"job": (0,)})}})
    for change in (
        lambda: changes.with_bank_face(cast, "Aya", stranger),
        lambda: changes.split(cast, 1, [0]),
        lambda: edits.with_correction(cast, ("job", 0), 0, edits.LineChange(speaker="Aya")),
    ):
        with pytest.raises(QuotaExceeded):
            change()


def test_a_bank_has_room_for_so_many_pictures_of_one_and_of_all() -> None:
    cast, face = SeriesCast(), unit((1.0, 2.0))
    assert face is not None
    for k in range(MOST_BANK_PICTURES):
        cast, _ = changes.with_bank_face(cast, f"N{k // MOST_BANK_FACES}", face)
    for name in ("N0", "Somebody new"):
        with pytest.raises(QuotaExceeded):
            changes.with_bank_face(cast, name, face)


def test_corrections_of_a_series_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edits, "MOST_CORRECTIONS", 3)
    noted = PageNote(boxes=5, heard={"job": (0,)}, corrections={k: LineCorrection(skip=True) for k in range(3)})
    cast = SeriesCast(pages={"page": noted, "other": PageNote(boxes=5, heard={"job": (1,)})})
    with pytest.raises(QuotaExceeded):
        edits.with_correction(cast, ("job", 1), 0, edits.LineChange(text="x"))
    edits.with_correction(cast, ("job", 0), 0, edits.LineChange(text="x"))
    cast, _ = edits.with_correction(cast, ("job", 0), 0, edits.LineChange(skip=None))
    edits.with_correction(cast, ("job", 1), 0, edits.LineChange(text="x"))
