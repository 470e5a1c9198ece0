"""Which voice a character gets, and that it keeps the first one it was heard in."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.narration.cast import Caster
from backend.series import changes
from backend.series.memory import SeriesMemory
from backend.series.store import MemorySeriesStore
from tests.support.catalogue import small_catalogue
from tests.support.scenes import definition, figure, line, page, scene, voices

MAN, GIRL, BOY, WOMAN, ELDER = (f"sovits:{name}-v1" for name in ("man", "girl", "boy", "woman", "elder"))
TWO = definition({"Others": [MAN, GIRL]})
"""MAN is also the voice of unknown speakers, and so the last to be given away."""
MC = "sovits:mc-v1"


def a_caster(memory: SeriesMemory | None = None) -> Caster:
    return Caster(small_catalogue(), memory or SeriesMemory())


async def test_who_has_spoken_less_than_somebody_of_the_pack_is_not_the_main_character() -> None:
    caster, wanted = a_caster(), definition({"Kenji": MAN})
    kenji = page(line("I"), line("am", speaker=0), line("Kenji", speaker=0), figures=(figure(0, "Kenji"),))
    await voices(caster, kenji, wanted)
    assert await voices(caster, page(line("Hm", speaker=0), figures=(figure(0, "Aya"),)), wanted) != [MC]


async def test_who_has_a_voice_by_name_does_not_take_the_main_characters_part() -> None:
    caster, wanted = a_caster(), definition({"Kenji": MAN})
    await voices(caster, page(line("I am Kenji", speaker=0), figures=(figure(0, "Kenji"),)), wanted)
    assert await voices(caster, page(line("Hm", speaker=0), figures=(figure(0, "Aya"),)), wanted) == [MC]


async def test_the_main_character_a_user_names_has_the_part_from_then_on() -> None:
    memory = SeriesMemory()
    caster = a_caster(memory)
    await voices(caster, scene(0, 1))
    await memory.update("c", "src", lambda cast: (changes.with_mc(cast, 2), None))
    found = await voices(caster, scene(0, 1, at=1, seed=1))
    assert found[1] == MC
    assert found[0] != MC


async def test_a_voice_a_user_chose_goes_before_all_others() -> None:
    memory = SeriesMemory()
    await voices(a_caster(memory), scene(0, 1))
    await memory.update("c", "src", lambda cast: (changes.revoiced(cast, 1, ELDER), None))
    assert (await voices(a_caster(memory), scene(0, 1, at=1, seed=1)))[0] == ELDER


async def test_the_first_of_several_decisions_is_kept_wherever_the_pack_allows_it() -> None:
    caster = a_caster()
    first = (await voices(caster, scene(0, 1), definition({"Others": [BOY, WOMAN]})))[1]
    await voices(caster, scene(0, 1, at=1), definition({"Others": [MAN, GIRL]}))
    assert (await voices(caster, scene(0, 1, at=2), definition({"Others": [GIRL, MAN, WOMAN, BOY]})))[1] == first


async def test_a_new_character_is_far_in_pitch_from_those_already_heard() -> None:
    # girl 280 Hz lies near the narrator's 255, boy 210 near the main character's 185; only man 95 is far from both
    assert await voices(a_caster(), scene(0, 1), definition({"Others": [GIRL, MAN, BOY]})) == [MC, MAN]


async def test_others_never_get_the_main_characters_or_the_narrators_voice_while_there_are_more() -> None:
    wanted = definition({"Others": [MC, "sovits:narrator-v1", GIRL]})
    assert await voices(a_caster(), scene(0, 1, 2), wanted) == [MC, GIRL, GIRL]


async def test_nobody_keeps_a_voice_that_a_pack_gives_to_somebody_while_it_has_others() -> None:
    caster = a_caster()
    assert await voices(caster, scene(0, 1), definition({"Others": [GIRL]})) == [MC, GIRL]
    taken = definition({"MC": GIRL, "Others": [GIRL, MAN]})
    assert await voices(caster, scene(0, 1, at=1), taken) == [GIRL, MAN]
    named = definition({"Character-1": GIRL, "Others": [GIRL, MAN]})
    assert await voices(caster, scene(0, 1, at=2), named) == [GIRL, MAN]
    assert await voices(caster, scene(0, 1, at=3), definition({"Others": [GIRL]})) == [MC, GIRL]


async def test_a_shared_voice_is_first_shared_with_somebody_who_is_not_on_the_page() -> None:
    caster = a_caster()
    await voices(caster, scene(0, at=0), TWO)
    assert await voices(caster, scene(1, at=1, lines=5), TWO) == [GIRL] * 5
    assert await voices(caster, scene(2, at=2), TWO) == [MAN]
    assert await voices(caster, scene(3, at=3), TWO) == [MAN], "the voice with fewer lines"
    await voices(caster, scene(2, 3, at=4, silent=(4,)), TWO)
    assert await voices(caster, scene(1, 4, at=5), TWO) == [GIRL, MAN], "4 has met both who say MAN, but 1 stands beside it"


async def test_a_shared_voice_is_then_shared_with_somebody_never_met() -> None:
    caster = a_caster()
    await voices(caster, scene(0, at=0), TWO)
    assert await voices(caster, scene(1, at=1, lines=5), TWO) == [GIRL] * 5
    assert await voices(caster, scene(2, at=2, silent=(3,)), TWO) == [MAN]
    assert await voices(caster, scene(3, at=3), TWO) == [GIRL], "though GIRL has more lines"


async def test_a_new_character_does_not_sound_as_somebody_did_who_has_another_voice_now() -> None:
    memory = SeriesMemory()
    before = await voices(a_caster(memory), scene(0, 1))
    await memory.update("c", "src", lambda cast: (changes.revoiced(cast, 2, ELDER), None))
    assert (await voices(a_caster(memory), scene(2, at=1)))[0] not in (*before, ELDER)


async def test_a_pack_may_name_a_character_as_captions_do() -> None:
    caster = a_caster()
    await voices(caster, scene(0, 1))
    assert (await voices(caster, scene(1, at=1), definition({"Character-2": ELDER})))[0] == ELDER


async def test_a_window_in_one_voice_decides_nothing_for_later() -> None:
    memory = SeriesMemory()
    await voices(a_caster(memory), scene(0, 1), definition(single_voice=True))
    cast = await memory.cast("c", "src")
    assert cast.mc is None
    assert [member.voices for member in cast.members.values()] == [(), ()]


class Interleaved(MemorySeriesStore):
    """Gives other windows their turn at every call, a random number of times."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    async def load(self, key: str) -> tuple[int, bytes]:
        found = await super().load(key)
        for _ in range(self._chance.randint(0, 3)):
            await asyncio.sleep(0)
        return found


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=4, unique=True), min_size=1, max_size=4), min_size=2, max_size=5
    ),
    st.integers(0, 10_000),
)
def test_windows_of_a_series_at_once_give_each_character_one_voice_and_keep_every_decision(
    windows: list[list[list[int]]], seed: int
) -> None:
    """Five characters and six voices: nobody of a scene shares one, no line is lost or counted twice, and all is said so again."""

    async def told() -> None:
        memory = SeriesMemory(Interleaved(random.Random(seed)))

        async def window(number: int) -> list[list[str]]:
            job = definition(job_id=f"job_{number}")
            return [
                await voices(a_caster(memory), scene(*who, at=100 * number + k, seed=100 * number + k), job, k)
                for k, who in enumerate(windows[number])
            ]

        heard = await asyncio.gather(*map(window, range(len(windows))))
        by_character: dict[int, set[str]] = {}
        for pages, spoken in zip(windows, heard, strict=True):
            for who, found in zip(pages, spoken, strict=True):
                assert len(set(found)) == len(found)
                for character, voice in zip(who, found, strict=True):
                    by_character.setdefault(character, set()).add(voice)
        assert all(len(found) == 1 for found in by_character.values())
        cast = await memory.cast("c", "src")
        assert sum(member.lines for member in cast.members.values()) == sum(len(who) for pages in windows for who in pages)
        assert len(cast.pages) == sum(map(len, windows))
        assert await asyncio.gather(*map(window, range(len(windows)))) == heard

    asyncio.run(told())
