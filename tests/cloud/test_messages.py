"""What goes wrong at set-up is said in a sentence, where the operator looks: at the command, in the log, in the page's reason."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.cloud.conftest import ENGINES, SECRET, Shared
from tests.support.modal_cloud.cloud import ROOT, LocalCloud
from tests.support.modal_cloud.isolation import NOT_HERE, isolation
from tests.support.windows import begin, follow, small_pages, sound

AnotherCloud = Callable[[dict[str, dict[str, str]]], LocalCloud]


async def client(cloud: LocalCloud) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=cloud.function("api")["web_url"], timeout=60)


def test_a_missing_secret_is_named_when_deploying(another_cloud: AnotherCloud) -> None:
    done = another_cloud({}).modal("deploy", "backend/modal_app.py")
    assert done.returncode != 0
    assert f"Secret '{SECRET}' not found" in done.stdout + done.stderr


async def test_missing_weights_end_the_page_with_a_reason_and_name_the_command(
    another_cloud: AnotherCloud, shared: Shared
) -> None:
    cloud = another_cloud({SECRET: {**shared.variables, **ENGINES, "READER": "magi"}})
    assert cloud.modal("deploy", "backend/modal_app.py").returncode == 0
    async with await client(cloud) as http:
        plan = await begin(http, small_pages(1, edition="no weights"))
        log = await follow(http, plan)
        health = (await http.get("/healthz")).json()
    assert log.named("job_done")[0] == {"ok": False, "run": 1, "errors": [{"index": 0, "reason": "configuration"}]}
    assert health["status"] == "failed"
    assert "ERROR backend.cloud.workers: reader cannot work" in cloud.log()
    assert "/mnt/weights/magi" in cloud.log()
    assert "modal run backend/modal_app.py::download_weights" in cloud.log()
    starts = [c for c in cloud.state()["containers"].values() if c["function"] == "MagiReader.*"]
    assert len(starts) == 1, "a container that cannot work is not started over and over"


async def test_a_library_that_is_missing_in_a_container_is_named(
    another_cloud: AnotherCloud, shared: Shared, tmp_path: Path
) -> None:
    """As when an image lacks what the code imports: deploying works, because nothing heavy is imported there."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "backend", checkout / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    reader = checkout / "backend" / "readers" / "embedded" / "__init__.py"
    reader.write_text("import a_library_nobody_installed\n", encoding="utf-8")
    cloud = another_cloud({SECRET: {**shared.variables, **ENGINES}})
    assert cloud.modal("deploy", "backend/modal_app.py", checkout=checkout).returncode == 0
    async with await client(cloud) as http:
        log = await follow(http, await begin(http, small_pages(1, edition="no library")))
    assert log.named("job_done")[0]["errors"] == [{"index": 0, "reason": "configuration"}]
    assert "a_library_nobody_installed" in cloud.log()


async def test_without_redis_and_bucket_one_container_serves_and_says_so(another_cloud: AnotherCloud) -> None:
    cloud = another_cloud({SECRET: ENGINES})
    assert cloud.modal("deploy", "-m", "backend.modal_app").returncode == 0
    async with await client(cloud) as http:
        health = (await http.get("/healthz")).json()
        assert health["status"] == "idle"
        assert health["stores"] == {
            "jobs": "memory",
            "objects": "folder",
            "windows": "served by a single process, without REDIS_URL and BUCKET_NAME",
        }
        body = {"chapter_id": "test:warming", "window": {"start_index": 0, "size": 1}}
        plan = (await http.post("/v1/narration/session/start", json=body)).json()
        warming = (await http.get("/healthz")).json()  # both classes are woken before a page is sent
        assert [warming[part] for part in ("status", "reader", "synthesizer")] == [
            "warming",
            {"name": "MagiReader", "state": "warming"},
            {"name": "SovitsSpeaker", "state": "warming"},
        ]
        assert [page["state"] for page in (await http.get(plan["snapshot_url"])).json()["pages"]] == ["queued"]
        log = await follow(http, await begin(http, small_pages(2, edition="single")))
        log.check_complete(2)
        samples, _ = await sound(http, log.named("page_ready")[0]["audio"])
        assert len(samples)
    assert "A single container with embedded stores: without REDIS_URL and BUCKET_NAME" in cloud.log()
    assert cloud.function("api")["max_containers_now"] == 1
    assert not cloud.calls("narrate"), "there is nowhere else to narrate"


def test_weights_are_fetched_where_the_hub_is_and_what_arrived_stays(another_cloud: AnotherCloud, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason='torch is not installed; pip install "tanoshi-narration[gpu]"')
    from tests.support.hub import local_hub

    if not isolation():
        pytest.skip(NOT_HERE)
    config = (ROOT / "tests" / "data" / "magi" / "config.json").read_bytes()
    with local_hub({"ragavsachdeva/magiv2": {"config.json": config, "model.safetensors": b"no weights" * 10_000}}) as hub:
        cloud = another_cloud({SECRET: {"HF_ENDPOINT": hub.url}})
        fetch = ("--which", "magi", "--magi-revision", hub.commit)
        done = cloud.modal("run", "backend/modal_app.py::download_weights", *fetch)
        said = done.stdout + done.stderr
        assert done.returncode != 0, "these are not the published weights"
        assert "non-commercial" in said, "the licence comes first"
        assert hub.commit in said, "the commit is named"
        assert "model.safetensors: 100,000 of 100,000 bytes" in said
        assert "direct cause" not in said, "a person reads one sentence, not all that led to it"
        served = len(hub.served)
        again = cloud.modal("run", "-m", "backend.modal_app::download_weights", *fetch)
        assert hub.commit in again.stdout, "by its module it is the same command"
        assert len(hub.served) == served, "what is on the volume is not fetched again"
