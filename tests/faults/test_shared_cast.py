"""One cast of a series, however many processes read its windows at once: nobody changes voice, no line is lost, edits reach all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from tests.support.characters import ensemble_of
from tests.support.engines import page
from tests.support.fleet import Fleet
from tests.support.server import until

API = "/v1/narration"
PAGES = 3
"""Of each window."""


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=40, verify=False) as client:
        yield client


async def narrated(http: httpx.AsyncClient, base: str, chapter: int) -> tuple[str, list[list[dict[str, Any]]]]:
    """The job of a window of the series, and the cues of its pages."""
    body = {"chapter_id": f"series:{chapter}", "window": {"size": PAGES}}
    job = f"{base}{API}/jobs/{(await http.post(f'{base}{API}/session/start', json=body)).json()['job_id']}"
    await asyncio.gather(*(http.put(f"{job}/pages/{k}", content=page(PAGES * chapter + k)) for k in range(PAGES)))
    return job, await cues(http, job)


async def cues(http: httpx.AsyncClient, job: str) -> list[list[dict[str, Any]]]:
    await until(http, f"{job}/events", "job_done")
    pages = (await http.get(f"{job}/snapshot")).json()["pages"]
    return [(await http.get(found["cues"])).json()["cues"] for found in pages]


async def test_windows_of_a_series_in_two_processes_at_once_share_its_cast_and_its_edits(
    fleet_of: Callable[..., Fleet], http: httpx.AsyncClient
) -> None:
    with fleet_of(2, fleet_reader="ensemble") as fleet:
        here, there = (member.base for member in fleet.members)
        windows = await asyncio.gather(*(narrated(http, base, chapter) for chapter, base in enumerate([here, there] * 2)))
        voices: dict[int, set[str]] = {}
        labels: dict[int, set[str]] = {}
        lines = 0
        for chapter, (_, pages) in enumerate(windows):
            for k, heard in enumerate(pages):
                for who, cue in zip(ensemble_of(PAGES * chapter + k), heard, strict=True):
                    voices.setdefault(who, set()).add(cue["voice"])
                    labels.setdefault(who, set()).add(cue["speaker"])
                    lines += 1
        assert [len(found) for found in (*voices.values(), *labels.values())] == [1] * 10
        assert len(set().union(*voices.values())) == 5
        cast = (await http.get(f"{here}/v1/series/series/cast")).json()
        assert cast["characters"] == [
            one | {"face": one["face"].replace(there, here)}
            for one in (await http.get(f"{there}/v1/series/series/cast")).json()["characters"]
        ]
        assert (sum(one["lines"] for one in cast["characters"]), cast["pages"]) == (lines, 4 * PAGES)

        # What is edited at one process is voiced again at whichever has the window.
        spoken = len(fleet.spoken_lines())
        character = next(one for one in cast["characters"] if not one["mc"])
        edit = {"characters": [{"id": character["id"], "voice": "sovits:old-woman-v1"}], "revoice": True}
        reply = (await http.put(f"{there}/v1/series/series/cast", json=edit)).json()
        assert len(reply["revoiced"]) == len(reply["touched"]) > 0
        for job, _ in windows:
            for cue in (cue for heard in await cues(http, job) for cue in heard):
                assert (cue["voice"] == "sovits:old-woman-v1") == (cue["speaker"] == character["label"])
        assert len(fleet.spoken_lines()) - spoken == character["lines"]
