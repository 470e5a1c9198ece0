"""The arrows between the rooms: who may import whom. A new arrow is a decision; make it here first.

api, cli, cloud, app ---> jobs, storage, voices, books, series
        |
        v
    narration ---> readers.base, synthesizers.base, language
        ^
engines implement the two protocols and know nobody else
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[1] / "backend"
MODULES = sorted(BACKEND.rglob("*.py"))
MAX_LINES = 350
"""A longer module has two reasons to change."""

FORBIDDEN = {
    "narration": {
        "backend.api",
        "backend.app",
        "backend.engines",
        "backend.cloud",
        "backend.cli",
        "backend.studio",
        "fastapi",
        "starlette",
        "redis",
        "modal",
    },
    "jobs": {
        "backend.api",
        "backend.app",
        "backend.engines",
        "backend.cloud",
        "backend.cli",
        "backend.narration",
        "backend.studio",
        "fastapi",
        "modal",
    },
    "storage": {
        "backend.api",
        "backend.app",
        "backend.engines",
        "backend.cloud",
        "backend.cli",
        "backend.narration",
        "backend.jobs",
        "fastapi",
        "modal",
    },
    "language": {"backend.api", "backend.app", "backend.narration", "backend.jobs", "backend.storage", "fastapi", "modal"},
}
"""Room -> what nothing in it imports."""

ENGINES_MAY = {
    "backend.engine",
    "backend.errors",
    "backend.files",
    "backend.fingerprints",
    "backend.imaging",
    "backend.acoustics",
    "backend.language",
}
"""What an engine may import besides its own room and its protocol; engines know no other room."""


def imports(path: Path) -> Iterator[str]:
    """Full names of what a module imports, at its top or inside functions, type checking included."""
    package = ".".join(path.relative_to(BACKEND.parent).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_imports_nothing_that_lies_further_out(room: str) -> None:
    wrong = [
        f"{p.relative_to(BACKEND)}: {name}"
        for p in (BACKEND / room).rglob("*.py")
        for name in imports(p)
        if within(name, FORBIDDEN[room])
    ]
    assert not wrong


@pytest.mark.parametrize("room", ["readers", "synthesizers"])
def test_an_engine_knows_its_protocol_and_no_other_room(room: str) -> None:
    allowed = {f"backend.{room}", *ENGINES_MAY}
    wrong = [
        f"{path.relative_to(BACKEND)}: {name}"
        for path in (BACKEND / room).rglob("*.py")
        for name in imports(path)
        if within(name, {"backend"}) and name != "backend" and not within(name, allowed)
    ]
    assert not wrong


@pytest.mark.parametrize("room", ["narration", "jobs", "language"])
def test_engines_are_known_by_their_protocols_only(room: str) -> None:
    engines = {
        f"backend.{ports}.{part.name}"
        for ports in ("readers", "synthesizers")
        for part in (BACKEND / ports).iterdir()
        if part.is_dir()
    }
    wrong = [
        f"{p.relative_to(BACKEND)}: {name}"
        for p in (BACKEND / room).rglob("*.py")
        for name in imports(p)
        if within(name, engines)
    ]
    assert not wrong


def test_only_the_cloud_room_imports_modal() -> None:
    outside = [path for path in MODULES if BACKEND / "cloud" not in path.parents]
    assert not [f"{path.relative_to(BACKEND)}: {name}" for path in outside for name in imports(path) if within(name, {"modal"})]


def test_no_module_is_longer_than_one_reason_to_change() -> None:
    long = {
        str(path.relative_to(BACKEND)): lines
        for path in MODULES
        if (lines := path.read_text(encoding="utf-8").count("\n")) > MAX_LINES
    }
    assert not long


def test_no_module_at_the_top_shadows_the_standard_library() -> None:
    """`modal serve backend/modal_app.py` puts backend/ first on sys.path: a queue.py of ours would be imported for queue."""
    names = {path.stem if path.is_file() else path.name for path in BACKEND.iterdir() if path.suffix in ("", ".py")}
    assert not names & sys.stdlib_module_names
    assert not names & {"redis", "modal", "tokenizers", "torch"}


def test_every_folder_with_code_is_a_package() -> None:
    assert not [str(path) for path in MODULES if not (path.parent / "__init__.py").exists()]
