"""Volumes as containers see them: what was committed before they were mounted, until the container asks to see more.

A volume is a folder of the cloud; each container gets a copy of it. Committing copies the container's files back, reloading makes the
copy anew, and is refused while a process of the container has a file of it open or mapped.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from grpclib import GRPCError, Status

from tests.support.modal_cloud.state import State
from tests.support.modal_cloud.things import Container


def view(container: Container, volume_id: str) -> Path:
    """The container's own copy."""
    return container.folder / "volumes" / volume_id


def mount(state: State, container: Container) -> None:
    """Copies all volumes of a container that is about to start."""
    for mounted in container.function.definition.volume_mounts:
        shutil.copytree(state.volumes[mounted.volume_id]["dir"], view(container, mounted.volume_id))


def commit(state: State, container: Container, volume_id: str) -> None:
    """What the container wrote is there for all. A read-only copy is the cloud's own already."""
    if not _read_only(container, volume_id):
        _copy(view(container, volume_id), state.volumes[volume_id]["dir"])


def commit_all(state: State, container: Container) -> None:
    """At a container's end, as in its background meanwhile."""
    for mounted in container.function.definition.volume_mounts:
        commit(state, container, mounted.volume_id)


def reload(state: State, container: Container, volume_id: str) -> None:
    """Raises GRPCError while files are open, in the words of Modal's servers."""
    seen = view(container, volume_id)
    if _open_files(container) & {path.stat().st_ino for path in seen.rglob("*") if path.is_file()}:
        raise GRPCError(Status.FAILED_PRECONDITION, "there are open files preventing the operation")
    commit(state, container, volume_id)
    _copy(state.volumes[volume_id]["dir"], seen)


def _read_only(container: Container, volume_id: str) -> bool:
    mounts = container.function.definition.volume_mounts
    return all(mounted.read_only for mounted in mounts if mounted.volume_id == volume_id)


def _copy(source: Path, target: Path) -> None:
    kept = {path.relative_to(source) for path in source.rglob("*")}
    for path in sorted(target.rglob("*"), reverse=True):
        if path.relative_to(target) not in kept:
            path.rmdir() if path.is_dir() else path.unlink()
    shutil.copytree(source, target, dirs_exist_ok=True)


def _open_files(container: Container) -> set[int]:
    """Inodes of the files that the container's processes have open or mapped."""
    found: set[int] = set()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if os.getsid(int(process.name)) != container.process.pid:
                continue
            found |= {os.stat(link).st_ino for link in (process / "fd").iterdir()}  # noqa: PTH116 - of the link's target
            found |= {int(line.split()[4]) for line in (process / "maps").read_text().splitlines()}
        except (OSError, ValueError):
            continue  # it ended, or a descriptor was closed, meanwhile
    return found
