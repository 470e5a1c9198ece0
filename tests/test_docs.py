"""README, .env.example and the settings class name the same variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backend.settings import Settings, variable_names

ROOT = Path(__file__).parents[1]
OUTSIDE_SETTINGS = {"PORT", "PYTHON", "VENV"}
"""Variables of the Makefile."""


def test_env_example_lists_every_variable_once_in_the_order_of_the_class() -> None:
    listed = re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == list(variable_names())


def test_every_variable_in_env_example_has_a_sentence() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        if re.match(r"^#?\s?[A-Z][A-Z0-9_]+=", line):
            assert re.match(r"^# .{10,}\.$", above), f"the line above {line} is not a sentence"


def test_a_copied_env_example_changes_nothing() -> None:
    """Every variable is commented out, so `cp .env.example .env` is a safe first step."""
    assert not re.findall(r"^[A-Z]", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "need.md"])
def test_documentation_names_every_variable(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert not [name for name in variable_names() if not re.search(rf"\b{name}\b", text)]


def test_the_defaults_shown_are_the_defaults() -> None:
    shown = re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=(.+)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    for name, value in shown:
        default = Settings.model_fields[name.lower()].default
        assert type(default)(value) == default, name
