"""Every code a client can meet stands in WARP.md's table with its status, and the table names no other."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import backend.api
from backend import errors
from backend.errors import EngineError, Forbidden, TanoshiError

ROOT = Path(__file__).parents[2]
NOT_OVER_HTTP = {EngineError, errors.BadBook, errors.ConfigurationError, Forbidden}
"""Reasons of pages, errors of commands, and a class that is only raised as one of its kinds."""


def kinds(of: type[TanoshiError]) -> set[type[TanoshiError]]:
    return {of}.union(*(kinds(kind) for kind in of.__subclasses__()))


def test_the_table_of_codes_is_the_tree_of_errors() -> None:
    for module in pkgutil.iter_modules(backend.api.__path__):
        importlib.import_module(f"backend.api.{module.name}")
    raised = {kind for kind in kinds(TanoshiError) if kind.__module__.startswith(("backend.api", "backend.errors"))}
    raised -= NOT_OVER_HTTP | kinds(EngineError)
    section = (ROOT / "WARP.md").read_text().split("### Errors")[1].split("\n### ")[0]
    table = {
        (int(status), code)
        for status, codes in re.findall(r"^\| (\d{3}) \| (.*) \|$", section, re.MULTILINE)
        for code in re.findall(r"`([a-z_]+)`", codes)
    }
    assert table == {(kind.status, kind.code) for kind in raised}


def test_nothing_in_the_api_makes_up_a_code_on_the_spot() -> None:
    """Codes are named by classes alone, so that the test above sees all of them."""
    for source in (ROOT / "backend" / "api").glob("*.py"):
        assert not re.search(r"""\bcode=["']""", source.read_text()), source.name


def test_forbidden_is_raised_only_as_one_of_its_kinds() -> None:
    assert not [source for source in (ROOT / "backend").rglob("*.py") if re.search(r"\bForbidden\(\"", source.read_text())]
