"""WARP.md against the program: every call has a line of curl in it, every event a row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from backend.app import create_app
from backend.jobs.events import EventName
from backend.settings import Settings

ROOT = Path(__file__).parents[2]
API = (ROOT / "WARP.md").read_text().split("## API")[1].split("\n## Architecture")[0]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return create_app(Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("data"))).openapi()


def commands() -> set[tuple[str, str]]:
    """(method, path) of every curl in the examples; the upload's put_url is written as the path it has."""
    text = API.replace('"$PUT_URL"', "$H/jobs/$JOB/pages/0")
    found = set()
    for line in re.findall(r"^    curl (.*)$", text, re.MULTILINE):
        (path,) = re.findall(r"\$H(/[^\s\"?]*)", line)
        method = re.search(r"-X ([A-Z]+)", line)
        implied = "PUT" if re.search(r"(^| )-\w*T ", line) else "POST" if re.search(r" (-d|--data\S*) ", line) else "GET"
        found.add((method[1] if method else implied, path.replace("/v1/narration", "")))
    return found


def test_every_call_has_a_line_of_curl(document: dict[str, Any]) -> None:
    shown = commands()
    missing = []
    for path, operations in document["paths"].items():
        pattern = re.compile(
            re.sub(r"\{path\}", ".+", re.sub(r"\{(?!path\})[^}]+\}", "[^/]+", path.replace("/v1/narration", "")))
        )
        for method in operations:
            if not any(method.upper() == known and pattern.fullmatch(place) for known, place in shown):
                missing.append(f"{method.upper()} {path}")
    assert not missing


def test_every_line_of_curl_is_a_call(document: dict[str, Any]) -> None:
    patterns = {
        (method.upper(), re.sub(r"\{path\}", ".+", re.sub(r"\{(?!path\})[^}]+\}", "[^/]+", path.replace("/v1/narration", ""))))
        for path, operations in document["paths"].items()
        for method in operations
    }
    for method, place in commands():
        assert any(method == known and re.fullmatch(pattern, place) for known, pattern in patterns), (method, place)


def test_every_event_has_a_row_and_every_row_is_an_event() -> None:
    section = API.split("### Events")[1].split("\n### ")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)) == {*EventName, "resync"}
