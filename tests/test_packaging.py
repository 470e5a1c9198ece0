"""What is installed: pins lie in the declared ranges, and every library the program imports is declared."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
OF_THIS_PROJECT = "tanoshi-narration"
EXTRAS_OF_ROOMS = {
    "backend/readers/magi/": "gpu",
    "backend/readers/manga_ocr/": "gpu",
    "backend/synthesizers/sovits/": "gpu",
    "backend/weights/": "gpu",
    "backend/cli/doctor.py": "gpu",  # it looks whether they are there
    "backend/cloud/": "cloud",
}
"""Where the libraries of an extra may be imported."""
OPTIONAL = {"faster-whisper"}
"""Imported where somebody has it, declared nowhere: the code goes on without."""


def pins(name: str) -> list[Requirement]:
    lines = [line.split(" #")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def declared(extra: str | None = None) -> list[Requirement]:
    listed = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    return [r for r in map(Requirement, listed) if r.name != OF_THIS_PROJECT]


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(r.name) for r in requirements}


@pytest.mark.parametrize(
    ("file", "ranges"),
    [
        ("backend/requirements.txt", declared()),
        ("requirements-dev.txt", [*declared("test"), *declared("gpu"), *declared("cloud")]),
    ],
    ids=["serving", "testing"],
)
def test_pins_cover_the_declared_names_and_lie_in_their_ranges(file: str, ranges: list[Requirement]) -> None:
    allowed = {canonicalize_name(r.name): r for r in ranges}
    assert names(pins(file)) == set(allowed)
    for pin in pins(file):
        (exact,) = pin.specifier
        assert exact.operator == "=="
        declaration = allowed[canonicalize_name(pin.name)]
        assert declaration.specifier.contains(exact.version), pin
        assert pin.extras == declaration.extras, pin


def test_requirements_are_plain_pins() -> None:
    """No index, URL or hash: `pins` refuses options, so reading the files is most of the test."""
    assert not [pin for file in ("backend/requirements.txt", "requirements-dev.txt") for pin in pins(file) if pin.url]


def test_every_file_of_the_program_that_is_no_module_is_installed_with_it() -> None:
    """What is read from a checkout is missed first where somebody has only the package."""
    data = PYPROJECT["tool"]["setuptools"]["package-data"]
    installed = {
        path for package, patterns in data.items() for name in patterns for path in (ROOT / package.replace(".", "/")).glob(name)
    }
    files = {path for path in (ROOT / "backend").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in files if path.suffix != ".py"} == installed


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return (
        {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"backend", "samples", "benchmarks", "tests"}
    )


def test_every_library_the_program_imports_is_declared() -> None:
    by_module = packages_distributions()
    for path in sorted((ROOT / "backend").rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        known = names(declared()) | OPTIONAL
        for room, extra in EXTRAS_OF_ROOMS.items():
            if place.startswith(room):
                known |= names(declared(extra))
        for module in imported(path):
            distributions = {canonicalize_name(name) for name in by_module.get(module, [module])}
            assert distributions & known, f"{place} imports {module}, which pyproject.toml does not declare"
