"""The cast of a series over HTTP: what one sees, edits, corrects, and what is voiced again for it."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from backend.errors import QuotaExceeded, ReadingFailed, Unavailable
from backend.readers.base import Reading, ReadOptions
from tests.conftest import Serve
from tests.support.characters import FacesReader, RecordingSynthesizer, SceneReader
from tests.support.engines import page
from tests.support.narration_client import NarrationClient
from tests.support.scenes import scene

CAST = "/v1/series/source/cast"


async def narrated(serve: Serve, size: int = 2, **settings: Any) -> tuple[NarrationClient, dict[str, Any], RecordingSynthesizer]:
    synthesizer = RecordingSynthesizer()
    client = await serve(reader=FacesReader(), synthesizer=synthesizer, **settings)
    plan, _ = await client.narrated(size)
    return client, plan, synthesizer


async def cues(client: NarrationClient, plan: dict[str, Any], index: int) -> list[dict[str, Any]]:
    snapshot = await client.snapshot(plan)
    found: list[dict[str, Any]] = (await client.http.get(snapshot["pages"][index]["cues"])).json()["cues"]
    return found


def problem(reply: httpx.Response, status: int, code: str) -> None:
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == "application/problem+json"


async def test_the_cast_shows_who_speaks_in_which_voice_with_a_face(serve: Serve) -> None:
    client, _, _ = await narrated(serve)
    found = (await client.http.get(CAST)).json()
    assert [(one["id"], one["label"], one["lines"]) for one in found["characters"]] == [
        (1, "character-1", 2),
        (2, "character-2", 2),
    ]
    assert found["characters"][0]["mc"]
    assert found["characters"][1]["voice"] not in ("sovits:narrator-v1", "sovits:mc-v1")
    face = await client.http.get(found["characters"][0]["face"])
    assert Image.open(BytesIO(face.content)).size == (14, 39)


async def test_a_series_nobody_has_read_has_an_empty_cast(serve: Serve) -> None:
    client = await serve()
    for series_id in ("new", "a/b:c", "%2e%2e%2f", "%C3%A9"):
        reply = await client.http.get(f"/v1/series/{series_id}/cast")
        assert reply.status_code == 200, reply.text
        assert reply.json()["characters"] == []


async def test_the_cast_outlives_the_process(serve: Serve) -> None:
    await narrated(serve)
    again = await serve(reader=FacesReader())
    assert len((await again.http.get(CAST)).json()["characters"]) == 2


async def test_a_named_character_is_called_so_on_the_next_page_and_pages_heard_stay(serve: Serve) -> None:
    client, plan, synthesizer = await narrated(serve)
    said = list(synthesizer.said)
    reply = (await client.http.put(CAST, json={"characters": [{"id": 1, "name": "Aya"}]})).json()
    assert reply["touched"] == [{"job_id": plan["job_id"], "index": 0}, {"job_id": plan["job_id"], "index": 1}]
    assert reply["revoiced"] == []
    assert synthesizer.said == said
    later = await client.start(1, chapter_id="source:next")
    await client.put(later, 0, page(9))
    await client.until_done(later)
    assert (await cues(client, later, 0))[0]["speaker"] == "Aya"


async def test_a_change_of_voice_speaks_only_the_lines_it_touches_and_only_on_request(serve: Serve) -> None:
    client, plan, synthesizer = await narrated(serve)
    before = await client.snapshot(plan)
    synthesizer.said.clear()
    edit = {"characters": [{"id": 2, "voice": "sovits:old-man-v1"}], "revoice": True}
    reply = (await client.http.put(CAST, json=edit)).json()
    assert len(reply["revoiced"]) == 2
    await client.until_done(plan)
    assert sorted(synthesizer.said) == [("Line 1 of page 1.", "sovits:old-man-v1"), ("Line 1 of page 2.", "sovits:old-man-v1")]
    after = await client.snapshot(plan)
    assert all(new["audio"] != old["audio"] for new, old in zip(after["pages"], before["pages"], strict=True))


class AloneReader(FacesReader):
    """On page 2 only the first character speaks."""

    def _read(self, data: bytes, options: ReadOptions) -> Reading | ReadingFailed:
        reading = super()._read(data, options)
        if isinstance(reading, ReadingFailed) or "page 2" not in reading.boxes[0].text:
            return reading
        return reading.model_copy(update={"boxes": tuple(box.model_copy(update={"speaker": 0}) for box in reading.boxes)})


async def test_pages_on_which_a_character_says_nothing_stay_as_they_are(serve: Serve) -> None:
    client = await serve(reader=AloneReader())
    plan, _ = await client.narrated(3)
    edit = {"characters": [{"id": 2, "voice": "sovits:old-man-v1"}], "revoice": True}
    reply = (await client.http.put(CAST, json=edit)).json()
    assert [page["index"] for page in reply["touched"]] == [page["index"] for page in reply["revoiced"]] == [0, 2]
    await client.until_done(plan)
    assert [page["revision"] for page in (await client.snapshot(plan))["pages"]] == [2, 1, 2]


async def test_two_characters_that_are_one_can_be_merged(serve: Serve) -> None:
    client, _, _ = await narrated(serve)
    reply = (await client.http.put(CAST, json={"merge": [{"keep": 1, "drop": 2}]})).json()
    assert [(one["id"], one["lines"], len(one["looks"])) for one in reply["characters"]] == [(1, 4, 2)]
    split = (await client.http.put(CAST, json={"split": [{"id": 1, "looks": [1], "name": "Ken"}]})).json()
    assert [one["label"] for one in split["characters"]] == ["character-1", "Ken"]


async def test_an_edit_that_holds_is_answered_so_though_the_stores_are_away_afterwards(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was told 503 would send it again, and merge once more."""
    client, plan, _ = await narrated(serve)
    services = client.app.state.services
    (bystander,) = (one for one in (await client.http.get(CAST)).json()["characters"] if one["id"] == 2)
    page_of = [{"job_id": plan["job_id"], "index": index} for index in (0, 1)]

    async def unavailable(*_: object) -> None:
        raise Unavailable("The store does not answer.")

    async def crowded(*_: object) -> None:
        raise QuotaExceeded("This window has been changed too often.")

    for number, (part, call, failure) in enumerate([(services.log, "commit", crowded), (services.log, "commit", unavailable)]):
        with monkeypatch.context() as broken:
            broken.setattr(part, call, failure)
            edit = {"characters": [{"id": 2, "name": f"Aya {number}"}], "revoice": True}
            reply = await client.http.put(CAST, json=edit)
        assert reply.status_code == 200, reply.text
        assert (reply.json()["touched"], reply.json()["revoiced"]) == (page_of, [])
    with monkeypatch.context() as broken:
        broken.setattr(services.log, "state", unavailable)
        broken.setattr(services.objects, "delete", unavailable)
        reply = await client.http.put(CAST, json={"forget": [2], "revoice": True})
    assert reply.status_code == 200, reply.text
    assert (reply.json()["touched"], reply.json()["revoiced"]) == (page_of, [])
    assert [one["id"] for one in (await client.http.get(CAST)).json()["characters"]] == [1]
    assert (await client.http.get(bystander["face"])).status_code == 404
    assert (await client.http.post(f"/v1/narration/jobs/{plan['job_id']}/pages/0/retry")).json()["revision"] == 2


async def test_the_pictures_of_a_series_whose_forgetting_broke_off_are_gone_when_it_is_repeated(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _, _ = await narrated(serve)
    objects = client.app.state.services.objects
    remove, removed = objects.delete, 0

    async def breaks_off(key: str) -> None:
        nonlocal removed
        removed += 1
        if removed == 2:
            raise Unavailable("The store does not answer.")
        await remove(key)

    monkeypatch.setattr(objects, "delete", breaks_off)
    problem(await client.http.delete(CAST), 503, "unavailable")
    assert (await client.http.delete(CAST)).status_code == 204
    assert not [key async for key in objects.keys("faces")]


async def test_a_merge_that_is_taken_back_gives_pages_their_voices_again_on_request(serve: Serve) -> None:
    client, plan, synthesizer = await narrated(serve, size=1)

    async def heard() -> list[tuple[str, str]]:
        await client.until_done(plan)
        return [(cue["speaker"], cue["voice"]) for cue in await cues(client, plan, 0)]

    before, faces = await heard(), [one["face"] for one in (await client.http.get(CAST)).json()["characters"]]
    await client.http.put(CAST, json={"merge": [{"keep": 1, "drop": 2}], "revoice": True})
    assert await heard() == [before[0], before[0]]
    synthesizer.said.clear()
    reply = (await client.http.put(CAST, json={"split": [{"id": 1, "looks": [1]}]})).json()
    assert (reply["touched"], reply["revoiced"]) == ([{"job_id": plan["job_id"], "index": 0}], [])
    assert [(one["id"], one["lines"]) for one in reply["characters"]] == [(1, 1), (2, 1)]
    await client.http.post(f"/v1/narration/jobs/{plan['job_id']}/pages/0/retry")
    assert await heard() == before
    assert synthesizer.said == [], "all of it is known"
    assert (await client.http.get(faces[1])).status_code == 200
    await client.http.delete(CAST)
    assert not [key async for key in client.app.state.services.objects.keys("faces")]


async def test_a_picture_that_a_better_view_has_replaced_is_not_kept(serve: Serve) -> None:
    sure = iter((0.7, 0.9))
    client = await serve(reader=SceneReader(lambda number: scene(0, at=number, confidence=next(sure))))
    for number in (1, 2):
        plan = await client.start(1, chapter_id=f"source:{number}")
        await client.put(plan, 0, page(number))
        await client.until_done(plan)
        assert len([key async for key in client.app.state.services.objects.keys("faces")]) == 1


async def test_an_edit_that_cannot_be_made_changes_nothing(serve: Serve) -> None:
    client, _, _ = await narrated(serve, size=1)
    before = (await client.http.get(CAST)).json()
    for edit, status, code in (
        ({"characters": [{"id": 1, "voice": "sovits:nobody"}]}, 422, "unknown_voice"),
        ({"characters": [{"id": 1, "name": "Narrator"}]}, 422, "invalid_request"),
        ({"characters": [{"id": 1, "name": "a\u0000b"}]}, 422, "invalid_request"),
        ({"characters": [{"id": 1, "name": "x" * 65}]}, 422, "invalid_request"),
        ({"characters": [{"id": 77, "name": "Aya"}]}, 404, "not_found"),
        ({"merge": [{"keep": 1, "drop": 1}]}, 422, "invalid_request"),
        ({"split": [{"id": 1, "looks": [0]}]}, 422, "invalid_request"),
        ({"mc": 5}, 404, "not_found"),
        ({"mc": "1"}, 422, "invalid_request"),
        ({"merge": [{"keep": 1, "drop": True}]}, 422, "invalid_request"),
        ({"characters": [{"id": 1, "name": "Aya"}], "revoice": "yes"}, 422, "invalid_request"),
        ({"characters": [{"id": 1, "name": "Aya"}], "forget": [1, 1]}, 404, "not_found"),
        ({"characters": [{"id": 2, "name": "Aya"}, {"id": 1, "name": "aya"}]}, 422, "invalid_request"),
    ):
        problem(await client.http.put(CAST, json=edit), status, code)
        assert (await client.http.get(CAST)).json() == before


async def test_an_edit_of_enormous_size_is_refused(serve: Serve) -> None:
    client = await serve()
    problem(await client.http.put(CAST, content=b"[" * 300_000), 413, "body_too_large")


async def test_an_unknown_voice_is_pointed_at_where_the_request_names_it(serve: Serve) -> None:
    client, plan, _ = await narrated(serve)
    edit = {"characters": [{"id": 1}, {"id": 2, "voice": "sovits:mc-v7"}]}
    line = f"/v1/narration/jobs/{plan['job_id']}/pages/0/lines/0"
    for reply, pointer in (
        (await client.http.put(CAST, json=edit), "/characters/1/voice"),
        (await client.http.patch(line, json={"voice": "sovits:mc-v7"}), "/voice"),
    ):
        problem(reply, 422, "unknown_voice")
        assert [error["pointer"] for error in reply.json()["errors"]] == [pointer]
        assert "sovits:mc-v1" in reply.json()["detail"]
        assert "pack" not in reply.json()["detail"]


async def test_words_of_the_lexicon_are_said_as_it_says(serve: Serve) -> None:
    client = await serve(reader=FacesReader(), synthesizer=(synthesizer := RecordingSynthesizer()))
    lexicon = {"entries": [{"surface": "page", "reading": "leaf", "lang": "en"}]}
    assert (await client.http.put("/v1/series/source/lexicon", json=lexicon)).json() == lexicon
    assert (await client.http.get("/v1/series/source/lexicon")).json() == lexicon
    plan, _ = await client.narrated(1)
    assert synthesizer.said[0][0] == "Line 0 of leaf 1."
    assert (await cues(client, plan, 0))[0]["text"] == "Line 0 of page 1."


async def test_a_lexicon_is_replaced_by_words_one_can_see_and_emptied_only_on_purpose(serve: Serve) -> None:
    client = await serve()
    url = "/v1/series/source/lexicon"
    word = {"surface": "page", "reading": "leaf", "lang": "en"}
    given = {"entries": [word | {"surface": " New  York ", "reading": "\u200bnoo yark"}]}
    kept = {"entries": [word | {"surface": "New York", "reading": "noo yark"}]}
    assert (await client.http.put(url, json=given)).json() == kept
    for body in (
        {},
        {"words": []},
        {"entries": None},
        *(
            {"entries": [word | wrong]}
            for wrong in ({"surface": " "}, {"surface": "a\u0000"}, {"reading": "\u200b"}, {"lang": "fr"})
        ),
    ):
        problem(await client.http.put(url, json=body), 422, "invalid_request")
    assert (await client.http.get(url)).json() == kept
    assert (await client.http.put(url, json={"entries": []})).json() == {"entries": []}


async def test_a_picture_in_the_bank_names_the_character(serve: Serve) -> None:
    client, _, _ = await narrated(serve)
    reply = await client.http.put("/v1/series/source/bank/Mio", content=page(5))
    assert (reply.status_code, reply.json()["id"], reply.json()["label"]) == (200, 2, "Mio")
    problem(await client.http.put("/v1/series/source/bank/Mio", content=b"junk"), 422, "bad_image")
    problem(await client.http.put("/v1/series/source/bank/Narrator", content=page(5)), 422, "invalid_request")


async def test_without_a_reader_that_knows_faces_a_bank_is_refused(serve: Serve) -> None:
    client = await serve()
    problem(await client.http.put("/v1/series/source/bank/Mio", content=page(5)), 409, "conflict")


async def test_a_series_can_be_forgotten_with_its_faces(serve: Serve) -> None:
    client, _, _ = await narrated(serve)
    face = (await client.http.get(CAST)).json()["characters"][0]["face"]
    assert (await client.http.delete(CAST)).status_code == 204
    assert (await client.http.get(CAST)).json()["characters"] == []
    assert (await client.http.get(face)).status_code == 404


async def test_a_forgotten_page_takes_the_faces_cut_out_of_it_along(serve: Serve) -> None:
    client, _, _ = await narrated(serve, size=1)
    face = (await client.http.get(CAST)).json()["characters"][0]["face"]
    assert (await client.http.get(face)).status_code == 200
    await client.http.delete(f"/v1/pages/{hashlib.sha256(page(1)).hexdigest()}")
    assert (await client.http.get(face)).status_code == 404
    objects = client.app.state.services.objects
    assert not [key async for key in objects.keys("faces")] + [key async for key in objects.keys("faces-of-pages")]


async def test_with_api_keys_casts_belong_to_their_key(serve: Serve) -> None:
    client = await serve(reader=FacesReader(), api_keys="one,two")
    problem(await client.http.get(CAST), 401, "unauthorized")
    client.http.headers["X-API-Key"] = "one"
    await client.narrated(1)
    assert (await client.http.get(CAST)).json()["characters"]
    client.http.headers["X-API-Key"] = "two"
    assert not (await client.http.get(CAST)).json()["characters"]
