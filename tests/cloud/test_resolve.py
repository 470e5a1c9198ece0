"""`python -m backend.cloud.resolve` asks pip about what the images really install, and says what pip says."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import typer

from backend.cloud import images, resolve, training


def test_each_image_is_asked_about() -> None:
    wanted = resolve.wanted("requirements.txt")
    assert wanted.keys() == {"api", "reader", "speaker", "trainer", "training"}
    assert wanted["speaker"] == list(images.LIBRARIES["speaker"])
    assert wanted["training"] == [*training.TORCH, "-r", "requirements.txt"]
    pinned = [pin for role in ("api", "reader", "speaker", "trainer") for pin in wanted[role]]
    assert all("==" in pin for pin in pinned)


def test_a_role_that_does_not_exist_is_not_passed_over() -> None:
    with pytest.raises(typer.BadParameter, match="No image is called speakers: choose from api, reader, speaker"):
        resolve.main(["api", "speakers"])


def a_wheel(folder: Path, name: str, needs: str = "") -> str:
    """A package of nothing but its metadata."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}")
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return str(path)


@pytest.mark.parametrize(("needs", "count"), [("other==1.0", 2), ("other==2.0", 0)], ids=["together", "never"])
def test_pips_answer_is_passed_on(tmp_path: Path, needs: str, count: int) -> None:
    found, problem = resolve.resolved(["--no-index", a_wheel(tmp_path, "one", needs), a_wheel(tmp_path, "other")])
    assert found == count
    assert bool(problem) is (count == 0)
    if problem:
        assert "other" in problem
