"""Windows through the deployed app: API, pipeline and GPU classes are processes of their own, with Redis and S3 between them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest

from backend.settings import Settings
from backend.stores import make_log
from tests.cloud.conftest import Shared
from tests.support.audio import is_silent
from tests.support.modal_cloud.cloud import ROOT, LocalCloud
from tests.support.windows import begin, follow, small_pages, sound

READER, SPEAKER = "MagiReader.*", "SovitsSpeaker.*"


async def test_a_window_is_narrated_by_the_deployed_app(cloud: LocalCloud, http: httpx.AsyncClient, shared: Shared) -> None:
    before = len(cloud.calls("narrate"))
    plan = await begin(http, small_pages(4, edition="whole"))
    log = await follow(http, plan)
    log.check_complete(4)
    for page in log.named("page_ready"):
        samples, rate = await sound(http, page["audio"])
        assert not is_silent(samples)
        assert len(samples) / rate == pytest.approx(page["duration"], abs=0.1)
    assert shared.object_keys(f"narration/{plan['job_id']}/audio/page-0/"), "the sound lies in the bucket"
    assert len(cloud.calls("narrate")) - before <= 2, (
        "uploads do not spawn a pipeline each; one that was done already may be followed"
    )
    assert not cloud.state()["unimplemented"], "nothing the app asks of Modal is missing from the local cloud"
    for complaint in ("AsyncUsageWarning", "DeprecationError", "was never awaited"):
        assert complaint not in cloud.log(), "Modal's client finds fault with how it is used"


async def test_the_service_is_found_under_the_functions_own_address_whatever_a_request_calls_it(
    cloud: LocalCloud, http: httpx.AsyncClient
) -> None:
    """Behind Modal's ingress a request's scheme and Host need not be what clients can reach."""
    body = {"chapter_id": "test:address", "window": {"start_index": 0, "size": 1}}
    plan = (await http.post("/v1/narration/session/start", json=body, headers={"Host": "inside.example"})).json()
    address = cloud.function("api")["web_url"]
    for url in (plan["upload"]["pages"][0]["put_url"], plan["status_sse"], plan["audio_url_template"], plan["snapshot_url"]):
        assert url.startswith(f"{address}/")
    health = (await http.get("/healthz")).json()
    assert health["stores"] == {"jobs": "redis", "objects": "s3", "windows": "served by any process"}


async def test_many_windows_are_narrated_in_one_container(cloud: LocalCloud, http: httpx.AsyncClient) -> None:
    def containers() -> dict[str, Any]:
        return {key: found for key, found in cloud.state()["containers"].items() if found["function"] == "narrate"}

    before = containers()
    plans = await asyncio.gather(*(begin(http, small_pages(1, edition=f"at once {k}")) for k in range(4)))
    for log in await asyncio.gather(*(follow(http, plan) for plan in plans)):
        log.check_complete(1)
    assert len(containers().keys() - before.keys()) <= 1, "four windows need no second container"
    assert max(found["most_at_once"] for found in containers().values()) > 1, "and share the one there is"


async def test_starting_a_window_wakes_both_gpu_classes_before_the_first_upload(
    cloud: LocalCloud, http: httpx.AsyncClient
) -> None:
    before = len(cloud.calls(READER)), len(cloud.calls(SPEAKER))
    body = {"chapter_id": "test:waking", "window": {"start_index": 0, "size": 2}}
    plan = (await http.post("/v1/narration/session/start", json=body)).json()
    woken = await asyncio.to_thread(
        cloud.until, lambda _: len(cloud.calls(READER)) > before[0] and len(cloud.calls(SPEAKER)) > before[1]
    )
    assert woken
    pages = (await http.get(plan["snapshot_url"])).json()["pages"]
    assert [page["state"] for page in pages] == ["queued", "queued"]
    assert (await http.get("/healthz")).json()["status"] in ("warming", "ok")


async def test_the_same_pages_again_cost_no_reading(cloud: LocalCloud, http: httpx.AsyncClient) -> None:
    await follow(http, await begin(http, small_pages(4, edition="again")))
    before = len(cloud.calls(READER))
    log = await follow(http, await begin(http, small_pages(4, edition="again")))
    log.check_complete(4)
    asked = len(cloud.calls(READER)) - before
    assert asked <= 2, "only the calls that wake the reader"


async def test_a_stream_sends_its_first_bytes_at_once_and_ends_on_purpose(cloud: LocalCloud, http: httpx.AsyncClient) -> None:
    body = {"chapter_id": "test:quiet", "window": {"start_index": 0, "size": 2}}
    plan = (await http.post("/v1/narration/session/start", json=body)).json()
    began = time.monotonic()
    async with http.stream("GET", plan["status_sse"]) as response:
        chunks = response.aiter_bytes()
        assert len(await anext(chunks)) > 512
        assert time.monotonic() - began < 2
        async for _ in chunks:
            pass
    assert 3 < time.monotonic() - began < 9  # STREAM_MAX_AGE_SECONDS is 4 here


@pytest.mark.parametrize("where", ["in the container that spawned it", "in another one"])
async def test_deleting_a_job_ends_its_pipeline_and_its_gpu_calls(
    cloud: LocalCloud, http: httpx.AsyncClient, shared: Shared, where: str
) -> None:
    plan = await begin(http, small_pages(7, edition=f"deleted {where}"))
    await asyncio.to_thread(cloud.until, lambda _: any(call["unfinished"] for call in cloud.calls(READER)))
    if where == "in another one":  # which knows no call to cancel: the pipeline learns it from the log
        log = make_log(Settings(_env_file=None, redis_url=shared.valkey.url))
        await log.delete(plan["job_id"])
        await log.aclose()
    else:
        assert (await http.delete(f"/v1/narration/jobs/{plan['job_id']}")).status_code == 204
        assert any(call["cancelled"] for call in cloud.calls("narrate"))

    def all_ended(_: object) -> bool:
        return not any(call["unfinished"] for name in ("narrate", READER, SPEAKER) for call in cloud.calls(name))

    await asyncio.to_thread(cloud.until, all_ended, 15.0)
    assert (await http.get(plan["snapshot_url"])).status_code == 404


OUTCOMES = """
import asyncio, json, modal
from backend.cloud.calls import outcome

async def main():
    narrate = modal.Function.from_name("tanoshi-narration", "narrate")
    found = []
    for arguments in ((), ("job_gone", "me")):
        call = await narrate.spawn.aio(*arguments)
        await asyncio.gather(call.get.aio(), return_exceptions=True)
        found.append(await outcome(call.object_id))
    print(json.dumps([*found, await outcome("")]))

asyncio.run(main())
"""


def test_what_became_of_a_pipeline_is_known_to_whoever_has_its_id(cloud: LocalCloud) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OUTCOMES],
        cwd=ROOT,
        env=cloud.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    failed, returned, unborn = json.loads(done.stdout)
    assert "TypeError: narrate() missing 2 required positional arguments" in failed
    assert returned == "it returned, and the work was not done"
    assert unborn == "it could not be spawned"
