"""The memory of a series is one document, and nobody's change to it is lost. The same promises for every twin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import Unavailable
from backend.series.changes import new_member
from backend.series.memory import MOST_ATTEMPTS, SeriesMemory
from backend.series.model import PageNote, SeriesCast
from backend.series.store import MemorySeriesStore, ObjectSeriesStore, SeriesStore
from backend.storage import keys
from backend.storage.objects import Objects
from backend.voices.owners import Owners


@pytest.fixture(params=["memory", "objects in memory", "objects in a folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SeriesStore:
    makers: dict[str, Callable[[], SeriesStore]] = {
        "memory": MemorySeriesStore,
        "objects in memory": lambda: ObjectSeriesStore(Objects.in_memory()),
        "objects in a folder": lambda: ObjectSeriesStore(Objects.in_folder(tmp_path)),
    }
    return makers[request.param]()


def one_more(cast: SeriesCast) -> tuple[SeriesCast, int]:
    cast, member = new_member(cast)
    return cast, member.id


async def test_nothing_is_known_of_a_new_series(store: SeriesStore) -> None:
    assert await store.load("series/a") == (0, b"")


async def test_only_the_first_of_two_writers_of_one_version_wins(store: SeriesStore) -> None:
    assert await store.replace("series/a", 0, b"one")
    assert not await store.replace("series/a", 0, b"other")
    assert await store.load("series/a") == (1, b"one")
    assert await store.replace("series/a", 1, b"two")
    assert await store.load("series/a") == (2, b"two")


async def test_who_read_long_ago_does_not_win(store: SeriesStore) -> None:
    for version in range(5):
        assert await store.replace("series/a", version, str(version).encode())
    for version in range(5):
        assert not await store.replace("series/a", version, b"late")
    assert await store.load("series/a") == (5, b"4")


async def test_what_older_versions_said_is_not_kept() -> None:
    objects = Objects.in_memory()
    store = ObjectSeriesStore(objects)
    for version in range(6):
        await store.replace("series/a", version, f"secret {version}".encode())
        left = [await objects.get(key) async for key in objects.keys("series")]
        assert len(left) == 1
        assert left[0].endswith(f"secret {version}".encode())


async def test_what_was_deleted_is_not_brought_back_by_an_old_reader(store: SeriesStore) -> None:
    await store.replace("series/a", 0, b"one")
    await store.delete("series/a")
    assert (await store.load("series/a"))[1] == b""
    assert not await store.replace("series/a", 1, b"two")
    await store.delete("series/b")


@pytest.mark.parametrize("windows", [15, MOST_ATTEMPTS + 10])
async def test_changes_made_at_once_are_all_kept_however_many_they_are(store: SeriesStore, windows: int) -> None:
    memory = SeriesMemory(store)
    ids = await asyncio.gather(*(memory.update("a", "s", one_more) for _ in range(windows)))
    assert sorted(ids) == list(range(1, windows + 1))
    assert len((await memory.cast("a", "s")).members) == windows


async def test_a_page_that_cannot_be_forgotten_because_others_are_always_faster_is_not_said_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemorySeriesStore()
    memory = SeriesMemory(store)
    await memory.update("a", "s", lambda _: (SeriesCast(pages={"a page": PageNote(boxes=1)}), None))

    async def overtaken(key: str, version: int, data: bytes) -> bool:
        return False

    monkeypatch.setattr(store, "replace", overtaken)
    with pytest.raises(Unavailable):
        await memory.forget_page(["a page"], [], [])
    monkeypatch.undo()
    await memory.forget_page(["a page"], [], [])
    assert not (await memory.cast("a", "s")).pages


async def test_a_failed_change_changes_nothing(store: SeriesStore) -> None:
    def fail(_: SeriesCast) -> tuple[SeriesCast, None]:
        raise ValueError("no")

    memory = SeriesMemory(store)
    with pytest.raises(ValueError, match="no"):
        await memory.update("a", "s", fail)
    assert not (await memory.cast("a", "s")).members


async def test_a_series_can_be_forgotten(store: SeriesStore) -> None:
    memory = SeriesMemory(store)
    await memory.update("a", "s", one_more)
    await memory.forget("a", "s")
    assert not (await memory.cast("a", "s")).members


async def test_clients_share_a_series_only_where_they_are_one_household() -> None:
    for owners, shared in ((Owners(by_key=True), False), (Owners(by_key=False), True)):
        memory = SeriesMemory(owners=owners)
        await memory.update("a", "s", one_more)
        assert bool((await memory.cast("b", "s")).members) is shared


@pytest.mark.parametrize("series_id", ["../../etc", "\ud800", "a" * 10_000, "", "s/\x00"])
async def test_any_text_names_a_series(store: SeriesStore, series_id: str) -> None:
    memory = SeriesMemory(store)
    await memory.update("a", series_id, one_more)
    assert len((await memory.cast("a", series_id)).members) == 1


async def test_documents_of_older_releases_are_read_and_gone_on_with() -> None:
    objects = Objects.in_memory()
    await objects.create(keys.series("series/a", 7), b'{"next_id": 3}')
    store = ObjectSeriesStore(objects)
    assert await store.load("series/a") == (7, b'{"next_id": 3}')
    assert await store.replace("series/a", 7, b"{}")
    assert await ObjectSeriesStore(objects).load("series/a") == (8, b"{}")


async def test_a_store_that_was_emptied_is_begun_anew() -> None:
    objects = Objects.in_memory()
    store = ObjectSeriesStore(objects)
    for version in range(3):
        assert await store.replace("series/a", version, b"old")
    await objects.delete_prefix("series")
    assert await store.load("series/a") == (0, b"")
    assert await store.replace("series/a", 0, b"new")
