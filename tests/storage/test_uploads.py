"""A window's pages by their bytes: what is asked for is what is found, or nothing."""

from __future__ import annotations

from backend.storage import keys, uploads
from backend.storage.objects import Objects

ONE, OTHER = b"one", b"other"
SHA = uploads.sha256_of(ONE)


async def test_bytes_are_found_by_their_hash_whatever_was_kept_after_them() -> None:
    objects = Objects.in_memory()
    for data in (ONE, OTHER):
        await uploads.keep(objects, "job_1", uploads.sha256_of(data), data)
    assert await uploads.find(objects, "job_1", 0, SHA) == ONE
    assert await uploads.find(objects, "job_2", 0, SHA) is None


async def test_what_a_url_brought_or_an_older_release_kept_counts_only_if_it_is_these_bytes() -> None:
    objects = Objects.in_memory()
    await objects.put(keys.upload("job_1", 0), ONE)
    assert await uploads.find(objects, "job_1", 0, SHA) == ONE
    await objects.put(keys.upload("job_1", 0), OTHER)
    assert await uploads.find(objects, "job_1", 0, SHA) is None


async def test_removing_a_page_leaves_other_bytes_where_they_are() -> None:
    objects = Objects.in_memory()
    await uploads.keep(objects, "job_1", SHA, ONE)
    await objects.put(keys.upload("job_1", 0), OTHER)
    await objects.put(keys.upload("job_1", 1), ONE)
    await uploads.remove(objects, "job_1", 0, SHA)
    assert [key async for key in objects.keys("narration")] == [keys.upload("job_1", 0), keys.upload("job_1", 1)]
    await uploads.remove(objects, "job_1", 1, SHA)
    assert [key async for key in objects.keys("narration")] == [keys.upload("job_1", 0)]
