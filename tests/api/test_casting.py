"""Who is heard in which voice, from the upload of a page to its cues: in every window, chapter and process of a series."""

from __future__ import annotations

from typing import Any

from backend.readers.base import Kind
from backend.voices.builtin import BUILTIN_VOICES, MC, NARRATOR, NEUTRAL
from tests.api.test_series import CAST, cues
from tests.conftest import Serve
from tests.support.characters import SceneReader, ensemble, ensemble_of
from tests.support.engines import page
from tests.support.narration_client import NarrationClient
from tests.support.scenes import figure, line, scene
from tests.support.scenes import page as drawn


async def heard(client: NarrationClient, numbers: list[int], **more: Any) -> list[list[str]]:
    """The voice of every line, page by page, of a window with these pages; `numbers` is also the order of their arrival."""
    plan = await client.start(len(numbers), **more)
    slots = sorted(numbers)
    for number in numbers:
        assert (await client.put(plan, slots.index(number), page(number))).status_code == 200
    await client.until_done(plan)
    return [[cue["voice"] for cue in await cues(client, plan, slots.index(number))] for number in numbers]


async def test_a_page_is_cast_by_the_roles_of_its_boxes(serve: Serve) -> None:
    """Captions are the Narrator's, the first to speak most is the main character, unknown speakers are neither, the rest differ."""
    figures = scene(0, 1, 2).characters
    said = drawn(
        line("Meanwhile.", kind=Kind.NARRATION),
        line("One.", speaker=1),
        line("Two.", speaker=0),
        line("Three.", speaker=0),
        line("Four.", speaker=2),
        line("Five."),
        line("Six.", speaker=9),
        figures=figures,
    )
    client = await serve(reader=SceneReader(lambda _: said))
    [found] = await heard(client, [1])
    caption, other, mc, again, third, unknown, nowhere = found
    assert (caption, mc, again, unknown, nowhere) == (NARRATOR, MC, MC, NEUTRAL, NEUTRAL)
    assert len({NARRATOR, MC, NEUTRAL, other, third}) == 5
    pitch = [BUILTIN_VOICES[voice].pitch_hz for voice in (other, third)]
    assert max(pitch) > 1.5 * min(pitch)


async def test_a_pack_gives_voices_to_roles_to_names_and_to_labels(serve: Serve) -> None:
    named = drawn(
        line("Meanwhile.", kind=Kind.NARRATION),
        line("One.", speaker=0),
        line("Two.", speaker=1),
        line("Three.", speaker=2),
        line("Four."),
        figures=(figure(0, "Aya"), *scene(1, 2).characters),
    )
    client = await serve(reader=SceneReader(lambda _: named))
    pack = {
        "Narrator": "sovits:old-man-v1",
        "MC": "sovits:boy-v1",
        "aya": "sovits:girl-soft-v1",
        "Character-1": "sovits:rival-v1",
        "Others": ["sovits:child-v1"],
        "Unknown": "sovits:woman-low-v1",
    }
    [found] = await heard(client, [1], voice_pack=pack)
    assert found == ["sovits:old-man-v1", "sovits:girl-soft-v1", "sovits:rival-v1", "sovits:boy-v1", "sovits:woman-low-v1"]


async def test_of_one_scene_nobody_shares_a_voice_while_there_are_voices(serve: Serve) -> None:
    everybody = range(len(BUILTIN_VOICES) - 1)  # all but the narrator's
    client = await serve(reader=SceneReader(lambda number: scene(*everybody) if number == 1 else scene(15, 3, at=2)))
    [first] = await heard(client, [1])
    [second] = await heard(client, [2], chapter_id="source:next")
    assert sorted(first) == sorted(set(BUILTIN_VOICES) - {NARRATOR})
    assert first[-1] == NEUTRAL, "the last to be given away"
    assert second[1] == first[3]
    assert second[0] in first, "there are no more"


async def test_a_character_sounds_the_same_in_any_order_of_pages_in_every_window_and_after_a_restart(serve: Serve) -> None:
    voices: dict[int, set[str]] = {}

    def note(numbers: list[int], found: list[list[str]]) -> None:
        for number, spoken in zip(numbers, found, strict=True):
            assert len(set(spoken)) == len(spoken)
            for who, voice in zip(ensemble_of(number), spoken, strict=True):
                voices.setdefault(who, set()).add(voice)

    client = await serve(reader=SceneReader(ensemble))
    for numbers, more in (([4, 1, 3, 2], {}), ([8, 5, 7], {"chapter_id": "source:next"}), ([11, 10], {"series_id": "source"})):
        note(numbers, await heard(client, numbers, **more))
    again = await serve(reader=SceneReader(ensemble))
    note([13, 12], await heard(again, [13, 12], chapter_id="source/last"))
    assert all(len(found) == 1 for found in voices.values())
    assert len(set().union(*voices.values())) == len(voices) == 5


async def test_the_main_character_a_user_names_is_heard_so_from_then_on_and_no_page_changes_silently(serve: Serve) -> None:
    client = await serve(reader=SceneReader(lambda number: scene(0, 1, at=number, seed=number)))
    [[first, second]] = await heard(client, [1])
    assert first == MC
    assert (await client.http.put(CAST, json={"mc": 2})).json()["revoiced"] == []
    [[before, now]] = await heard(client, [2], chapter_id="source:next")
    assert now == MC
    assert before not in (MC, NARRATOR, second), "nor does it sound as the other did"
