"""What every object store promises, whichever it is."""

from __future__ import annotations

import asyncio

import pytest

from backend.errors import NotFound
from backend.storage import keys
from backend.storage.objects import Objects, media_type_of


async def test_what_is_put_is_what_is_got(objects: Objects) -> None:
    data = bytes(range(256)) * 1000
    await objects.put("narration/job_1/pages/000", data)
    assert await objects.get("narration/job_1/pages/000") == data
    await objects.put("narration/job_1/pages/000", b"other")
    assert await objects.get("narration/job_1/pages/000") == b"other"


async def test_an_empty_object_is_an_object(objects: Objects) -> None:
    await objects.put("cache/empty", b"")
    assert await objects.get("cache/empty") == b""
    assert await objects.find("cache/empty") == b""


async def test_what_is_not_there_is_not_found(objects: Objects) -> None:
    with pytest.raises(NotFound):
        await objects.get("narration/job_1/pages/000")
    with pytest.raises(NotFound):
        await objects.get_range("narration/job_1/pages/000", 0, 1)
    assert await objects.find("narration/job_1/pages/000") is None
    assert await objects.head("narration/job_1/pages/000") is None


async def test_an_object_is_created_once(objects: Objects) -> None:
    outcomes = await asyncio.gather(*(objects.create("series/1.json", str(k).encode()) for k in range(8)))
    assert sorted(outcomes) == [False] * 7 + [True]
    assert await objects.get("series/1.json") == str(outcomes.index(True)).encode()


async def test_head_tells_size_and_an_etag_that_changes_with_the_content(objects: Objects) -> None:
    await objects.put("a/b.ts", b"0123456789")
    first = await objects.head("a/b.ts")
    assert first is not None
    assert (first.key, first.size) == ("a/b.ts", 10)
    assert first.etag.startswith('"')
    assert first.etag.endswith('"')
    assert await objects.head("a/b.ts") == first
    await objects.put("a/b.ts", b"01234567890")
    second = await objects.head("a/b.ts")
    assert second is not None
    assert second.etag != first.etag


async def test_ranges(objects: Objects) -> None:
    await objects.put("a/b.ts", b"0123456789")
    assert await objects.get_range("a/b.ts", 0, 10) == b"0123456789"
    assert await objects.get_range("a/b.ts", 2, 5) == b"234"
    assert await objects.get_range("a/b.ts", 9, 10) == b"9"


async def test_listing_takes_whole_segments_only(objects: Objects) -> None:
    for key in (
        "narration/job_1/pages/000",
        "narration/job_1/pages/001",
        "narration/job_10/pages/000",
        "narration/job_1/audio/a.ts",
    ):
        await objects.put(key, b"x" * 3)
    assert {key async for key in objects.keys("narration/job_1")} == {
        "narration/job_1/pages/000",
        "narration/job_1/pages/001",
        "narration/job_1/audio/a.ts",
    }
    arrived = {keys.upload_index(info.key): info.size async for info in objects.infos(keys.uploads_prefix("job_1"))}
    assert arrived == {0: 3, 1: 3}
    assert [key async for key in objects.keys("nothing/here")] == []


async def test_a_listing_and_head_agree(objects: Objects) -> None:
    await objects.put("a/b.ts", b"0123456789")
    assert [info async for info in objects.infos("a")] == [await objects.head("a/b.ts")]


async def test_deleting_is_final_and_may_be_repeated(objects: Objects) -> None:
    await objects.put("a/b.ts", b"x")
    await objects.delete("a/b.ts")
    await objects.delete("a/b.ts")
    assert await objects.find("a/b.ts") is None


async def test_a_prefix_is_removed_whole_even_by_two_at_once(objects: Objects) -> None:
    for k in range(40):
        await objects.put(f"narration/job_1/pages/{k:03d}", b"x")
    await objects.put("narration/job_10/pages/000", b"x")
    await asyncio.gather(objects.delete_prefix("narration/job_1"), objects.delete_prefix("narration/job_1"))
    assert [key async for key in objects.keys("narration")] == ["narration/job_10/pages/000"]
    assert await objects.delete_prefix("narration/job_1") == 0


async def test_many_at_once_arrive_whole(objects: Objects) -> None:
    data = {f"cache/utterances/x/{k}.flac": bytes([k]) * (1000 + k) for k in range(100)}
    await asyncio.gather(*(objects.put(key, value) for key, value in data.items()))
    assert dict(zip(data, await asyncio.gather(*map(objects.get, data)), strict=True)) == data


async def test_a_reader_never_sees_half_an_object(objects: Objects) -> None:
    whole = {bytes([k]) * 200_000 for k in range(4)}
    await objects.put("a/b.ts", next(iter(whole)))

    async def write() -> None:
        for data in list(whole) * 5:
            await objects.put("a/b.ts", data)

    writing = asyncio.create_task(write())
    while not writing.done():
        assert await objects.get("a/b.ts") in whole
    await writing


async def test_a_working_store_passes_its_check_and_keeps_nothing_of_it(objects: Objects) -> None:
    await objects.check()
    assert [key async for key in objects.keys("health")] == []


@pytest.mark.parametrize(
    ("key", "media_type"),
    [
        ("a/index.m3u8", "application/vnd.apple.mpegurl"),
        ("a/segment-000.ts", "video/mp2t"),
        ("a/captions.vtt", "text/vtt; charset=utf-8"),
        ("narration/job_1/pages/000", "application/octet-stream"),
    ],
)
def test_the_media_type_follows_the_suffix(key: str, media_type: str) -> None:
    assert media_type_of(key) == media_type


def test_audio_below_a_version_may_be_kept_for_ever_and_nothing_else() -> None:
    assert "immutable" in keys.cache_control(keys.audio("job_1", "page-3/0123456789abcdef/segment-000.ts"))
    for key in (keys.audio("job_1", "page-3/index.m3u8"), keys.upload("job_1", 3), "voices/0123456789abcdef/0123456789abcdef/a"):
        assert keys.cache_control(key) == "no-cache"


@pytest.mark.parametrize("name", ["narration/job_1/pages/", "narration/job_1/pages/00", "narration/job_1/pages/٣٣٣", "x/1_0"])
def test_what_is_no_upload_of_ours_is_no_page(name: str) -> None:
    assert keys.upload_index(name) is None
