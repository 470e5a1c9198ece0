"""A change to a series is made exactly once, whoever overtakes its writer and whatever the store does with the replies."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore

from backend.errors import Unavailable
from backend.series.changes import new_member
from backend.series.memory import SeriesMemory
from backend.series.model import SeriesCast
from backend.series.store import MOST_WRITES, ObjectSeriesStore
from backend.storage import keys
from backend.storage.bucket import Bucket
from backend.storage.objects import ObjectInfo, Objects
from tests.support.s3_gate import ACCESS_KEY, REGION, S3, SECRET_KEY

KEY = "series/a"


class Scripted(Objects):
    """A store in memory in which something happens once: before the next listing, or in the middle of the next creation."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        super().__init__(store or MemoryStore(), "memory")
        self.before_listing: Callable[[], Awaitable[object]] | None = None
        self.before_creation: Callable[[], Awaitable[object]] | None = None
        self.lost_reply: str | None = None

    async def infos(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        happening, self.before_listing = self.before_listing, None
        if happening is not None:
            await happening()
        async for info in super().infos(prefix):
            yield info

    async def create(self, key: str, data: bytes) -> bool:
        happening, self.before_creation = self.before_creation, None
        if happening is not None:
            await happening()
        lost, self.lost_reply = self.lost_reply, None
        created = await super().create(key, data)
        if lost == "repeated":
            return await super().create(key, data)
        if lost == "given up":
            raise Unavailable("The object store does not answer.")
        return created


class Untidy(Objects):
    """What its writers leave for others to remove."""

    async def delete(self, key: str) -> None:
        pass


async def one_line_more(objects: Objects, times: int = 1) -> None:
    """Another process."""
    store = ObjectSeriesStore(objects)
    for _ in range(times):
        version, data = await store.load(KEY)
        assert await store.replace(KEY, version, data + b"other\n")


async def with_versions(objects: Objects, count: int) -> tuple[ObjectSeriesStore, int]:
    await one_line_more(objects, count)
    store = ObjectSeriesStore(objects)
    return store, (await store.load(KEY))[0]


async def left(objects: Objects) -> int:
    return len([key async for key in objects.keys(KEY)])


@pytest.mark.parametrize("overtaker", [Objects, Untidy])
@pytest.mark.parametrize("versions", [0, 1, 3])
@pytest.mark.parametrize("others", [1, 2, MOST_WRITES - 1])
async def test_a_change_overtaken_by_writers_that_have_tidied_up_or_not_is_made_once(
    versions: int, others: int, overtaker: type[Objects]
) -> None:
    objects = Scripted()
    store, version = await with_versions(objects, versions)
    objects.before_listing = lambda: one_line_more(overtaker(objects._store, "memory"), others)
    assert await store.replace(KEY, version, b"mine\n")
    assert await store.load(KEY) == (version + 1 + others, b"mine\n" + b"other\n" * others)
    assert overtaker is Untidy or await left(objects) == 1


@pytest.mark.parametrize("versions", [0, 1, 3])
@pytest.mark.parametrize("others", [1, 2, MOST_WRITES - 1])
async def test_a_writer_so_late_that_its_number_is_free_again_changes_nothing(versions: int, others: int) -> None:
    objects = Scripted()
    store, version = await with_versions(objects, versions)
    objects.before_creation = lambda: one_line_more(Objects(objects._store, "memory"), others)
    assert not await store.replace(KEY, version, b"mine\n")
    assert await store.load(KEY) == (version + others, b"other\n" * (versions + others))
    assert await left(objects) == 1


@pytest.mark.parametrize("versions", [0, 1])
async def test_a_late_writer_whose_look_around_misses_the_newest_version_changes_nothing(versions: int) -> None:
    """A folder is listed while others make and remove files in it: the highest number may be gone and the next one not be seen yet."""

    class Holed(Scripted):
        blind = False

        async def infos(self, prefix: str) -> AsyncIterator[ObjectInfo]:
            blind, self.blind = self.blind, False
            async for info in super().infos(prefix):
                if not blind or info.key == keys.series(KEY, versions + 1):
                    yield info

    objects = Holed()
    store, version = await with_versions(objects, versions)

    async def overtaken() -> None:
        await one_line_more(Objects(objects._store, "memory"), 3)
        objects.blind = True

    objects.before_creation = overtaken
    assert not await store.replace(KEY, version, b"mine\n")
    assert await store.load(KEY) == (versions + 3, b"other\n" * (versions + 3))


async def test_a_writer_that_goes_on_without_reading_again_keeps_what_others_look_for() -> None:
    objects = Scripted()
    store, version = await with_versions(objects, 1)

    async def twice() -> None:
        other = ObjectSeriesStore(Objects(objects._store, "memory"))
        at, data = await other.load(KEY)
        for further in range(2):
            assert await other.replace(KEY, at + further, data)
        await one_line_more(Objects(objects._store, "memory"))

    objects.before_listing = twice
    assert await store.replace(KEY, version, b"mine\n")
    own, (at, data) = ObjectSeriesStore(objects), await store.load(KEY)
    for further in range(3):
        assert await own.replace(KEY, at + further, data)
    written = [await objects.get(key) async for key in objects.keys(KEY)]
    assert len(written) == 1
    assert written[0].partition(b"\n")[0].count(b",") == at + 2  # one id for each version there ever was


@pytest.mark.parametrize("lost", ["repeated", "given up"])
@pytest.mark.parametrize("others", [0, 1, 2])
@pytest.mark.parametrize("versions", [0, 2])
async def test_a_change_whose_reply_is_lost_is_made_once(versions: int, others: int, lost: str) -> None:
    objects = Scripted()
    store, version = await with_versions(objects, versions)
    objects.lost_reply = lost
    if others:
        objects.before_listing = lambda: one_line_more(Objects(objects._store, "memory"), others)
    assert await store.replace(KEY, version, b"mine\n")
    assert (await store.load(KEY))[1] == b"mine\n" + b"other\n" * others
    assert await left(objects) == 1


async def test_a_write_that_did_not_arrive_is_an_error() -> None:
    class Refusing(Scripted):
        async def create(self, key: str, data: bytes) -> bool:
            raise Unavailable("The object store does not take writes.")

    objects = Refusing()
    with pytest.raises(Unavailable, match="does not take writes"):
        await ObjectSeriesStore(objects).replace(KEY, 0, b"mine\n")
    assert await left(objects) == 0


class Failing(Scripted):
    """Does not answer from a creation on: what it is asked to do then is in `away`."""

    def __init__(self, *away: str) -> None:
        super().__init__()
        self._away = away
        self.created = False

    async def create(self, key: str, data: bytes) -> bool:
        self.created = await super().create(key, data)
        return self.created

    def _answer(self, call: str) -> None:
        if self.created and call in self._away:
            raise Unavailable("The object store does not answer.")

    async def infos(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        self._answer("list")
        async for info in super().infos(prefix):
            yield info

    async def delete(self, key: str) -> None:
        self._answer("delete")
        await super().delete(key)


async def test_a_change_is_made_though_what_it_replaced_is_not_removed_yet() -> None:
    objects = Failing("delete")
    working = Objects(objects._store, "memory")
    await one_line_more(working)
    assert await ObjectSeriesStore(objects).replace(KEY, 1, b"mine\n")
    assert await left(working) == 2
    again = ObjectSeriesStore(working)
    assert await again.load(KEY) == (2, b"mine\n")
    await again.remove_replaced(KEY)
    assert await left(working) == 1
    assert await again.load(KEY) == (2, b"mine\n")


async def test_a_change_after_which_the_store_does_not_answer_is_said_to_be_in_doubt() -> None:
    objects = Failing("list")
    await one_line_more(Objects(objects._store, "memory"))
    with pytest.raises(Unavailable, match=r"does not answer\. Whether the change was made is not known"):
        await ObjectSeriesStore(objects).replace(KEY, 1, b"mine\n")


async def test_where_nobody_can_tell_any_more_the_answer_is_an_error_and_not_a_guess() -> None:
    objects = Scripted()
    store, version = await with_versions(objects, 1)
    objects.before_listing = lambda: one_line_more(Objects(objects._store, "memory"), MOST_WRITES + 1)
    with pytest.raises(Unavailable, match="too often to tell"):
        await store.replace(KEY, version, b"mine\n")


async def test_a_deletion_that_broke_off_is_finished_by_the_next_one() -> None:
    class Full(Scripted):
        async def delete(self, key: str) -> None:
            raise Unavailable("The object store does not answer.")

    objects = Full()
    store = ObjectSeriesStore(objects)
    assert await store.replace(KEY, 0, b"secret")
    with pytest.raises(Unavailable):
        await store.delete(KEY)
    working = Objects(objects._store, "memory")
    await ObjectSeriesStore(working).delete(KEY)
    assert not [key async for key in working.keys(KEY) if b"secret" in await working.get(key)]


class Unruly(Objects):
    """Gives other windows their turn before and after everything, and loses some replies."""

    def __init__(self, shared: MemoryStore, chance: random.Random) -> None:
        super().__init__(shared, "memory")
        self._chance = chance

    async def _others(self) -> None:
        for _ in range(self._chance.choice((0, 0, 1, 3, 20))):
            await asyncio.sleep(0)

    async def create(self, key: str, data: bytes) -> bool:
        await self._others()
        created = await super().create(key, data)
        await self._others()
        luck = self._chance.random()
        if luck < 0.1:
            raise Unavailable("The object store does not answer.")
        return created if luck < 0.8 else await super().create(key, data)

    async def get(self, key: str) -> bytes:
        await self._others()
        return await super().get(key)

    async def infos(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        await self._others()
        async for info in super().infos(prefix):
            yield info
        await self._others()

    async def delete(self, key: str) -> None:
        await self._others()
        await super().delete(key)


def somebody(name: str) -> Callable[[SeriesCast], tuple[SeriesCast, None]]:
    """A change that shows whether it was made twice: the second time it makes another member of that name."""
    return lambda cast: (new_member(cast, name)[0], None)


def names(cast: SeriesCast) -> Counter[str | None]:
    return Counter(member.name for member in cast.members.values())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.integers(0, 10_000))
def test_windows_at_once_make_each_change_exactly_once_however_replies_are_lost(windows: list[int], seed: int) -> None:
    async def told() -> None:
        shared, chance = MemoryStore(), random.Random(seed)

        async def window(number: int) -> None:
            memory = SeriesMemory(ObjectSeriesStore(Unruly(shared, chance)))
            for change in range(windows[number]):
                await memory.update("c", "s", somebody(f"{number}.{change}"))

        await asyncio.gather(*map(window, range(len(windows))))
        cast = await SeriesMemory(ObjectSeriesStore(Objects(shared, "memory"))).cast("c", "s")
        assert names(cast) == Counter(f"{number}.{change}" for number, count in enumerate(windows) for change in range(count))

    asyncio.run(told())


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    server = S3()
    server.start()
    name = f"series-{secrets.token_hex(6)}"
    server.make_bucket(name)
    yield Bucket(name, server.url, REGION, ACCESS_KEY, SECRET_KEY, retry_for_s=3.0, request_timeout_s=2.0)
    server.stop()


@pytest.mark.parametrize("place", ["folder", "s3"])
async def test_processes_that_share_a_store_make_each_change_exactly_once(
    place: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def objects() -> Objects:
        return Objects.in_folder(tmp_path) if place == "folder" else Objects.in_bucket(request.getfixturevalue("bucket"))

    async def window(number: int) -> None:
        memory = SeriesMemory(ObjectSeriesStore(objects()))
        for change in range(4):
            await memory.update("c", "s", somebody(f"{number}.{change}"))

    await asyncio.gather(*map(window, range(4)))
    found = names(await SeriesMemory(ObjectSeriesStore(objects())).cast("c", "s"))
    assert found == Counter(f"{number}.{change}" for number in range(4) for change in range(4))
