"""The embedded store on a disk that is full, read-only or gone."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from backend.errors import ConfigurationError
from backend.storage.objects import Objects

ON_A_FULL_DISK = textwrap.dedent(
    """
    import asyncio, resource, shutil, sys
    from collections import namedtuple
    from pathlib import Path
    from backend.errors import Unavailable
    from backend.storage.objects import Objects

    async def main(folder, free):
        objects = Objects.in_folder(Path(folder))
        await objects.put("a/small", b"x" * 100)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # the system refuses to write more, as it does on a full disk
        shutil.disk_usage = lambda path: namedtuple("usage", "total used free")(0, 0, free)
        try:
            await objects.put("a/large", b"x" * 100_000)
        except Unavailable as error:
            print(error)
        else:
            print("written")
        print([key async for key in objects.keys("a")], await objects.get("a/small") == b"x" * 100)
        await objects.aclose()

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
    """
)


@pytest.mark.parametrize(
    ("free", "sentence"),
    [(0, "The disk that holds DATA_DIR is full."), (10**12, "The object store does not take writes.")],
)
def test_a_full_disk_is_a_clear_error_and_leaves_no_half_object(tmp_path: Path, free: int, sentence: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path), str(free)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == [sentence, "['a/small'] True"]


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="DATA_DIR"):
        Objects.in_folder(tmp_path / "file" / "data")


async def test_removing_a_window_leaves_no_empty_folders(tmp_path: Path) -> None:
    objects = Objects.in_folder(tmp_path / "data")
    await objects.put("narration/job_1/audio/page-0/0123456789abcdef/segment-000.ts", b"x")
    await objects.put("cache/readings/r/a.json", b"x")
    await objects.delete_prefix("narration/job_1")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["cache"]
