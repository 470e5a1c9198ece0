"""What `modal deploy`, `serve` and `run` make of the app: read back from the cloud they were sent to."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.cloud import sample
from backend.cloud.app import VOLUME, main
from backend.settings import Settings
from tests.cloud.conftest import ENGINES, SECRET
from tests.support.modal_cloud.cloud import ROOT, LocalCloud
from tests.support.windows import small_pages

READER, SPEAKER = "MagiReader.*", "SovitsSpeaker.*"
GPU_CLASSES = (READER, SPEAKER)
DEPLOYED = (*GPU_CLASSES, "api", "download_weights", "narrate")
AnotherCloud = Callable[[dict[str, dict[str, str]]], LocalCloud]


@pytest.fixture(scope="session")
def definitions(cloud: LocalCloud) -> dict[str, dict[str, Any]]:
    functions = cloud.state()["functions"]
    return {name: functions[name] for name in DEPLOYED}


@pytest.fixture(scope="session")
def defined(definitions: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: function["definition"] for name, function in definitions.items()}


def test_the_gpu_classes_ask_for_a_gpu_and_name_a_second_choice(definitions: dict[str, dict[str, Any]]) -> None:
    for name in GPU_CLASSES:
        assert [one["gpu_config"]["gpu_type"] for one in definitions[name]["ranked"]] == ["L4", "A10"]


def test_nothing_else_asks_for_a_gpu(defined: dict[str, dict[str, Any]]) -> None:
    for name in set(DEPLOYED) - set(GPU_CLASSES):
        assert not defined[name]["resources"].get("gpu_config", {}).get("gpu_type")


def test_weights_can_be_written_by_their_download_only(cloud: LocalCloud, defined: dict[str, dict[str, Any]]) -> None:
    read_only = {name: [mount.get("read_only", False) for mount in defined[name]["volume_mounts"]] for name in DEPLOYED}
    assert read_only == {name: [name != "download_weights"] for name in DEPLOYED}
    paths = {mount["mount_path"] for definition in defined.values() for mount in definition["volume_mounts"]}
    assert paths == {"/mnt/weights"}
    assert {(volume["name"], volume["version"]) for volume in cloud.state()["volumes"].values()} == {(VOLUME, 2)}


def test_every_container_has_the_one_secret(defined: dict[str, dict[str, Any]]) -> None:
    assert {name: definition["secret_ids"] for name, definition in defined.items()} == {
        name: [f"st-{SECRET}"] for name in DEPLOYED
    }


def test_only_gpu_calls_are_tried_again(defined: dict[str, dict[str, Any]]) -> None:
    retries = {name: definition.get("retry_policy", {}).get("retries", 0) for name, definition in defined.items()}
    assert retries == {name: 2 if name in GPU_CLASSES else 0 for name in DEPLOYED}


def test_containers_take_several_inputs_at_once(defined: dict[str, dict[str, Any]]) -> None:
    assert defined["api"]["max_concurrent_inputs"] == 200
    assert defined["api"]["target_concurrent_inputs"] == 120
    assert defined["narrate"]["max_concurrent_inputs"] == 20
    assert all(defined[name]["max_concurrent_inputs"] > 1 for name in GPU_CLASSES)


def test_a_request_may_last_longer_than_a_stream(defined: dict[str, dict[str, Any]]) -> None:
    assert defined["api"]["timeout_secs"] > Settings(_env_file=None).stream_max_age_seconds


def test_every_call_and_every_start_is_given_up_after_a_time(defined: dict[str, dict[str, Any]]) -> None:
    whole, start = ({name: found[key] for name, found in defined.items()} for key in ("timeout_secs", "startup_timeout_secs"))
    assert whole == {READER: 300, SPEAKER: 600, "api": 3600, "narrate": 3600, "download_weights": 4 * 3600}
    assert {name: start[name] for name in whole if name != "download_weights"} == {
        READER: 900,
        SPEAKER: 900,
        "api": 120,
        "narrate": 120,
    }


def test_an_idle_gpu_is_let_go_and_its_number_is_bounded(defined: dict[str, dict[str, Any]]) -> None:
    for name in GPU_CLASSES:
        scaling = defined[name]["autoscaler_settings"]
        assert 60 <= scaling["scaledown_window"] <= 120
        assert not scaling.get("min_containers", 0)
        assert scaling["max_containers"] <= 4
        assert defined[name]["checkpointing_enabled"], "a snapshot is taken after the imports"


def test_modules_run_under_one_name_however_the_app_was_named(defined: dict[str, dict[str, Any]]) -> None:
    """Imported as `modal_app` by its path, a second app would exist in the container and answer nothing."""
    assert {definition["module_name"] for definition in defined.values()} == {"backend.cloud.app"}


def test_the_api_and_each_engine_have_images_of_their_own(cloud: LocalCloud, defined: dict[str, dict[str, Any]]) -> None:
    images = {name: definition["image_id"] for name, definition in defined.items()}
    assert images["api"] == images["narrate"]
    assert len({images["api"], images[READER], images[SPEAKER]}) == 3
    built = "\n".join(line for line in _commands(cloud, images["api"]))
    assert "fastapi" in built
    for heavy in ("torch", "onnxruntime", "kokoro", "rapidocr", "opencv"):
        assert heavy not in built, f"{heavy} is in the API's image"
    # English words are looked up in its files, which no import shows; its voices would bring onnxruntime.
    assert re.search(r"pip install hibari-tts==\S+ --no-deps", built)
    assert "torch==" in "\n".join(_commands(cloud, images[SPEAKER]))


def _commands(cloud: LocalCloud, image_id: str) -> list[str]:
    images = cloud.state()["images"]
    image = images[image_id]
    below = [line for base in image.get("base_images", []) for line in _commands(cloud, base["image_id"])]
    return below + image.get("dockerfile_commands", [])


def test_deploying_by_path_and_by_module_makes_the_same_app(
    another_cloud: AnotherCloud, defined: dict[str, dict[str, Any]], cloud: LocalCloud
) -> None:
    by_module = another_cloud({SECRET: {}})
    done = by_module.modal("deploy", "-m", "backend.modal_app")
    assert done.returncode == 0, done.stderr
    for deployed in (cloud, by_module):
        sources = {path for mount in deployed.state()["mounts"].values() for path in mount}
        assert "/root/backend/cloud/app.py" in sources
        assert "/root/backend/requirements.txt" in sources
        assert not any("__pycache__" in path or path.endswith(".env") for path in sources)
    functions = by_module.state()["functions"]
    assert {name: _comparable(functions[name]["definition"]) for name in DEPLOYED} == {
        name: _comparable(definition) for name, definition in defined.items()
    }


def _comparable(definition: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in definition.items() if key not in ("mount_ids", "object_dependencies", "web_url")}


@pytest.mark.parametrize("target", [["backend/modal_app.py"], ["-m", "backend.modal_app"]], ids=["path", "module"])
def test_serving_answers_requests_until_it_is_interrupted(another_cloud: AnotherCloud, target: list[str], tmp_path: Path) -> None:
    cloud = another_cloud({SECRET: ENGINES})
    command = [sys.executable, "-m", "modal", "serve", *target]
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=cloud.environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Where the tests themselves run in the background, interrupts are ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread of ours runs here
        )
    try:
        state = cloud.until(lambda state: any(app["functions"].get("api") for app in state["apps"].values()))
        health = httpx.get(f"{state['functions']['api']['web_url']}/healthz", timeout=60).json()
        assert health["status"] == "idle"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=30)


def test_running_the_app_narrates_a_chapter_and_says_where_it_is(another_cloud: AnotherCloud, tmp_path: Path) -> None:
    cloud = another_cloud({SECRET: ENGINES})
    out, chapter = tmp_path / "out", tmp_path / "chapter"
    chapter.mkdir()
    for number, page in enumerate(small_pages(2, edition="run")):  # the sample chapter's pages take a busy machine a minute
        (chapter / f"{number}.png").write_bytes(page)
    done = cloud.modal(
        *("run", "backend/modal_app.py", "--chapter", str(chapter), "--pages", "1", "--out", str(out)),
        BUCKET_NAME="of-the-service",  # whoever operates one may have it in their shell
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "page 1 of 1:" in done.stdout
    assert "s of sound in" in done.stdout
    assert list(out.glob("*.m4b"))
    assert (out / "transcript.json").is_file()


def test_an_installed_package_is_deployed_from_anywhere_with_the_sizes_that_are_set_there(
    another_cloud: AnotherCloud, tmp_path: Path
) -> None:
    site, folder = tmp_path / "site", tmp_path / "folder"
    folder.mkdir()
    shutil.copytree(ROOT / "backend", site / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    cloud = another_cloud({SECRET: {}})
    sizes = {
        "CLOUD_READER_GPU": "none",
        "CLOUD_SPEAKER_GPU": "H100, L40S",
        "CLOUD_READER_BATCH": "7",
        "CLOUD_SCALEDOWN_S": "120",
        "CLOUD_RETRIES": "0",
    }
    done = cloud.modal("deploy", "-m", "backend.modal_app", checkout=folder, PYTHONPATH=str(site), **sizes)
    assert done.returncode == 0, done.stdout + done.stderr
    functions = cloud.state()["functions"]
    assert not functions[READER]["definition"]["resources"].get("gpu_config", {}).get("gpu_type")
    assert [one["gpu_config"]["gpu_type"] for one in functions[SPEAKER]["ranked"]] == ["H100", "L40S"]
    for name in GPU_CLASSES:
        assert functions[name]["definition"]["autoscaler_settings"]["scaledown_window"] == 120
        assert not functions[name]["definition"].get("retry_policy", {}).get("retries", 0)
    # Containers have no environment of the machine that deploys: what they need of it, their image brings.
    for name in ("api", "narrate", *GPU_CLASSES):
        variables = "\n".join(_commands(cloud, functions[name]["definition"]["image_id"]))
        assert "ENV CLOUD_READER_BATCH=7" in variables
        assert "ENV CLOUD_SCALEDOWN_S=120" in variables


def test_without_a_checkout_the_sample_run_asks_for_a_chapter_and_wakes_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sample, "SAMPLE", tmp_path / "samples" / "ja")
    for chapter, sentence in (("", "with --chapter"), (str(tmp_path / "lost.cbz"), "lost.cbz")):
        with pytest.raises(SystemExit, match=sentence):
            sample.narrate_sample(chapter, str(tmp_path), pages=0, reader=None, speaker=None)
    assert not capsys.readouterr().out


def test_in_a_checkout_the_sample_run_narrates_its_chapter_whatever_the_folder_it_is_called_in() -> None:
    assert sample.SAMPLE.is_relative_to(ROOT)
    assert list(sample.SAMPLE.glob("page-*.png"))
    assert inspect.signature(main.info.raw_f).parameters["chapter"].default == "", "none named: that one"


def test_importing_the_app_needs_no_account_and_uses_nothing_deprecated() -> None:
    env = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "MODAL_CONFIG_PATH": "/dev/null"}
    command = [sys.executable, "-W", "error", "-c", "import backend.modal_app, backend.cloud.training"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
