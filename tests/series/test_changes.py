"""What a user may do to a cast."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import InvalidRequest, NotFound, TanoshiError
from backend.series import changes, edits
from backend.series.identity import Seen, recognise
from backend.series.model import LineCorrection, PageNote, Portrait, SeriesCast
from backend.series.vectors import unit

FACES = [unit(tuple(vector.tolist())) for vector in np.random.default_rng(1).normal(size=(4, 32))]


def seen(*who: int) -> SeriesCast:
    """A cast that has seen these characters, one a page, three times."""
    cast = SeriesCast()
    for _ in range(3):
        for character in who:
            cast, _ = recognise(cast, [Seen(FACES[character], 0)])
    return cast


def with_lines(cast: SeriesCast) -> SeriesCast:
    """Each character has as many lines as its id says, on a page of its own."""
    members = {key: member.model_copy(update={"lines": key}) for key, member in cast.members.items()}
    return cast.model_copy(update={"members": members, "pages": {f"p{key}": PageNote(lines={key: key}) for key in members}})


FOUR = with_lines(seen(0, 1, 2, 3))


def who_is(cast: SeriesCast, character: int) -> int | None:
    return recognise(cast, [Seen(FACES[character], 0)])[1][0]


def test_a_name_belongs_to_one_character() -> None:
    cast = changes.named(seen(0, 1), 1, "Aya")
    assert cast.members[1].label == "Aya"
    with pytest.raises(InvalidRequest, match="merge"):
        changes.named(cast, 2, "aya")
    assert changes.named(cast, 1, "AYA").members[1].name == "AYA"


def test_merged_characters_are_recognised_as_one_and_keep_the_first_ones_voice() -> None:
    cast = seen(0, 1)
    members = {1: cast.members[1].model_copy(update={"voices": ("sovits:a",), "lines": 3})}
    members[2] = cast.members[2].model_copy(update={"voices": ("sovits:b",), "lines": 2})
    cast = changes.merged(cast.model_copy(update={"members": members, "mc": 2}), 1, 2)
    assert cast.members[1].voices == ("sovits:a", "sovits:b")
    assert cast.members[1].lines == 5
    assert cast.mc == 1
    assert {who_is(cast, 0), who_is(cast, 1)} == {1}
    assert cast.id_of(2) == 1


def test_merging_twice_follows_to_the_end() -> None:
    cast = changes.merged(changes.merged(seen(0, 1, 2), 2, 3), 1, 2)
    assert cast.id_of(3) == cast.id_of(2) == 1
    with pytest.raises(InvalidRequest):
        changes.merged(cast, 1, 3)


def test_a_split_takes_a_look_away_for_good() -> None:
    merged = changes.merged(seen(0, 1), 1, 2)
    cast, fresh = changes.split(merged, 1, [1], "Ken")
    assert {who_is(cast, 0), who_is(cast, 1)} == {1, fresh.id}
    for character in (0, 1, 0, 1):
        cast, _ = recognise(cast, [Seen(FACES[character], 0)])
    assert len(cast.members) == 2


def a_portrait(index: int) -> Portrait:
    return Portrait(job_id="job_1", index=index, box=(0, 0, 1, 1), confidence=0.9)


def two_with_lines() -> SeriesCast:
    """Aya, and somebody without a name who has a line on page 1; both have been heard and seen."""
    cast = changes.named(seen(0, 1), 1, "Aya")
    members = {
        1: cast.members[1].model_copy(update={"voices": ("sovits:a",), "lines": 3, "portrait": a_portrait(0)}),
        2: cast.members[2].model_copy(update={"voices": ("sovits:b",), "lines": 1, "portrait": a_portrait(1)}),
    }
    pages = {
        "a": PageNote(figures=(1,), lines={1: 3}, heard={"job_1": (0,)}),
        "b": PageNote(figures=(2,), lines={2: 1}, heard={"job_1": (1,)}),
    }
    return cast.model_copy(update={"members": members, "pages": pages})


def test_a_merge_can_be_taken_back_with_voice_lines_and_pages() -> None:
    before = two_with_lines()
    merged = changes.merged(before, 1, 2)
    assert merged.portraits() == before.portraits(), "pictures are kept as long as it may be taken back"
    cast, back = changes.split(merged, 1, [1])
    assert cast.members[1].model_copy(update={"portrait": a_portrait(0)}) == before.members[1]
    assert (cast.members[2], back) == (before.members[2], before.members[2])
    assert changes.touched_pages(cast, [2]) == [("job_1", 1)]
    assert changes.split(merged, 1, [1], "Ken")[1].label == "Ken"


def test_a_name_that_came_with_a_character_goes_with_it() -> None:
    cast = changes.merged(two_with_lines(), 2, 1)
    assert cast.members[2].name == "Aya"
    for name in (None, "Aya"):
        after, back = changes.split(cast, 2, [1], name)
        assert (back.id, back.name, after.members[2].name) == (1, "Aya", None)
    with pytest.raises(InvalidRequest, match="that name already"):
        changes.split(changes.merged(two_with_lines(), 1, 2), 1, [1], "aya")


def test_merges_of_merged_characters_can_be_taken_back_one_by_one() -> None:
    cast = changes.merged(changes.merged(seen(0, 1, 2), 2, 3), 1, 2)
    looks = {look.of: number for number, look in enumerate(cast.members[1].looks)}
    apart, back = changes.split(cast, 1, [looks[3]])
    assert (back.id, apart.id_of(3), apart.id_of(2)) == (3, 3, 1)
    apart, back = changes.split(cast, 1, [looks[2]])
    assert (back.id, apart.id_of(2), apart.id_of(3)) == (2, 2, 2), "what was merged into it first is where it was"
    some, fresh = changes.split(cast, 1, [looks[2], looks[3]])
    assert fresh.id == 4
    assert some.id_of(2) == some.id_of(3) == 1, "nobody in particular"


def test_a_look_learned_further_is_still_of_whom_it_was() -> None:
    cast = changes.merged(seen(0, 1), 1, 2)
    cast, found = recognise(cast, [Seen(FACES[1], 0)])
    assert found == (1,)
    assert changes.split(cast, 1, [1])[1].id == 2


IDS, LOOKS = st.integers(1, 5), st.lists(st.integers(0, 2), min_size=1, max_size=2)
CHANGES = st.one_of(
    st.builds(lambda keep, drop: {"merge": [{"keep": keep, "drop": drop}]}, IDS, IDS),
    st.builds(lambda one, looks: {"split": [{"id": one, "looks": looks}]}, IDS, LOOKS),
    st.builds(lambda one, name: {"characters": [{"id": one, "name": name}]}, IDS, st.sampled_from(["Aya", "Ken", None])),
    st.builds(lambda one: {"mc": one}, IDS),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CHANGES, max_size=8))
def test_whatever_is_edited_every_line_has_one_speaker_and_every_name_one_character(wanted: list[dict[str, object]]) -> None:
    cast = FOUR
    for change in wanted:
        with suppress(TanoshiError):
            cast, touched = edits.edited(cast, edits.CastEdit.model_validate(change))
            assert all(cast.id_of(one) is not None for one in touched)
        lines = Counter[int | None]()
        for note in cast.pages.values():
            for noted, count in note.lines.items():
                lines[cast.id_of(noted)] += count
        assert lines == {key: member.lines for key, member in cast.members.items() if member.lines}
        names = [member.label.casefold() for member in cast.members.values()]
        assert len(set(names)) == len(names)
        assert cast.mc is None or cast.mc in cast.members
    assert SeriesCast.model_validate_json(cast.model_dump_json()) == cast


@pytest.mark.parametrize("looks", [[], [0], [5], [-1]])
def test_a_character_keeps_at_least_one_look(looks: list[int]) -> None:
    with pytest.raises(InvalidRequest):
        changes.split(seen(0), 1, looks)


def test_what_is_not_there_is_not_found() -> None:
    for change in (lambda c: changes.named(c, 9, "A"), lambda c: changes.merged(c, 1, 9), lambda c: changes.forgotten(c, 9)):
        with pytest.raises(NotFound):
            change(seen(0))


def test_touched_pages_are_those_on_which_the_character_has_a_line() -> None:
    pages = {"a": PageNote(lines={1: 2}, heard={"job_1": (0,)}), "b": PageNote(lines={2: 1}, heard={"job_1": (1,)})}
    cast = seen(0, 1).model_copy(update={"pages": pages})
    assert changes.touched_pages(cast, [1]) == [("job_1", 0)]
    assert changes.touched_pages(changes.merged(cast, 1, 2), [2]) == [("job_1", 0), ("job_1", 1)]


def test_lines_given_to_a_character_stay_theirs_when_they_are_renamed_or_merged() -> None:
    note = PageNote(
        boxes=2, heard={"job_1": (0,)}, corrections={1: LineCorrection(speaker="Character-1"), 0: LineCorrection(skip=True)}
    )
    cast = seen(0, 1).model_copy(update={"pages": {"page": note}})
    assert changes.touched_pages(cast, [1]) == [("job_1", 0)]
    assert changes.touched_pages(cast, [2]) == []
    cast = changes.named(cast, 1, "Aya")
    assert cast.pages["page"].corrections[1].speaker == "Aya"
    cast = changes.merged(changes.named(cast, 2, "Ken"), 2, 1)
    assert cast.pages["page"].corrections == {1: LineCorrection(speaker="Ken"), 0: LineCorrection(skip=True)}
    assert changes.touched_pages(cast, [2]) == [("job_1", 0)]


def test_who_is_split_off_again_takes_back_its_voice_and_its_part() -> None:
    dropped = FOUR.members[2].model_copy(update={"chosen_voice": "sovits:girl-soft-v1", "name": "Hana"})
    cast = FOUR.model_copy(update={"members": {**FOUR.members, 2: dropped}, "mc": 2})
    one = changes.merged(cast, 1, 2)
    assert (one.members[1].chosen_voice, one.mc) == ("sovits:girl-soft-v1", 1)
    two, back = changes.split(one, 1, [k for k, look in enumerate(one.members[1].looks) if look.of == 2])
    assert (back.id, back.name, back.chosen_voice, two.mc) == (2, "Hana", "sovits:girl-soft-v1", 2)
    assert (two.members[1].chosen_voice, two.members[1].name) == (None, None)


def test_who_was_merged_and_split_many_times_is_remembered_once() -> None:
    cast = changes.merged(changes.merged(FOUR, 1, 2), 1, 3)
    for turn in range(12):
        cast, apart = changes.split(cast, 1, [1, 2] if turn % 2 else [1])
        cast = changes.merged(cast, 1, apart.id)
    assert len(cast.members[1].absorbed) <= len(cast.members[1].looks)


def test_lines_go_back_to_whom_they_came_from_through_whoever_holds_them() -> None:
    cast = changes.merged(changes.merged(FOUR, 1, 2), 3, 1)
    for who in (1, 2):
        cast, _ = changes.split(cast, 3, [k for k, look in enumerate(cast.members[3].looks) if look.of == who])
    assert {key: member.lines for key, member in cast.members.items()} == {1: 1, 2: 2, 3: 3, 4: 4}


def test_forgetting_somebody_touches_no_page_of_somebody_forgotten_before() -> None:
    pages = {key: note.cast_at(("job", number)) for number, (key, note) in enumerate(FOUR.pages.items(), 1)}
    cast, _ = edits.edited(FOUR.model_copy(update={"pages": pages}), edits.CastEdit(forget=[1]))
    cast, _ = edits.edited(cast, edits.CastEdit(forget=[2]))
    assert list(changes.touched_pages(cast, {2})) == []
    assert list(changes.touched_pages(FOUR.model_copy(update={"pages": pages}), {2})) == [("job", 2)]
