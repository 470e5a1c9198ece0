"""The names of engines elsewhere: whatever may change what is kept under one changes the name."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.cloud import identity
from backend.cloud.identity import BACKEND, Role, fingerprint
from backend.settings import Settings
from tests.test_architecture import imports

WITHOUT_EFFECT = {"__init__.py", "engine.py", "errors.py"}
"""The life of an engine and the names of errors: only whole results are kept."""
NOT_IMPORTED = {"narration/level.py", "engines.py", "fingerprints.py", "cloud/images.py", "requirements.txt"}
"""How sound that travels is brought to one rate, which engine is made and how, of which weights, and with which libraries."""


def reached_from(room: str) -> set[str]:
    """All modules of the program that the room's modules import, at whatever remove, and themselves."""
    waiting = list((BACKEND / room).rglob("*.py"))
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in imports(path):
            place = BACKEND.parent.joinpath(*name.split("."))
            modules = (place.with_suffix(".py"), place / "__init__.py")
            waiting += [module for module in modules if module.is_relative_to(BACKEND) and module.is_file()]
    return {path.relative_to(BACKEND).as_posix() for path in found}


def within(place: str, module: str) -> bool:
    return module == place or module.startswith(f"{place}/")


@pytest.mark.parametrize(("role", "room"), [("reader", "readers"), ("speaker", "synthesizers")])
def test_every_module_an_engine_is_made_of_is_in_its_fingerprint_and_nothing_else(role: Role, room: str) -> None:
    reached = reached_from(room) - WITHOUT_EFFECT
    assert {f"{room}/base.py", "language/detect.py"} <= reached
    places = identity._SOURCES[role]
    assert not [module for module in sorted(reached) if not any(within(place, module) for place in places)]
    idle = [place for place in places if not any(within(place, module) for module in reached)]
    assert set(idle) <= NOT_IMPORTED, "a change there would leave a cache for nothing"


def test_a_change_of_any_source_is_another_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in {place for places in identity._SOURCES.values() for place in places}:
        source = tmp_path / place / "part.py" if (BACKEND / place).is_dir() else tmp_path / place
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("before", encoding="utf-8")
    monkeypatch.setattr(identity, "BACKEND", tmp_path)

    def names() -> tuple[str, str]:
        identity._sources.cache_clear()
        settings = Settings(_env_file=None)
        return fingerprint("reader", settings), fingerprint("speaker", settings)

    reader, speaker = names()
    (tmp_path / "language" / "detect.py").write_text("after", encoding="utf-8")
    assert names()[0] != reader
    assert names()[1] != speaker
    reader, speaker = names()
    (tmp_path / "language" / "part.py").write_text("after", encoding="utf-8")
    assert names()[0] == reader, "how a line is said is nothing to a reading"
    assert names()[1] != speaker
    identity._sources.cache_clear()


@pytest.mark.parametrize("role", ["reader", "speaker"])
def test_an_engines_fingerprint_changes_with_its_setting_and_its_weights(role: str, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    settings = [
        Settings(_env_file=None),
        Settings(_env_file=None, reader="magi", synthesizer="sovits", magi_dir=weights, sovits_dir=weights),
    ]
    embedded, empty = (fingerprint(role, one) for one in settings)  # type: ignore[arg-type]
    (weights / "model.safetensors").write_bytes(b"weights")
    filled = fingerprint(role, settings[1])  # type: ignore[arg-type]
    (weights / "model.safetensors").write_bytes(b"wEights")
    other = fingerprint(role, settings[1])  # type: ignore[arg-type]
    assert len({embedded, empty, filled, other}) == 4
    assert embedded == fingerprint(role, settings[0])  # type: ignore[arg-type]
