"""A few-shot checkpoint that was committed while a container was awake is seen by it, and looking for one that is gone is bounded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from backend.cloud import trained
from backend.cloud.trained import AGAIN_AFTER_S, TrainedVoices
from backend.errors import Unavailable
from backend.synthesizers.base import Voice
from tests.support.modal_cloud.cloud import LocalCloud
from tests.support.modal_cloud.isolation import NOT_HERE, isolation
from tests.support.volume_app import VOLUME


class Volume:
    """Shows `committed` in `folder` when it is reloaded; refuses `busy` times."""

    def __init__(self, folder: Path, busy: int = 0) -> None:
        self.folder = folder
        self.committed: list[str] = []
        self.busy = busy
        self.reloads = 0

    async def reload(self) -> None:
        self.reloads += 1
        await asyncio.sleep(0)
        if self.reloads <= self.busy:
            raise RuntimeError("there are open files preventing the operation")
        for name in self.committed:
            (self.folder / name).mkdir(exist_ok=True)


def voice(checkpoint: str | None) -> Voice:
    return Voice(id="sovits:aya", checkpoint=checkpoint)


async def test_a_checkpoint_committed_meanwhile_is_shown_once_for_all_who_ask(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    volume.committed = ["aya-1"]
    voices = TrainedVoices(tmp_path, volume.reload)
    await asyncio.gather(*(voices.see([voice("aya-1"), voice(None)]) for _ in range(5)))
    assert (tmp_path / "aya-1").is_dir()
    assert volume.reloads == 1


async def test_voices_without_a_checkpoint_or_with_one_that_is_there_cost_nothing(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    (tmp_path / "aya-1").mkdir()
    await TrainedVoices(tmp_path, volume.reload).see([voice(None), voice("aya-1")])
    await TrainedVoices(None, volume.reload).see([voice("aya-2")])
    assert volume.reloads == 0


async def test_one_that_is_gone_is_looked_for_now_and_then_and_does_not_hide_a_new_one(tmp_path: Path) -> None:
    volume, clock = Volume(tmp_path), [0.0]
    voices = TrainedVoices(tmp_path, volume.reload, lambda: clock[0])
    for _ in range(10):
        await voices.see([voice("gone")])
    assert volume.reloads == 1
    await voices.see([voice("gone"), voice("aya-1")])
    assert volume.reloads == 2
    clock[0] = AGAIN_AFTER_S + 1
    await voices.see([voice("gone")])
    assert volume.reloads == 3


@pytest.mark.parametrize(("busy", "seen"), [(1, True), (9, False)])
async def test_an_open_file_is_waited_for_a_moment_and_then_another_container_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: int, seen: bool
) -> None:
    monkeypatch.setattr(trained, "_PAUSE_S", 0.0)
    volume = Volume(tmp_path, busy)
    volume.committed = ["aya-1"]
    voices = TrainedVoices(tmp_path, volume.reload)
    if seen:
        await voices.see([voice("aya-1")])
        assert (tmp_path / "aya-1").is_dir()
    else:
        with pytest.raises(Unavailable):
            await voices.see([voice("aya-1")])
        assert volume.reloads == 3


def test_a_container_that_stays_awake_sees_what_was_trained_meanwhile_and_ends_where_it_cannot(tmp_path: Path) -> None:
    """With Modal's own client in real containers; the local cloud shows a volume as Modal does."""
    if not isolation():
        pytest.skip(NOT_HERE)
    with LocalCloud(tmp_path, {}) as cloud:
        done = cloud.modal("run", "-m", "tests.support.volume_app", "--volume", str(tmp_path / "volumes" / VOLUME))
        assert done.returncode == 0, done.stdout + done.stderr + cloud.log()
        (first, before), (second, meanwhile), (third, held) = json.loads(
            done.stdout[done.stdout.index("[[") : done.stdout.index("]]") + 2]
        )
        assert (before, meanwhile, held) == (False, True, True)
        assert first == second, "the container that was awake sees it"
        assert third != second, "one that has a file open is replaced"
        assert [call["retries"] for call in cloud.calls("Looker.*")] == [[0], [0], [1]]
