"""The memory of a series written down and read again: whole, whatever release wrote it, and without holding anybody up."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from backend.series.changes import MOST_MEMBERS
from backend.series.documents import SLICES, decoded, encoded
from backend.series.model import MOST_LOOKS, MOST_PAGES, LexiconEntry, LineCorrection, Look, Member, PageNote, SeriesCast
from backend.series.vectors import pack


def a_cast(members: int, pages: int) -> SeriesCast:
    look = Look(mean=pack(np.ones(768, np.float32)), seen=3)
    note = PageNote(boxes=8, figures=(1, None, 2), lines={1: 3, 2: 4}, corrections={1: LineCorrection(text="おはよう")})
    return SeriesCast(
        members={k: Member(id=k, looks=(look,) * MOST_LOOKS, voices=("a",)) for k in range(1, members + 1)},
        next_id=members + 1,
        aliases={members + 1: 1},
        apart=((1, 2),),
        pages={f"{k:064x}": note.cast_at((f"job_{k:032x}", k % 50)) for k in range(pages)},
        lexicon=(LexiconEntry(surface="東雲", reading="しののめ", lang="ja"),),
    )


@pytest.mark.parametrize("pages", [0, 1, SLICES["pages"], 2 * SLICES["pages"] + 1])
@pytest.mark.parametrize("members", [0, 2, SLICES["members"] + 1])
async def test_what_was_written_is_read_and_older_releases_can_read_it(members: int, pages: int) -> None:
    cast = a_cast(members, pages)
    data = await encoded(cast)
    assert await decoded(data) == SeriesCast.model_validate_json(data) == cast
    assert list((await decoded(data)).pages) == list(cast.pages), "the one seen last stays at the end"


async def test_there_is_an_empty_cast_where_nothing_was_written() -> None:
    assert await decoded(b"") == await decoded(b"{}") == SeriesCast()


async def test_a_text_with_line_breaks_and_braces_is_kept_as_it_is() -> None:
    note = PageNote(boxes=1, corrections={0: LineCorrection(text='a\n},"members":{\n{\r\u2028')})
    cast = SeriesCast(pages={"a": note}, members={1: Member(id=1, name='{\n"b":{')})
    assert await decoded(await encoded(cast)) == cast


async def test_documents_of_older_releases_are_read() -> None:
    cast = a_cast(2, 3)
    assert await decoded(cast.model_dump_json().encode()) == cast
    old = {"boxes": 2, "figures": [1], "lines": {"1": 2}, "at": ["job_1", 3], "corrections": {}}
    data = json.dumps({"next_id": 5, "pages": {"a": old, "b": {"boxes": 2, "at": ["", 0]}}}).encode()
    pages = {"a": PageNote(boxes=2, figures=(1,), lines={1: 2}, heard={"job_1": (3,)}), "b": PageNote(boxes=2)}
    assert await decoded(data) == SeriesCast(next_id=5, pages=pages)


async def test_others_have_their_turn_while_a_full_memory_is_read_and_written() -> None:
    cast = a_cast(MOST_MEMBERS, MOST_PAGES)
    turns, ended = 0, False

    async def others() -> None:
        nonlocal turns
        while not ended:
            await asyncio.sleep(0)
            turns += 1

    waiting = asyncio.create_task(others())
    data = await encoded(cast)
    written = turns
    assert await decoded(data) == cast
    ended = True
    await waiting
    slices = MOST_PAGES / SLICES["pages"] + MOST_MEMBERS / SLICES["members"]
    assert min(written, turns - written) > 0.9 * slices
    assert max(map(len, data.split(b"\n"))) < len(data) / 10, "no slice is a large part of the whole"
