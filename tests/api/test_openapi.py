"""The OpenAPI document: complete for those who generate clients from it, and true for whatever a fuzzer sends."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from backend.api.examples import OF_MODELS
from backend.app import create_app
from backend.jobs.events import EventName, encode_frame
from backend.settings import Settings

KEPT = "DELETE /v1/narration/jobs/{job_id}"
METHODS = ("get", "put", "post", "patch", "delete")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return create_app(Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("data"))).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield f"{method.upper()} {path}", operation


def kinds(of: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for kind in of.__subclasses__():
        if kind.__module__.startswith("backend."):
            yield kind
        yield from kinds(kind)


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
    assert document["info"]["description"]


def test_every_success_has_a_model_or_a_media_type(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        successes = {status: reply for status, reply in operation["responses"].items() if status in ("200", "201", "202", "204")}
        assert successes, name
        for status, reply in successes.items():
            if status == "204":
                continue
            assert reply["content"], name
            for media_type, content in reply["content"].items():
                assert media_type != "application/json" or content.get("schema"), name


def test_every_success_that_can_be_read_has_an_example_of_its_model(document: dict[str, Any]) -> None:
    """Each is taken for a reply by the models themselves, and carries nothing that they do not know."""
    shown = set()
    for name, operation in operations(document):
        for status in operation["responses"].keys() & {"200", "201", "202"}:
            for media_type, content in operation["responses"][status]["content"].items():
                if media_type.startswith(("image/", "audio/", "video/")):
                    continue
                model = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                example = document["components"]["schemas"][model].get("example") if model else content.get("example")
                assert example, f"{name} {media_type}"
                shown.add(model)
    models = {kind.__name__: kind for kind in kinds(BaseModel)}
    for model, example in OF_MODELS.items():
        assert model in shown
        assert models[model].model_validate(example).model_dump(mode="json", exclude_unset=True) == example, model


def test_the_events_that_are_shown_are_as_they_are_sent(document: dict[str, Any]) -> None:
    streams = [
        reply["content"]["text/event-stream"]["example"]
        for _, operation in operations(document)
        if "text/event-stream" in (reply := operation["responses"].get("200", {})).get("content", {})
    ]
    assert len(streams) == 2
    for stream in streams:
        for block in stream.removesuffix("\n\n").split("\n\n"):
            place, name, data = (line.partition(": ")[2] for line in block.split("\n"))
            assert name in {*EventName, "voice_status"}
            assert encode_frame(place, name, json.loads(data)).decode() == f"{block}\n\n"


def test_calls_that_have_a_limit_or_a_quota_say_so(document: dict[str, Any]) -> None:
    limited = {name for name, operation in operations(document) if "429" in operation["responses"]}
    assert limited == {
        "POST /v1/narration/session/start",
        "POST /v1/narration/session/next",
        "PUT /v1/narration/jobs/{job_id}/pages/{index}",
        "POST /v1/narration/jobs/{job_id}/pages/{index}/retry",
        "POST /v1/narration/jobs/{job_id}/focus",
        "PATCH /v1/narration/jobs/{job_id}/pages/{index}/lines/{number}",
        "PUT /v1/series/{series_id}/cast",
        "PUT /v1/series/{series_id}/bank/{name}",
        "PUT /v1/series/{series_id}/lexicon",
        "POST /v1/voices/register",
        "PUT /v1/voices/{voice_id}/upload/{part}",
        "POST /v1/voices/{voice_id}/train",
    }


def test_every_error_is_a_problem_with_an_example_of_each_code(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for name, operation in operations(document):
        errors = {status: reply for status, reply in operation["responses"].items() if status >= "400"}
        if not name.endswith("/healthz"):
            assert "503" in errors, name
        for status, reply in errors.items():
            assert reply["description"], name
            (media_type,) = reply["content"]
            assert media_type == "application/problem+json", name
            found = reply["content"][media_type]
            assert found["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert found["examples"], name
            for code, example in found["examples"].items():
                assert (example["value"]["code"], str(example["value"]["status"])) == (code, status), name


def test_every_body_has_an_example_and_the_errors_bodies_have(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if "requestBody" not in operation:
            continue
        assert {"408", "413", "422"} <= operation["responses"].keys(), name
        for media_type, content in operation["requestBody"]["content"].items():
            if media_type == "application/json":
                model = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
                assert model.get("example"), name
                assert "400" in operation["responses"], name
            else:
                assert operation["requestBody"]["description"], name
                assert content["schema"]["format"] == "binary", name


def test_calls_that_need_a_key_say_so(document: dict[str, Any]) -> None:
    keyed = {name for name, operation in operations(document) if "401" in operation["responses"]}
    assert keyed == {name for name, operation in operations(document) if operation.get("security")}
    assert "POST /v1/narration/session/start" in keyed
    assert "GET /v1/narration/jobs/{job_id}/snapshot" not in keyed, "a job's address is a capability"


async def test_whatever_a_fuzzer_sends_no_reply_is_5xx_and_each_is_as_declared(
    serve: Callable[..., Any], tmp_path: Path, document: dict[str, Any]
) -> None:
    """Schemathesis in a process of its own, so that the server's loop stays free; a window and its page give it ids that exist.

    All calls but the one that would take the window away.
    """
    client = await serve(rate_limit_start_max=0, rate_limit_next_max=0, max_open_jobs=1_000_000, stream_max_age_seconds=0.2)
    plan = await client.start(1)
    await client.upload(plan, [1])
    config = tmp_path / "schemathesis.toml"
    ids = {"job_id": plan["job_id"], "index": "0", "number": "0", "path": "page-0/index.m3u8", "voice_id": "sovits:mc-v1"}
    config.write_text("[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items()))
    command = [
        *(sys.executable, "-c", "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"),
        *("--config-file", str(config), "run", f"{str(client.http.base_url).rstrip('/')}/openapi.json"),
        *("--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", "5", "--max-time", "25", "--generation-deterministic"),
        *("--request-timeout", "10", "--workers", "1", "--no-color", "--exclude-name", KEPT),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 100)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, out.decode()[-6000:]
    tried = re.search(r"Tested: (\d+)", out.decode())
    assert tried
    assert int(tried[1]) == len(list(operations(document))) - 1, "it had time for all of them"
