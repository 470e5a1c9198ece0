"""What a container can import: of this environment's libraries only those its image installs, and what they need.

Containers run in this environment, where everything is installed. An image that lacks what the code in it imports would be found out
on Modal first.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Final, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EVERYWHERE: Final = ("modal", "pip", "setuptools", "wheel")
"""Modal puts its client into every container, beside what the base image has."""
THIS_PROJECT: Final = "tanoshi-narration"
"""Installed here so that its checkout is importable; a container has it from the mounted sources."""


class Wanted(NamedTuple):
    """A requirement, and whether pip leaves out what it requires itself."""

    line: str
    alone: bool = False


def installed_by(commands: Iterable[str]) -> frozenset[Wanted]:
    """What an image's commands have pip install."""
    lines = [shlex.split(command) for command in commands if command.startswith("RUN python -m pip install ")]
    return frozenset(Wanted(word, "--no-deps" in words) for words in lines for word in words[5:] if not word.startswith("-"))


@cache
def absent(wanted: frozenset[Wanted]) -> frozenset[str]:
    """Top-level modules of this environment that an image in which this is installed does not have."""
    there = _needed((*(line for line, alone in wanted if not alone), *EVERYWHERE)) | {THIS_PROJECT}
    there |= {canonicalize_name(Requirement(line).name) for line, alone in wanted if alone}
    return frozenset(
        module
        for module, owners in packages_distributions().items()
        if there.isdisjoint(canonicalize_name(owner) for owner in owners)
    )


def _needed(requirements: Iterable[str]) -> set[str]:
    """Canonical names of these distributions and of all they require, here and with these extras."""
    waiting = [Requirement(line) for line in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key in seen:
            continue
        seen.add(key)
        try:
            needs = distribution(one.name).requires or []
        except PackageNotFoundError:  # for another system, or left out of the tests' environment
            continue
        found = map(Requirement, needs)
        waiting += [need for need in found if need.marker is None or _holds(need, one.extras)]
    return {name for name, _ in seen}


def _holds(need: Requirement, extras: Iterable[str]) -> bool:
    assert need.marker is not None
    return any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras))


_SCRIPT: Final = """
import sys
from importlib.machinery import PathFinder

HIDDEN = frozenset({hidden!r})

class Installed(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return None if fullname in HIDDEN else super().find_spec(fullname, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
"""
"""Libraries that ask whether others are there are told no, as where they are not installed."""


def hide(modules: Iterable[str], folder: Path) -> None:
    """Makes `folder` one that, on a Python's path, has it not find these modules."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_SCRIPT.format(hidden=sorted(modules)), encoding="utf-8")
