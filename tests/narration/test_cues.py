"""A cue says what is printed, what is spoken, by whom, and where it stands, in pixels and in per cent of the page."""

from __future__ import annotations

import math

import pytest

from backend.narration.cues import Cue, PageCues, cue, on_page, valid_unicode
from backend.readers.base import Box, Kind
from tests.support.lines import script_line

PAGE = (1000, 2000)


def test_a_cue_carries_everything_a_client_shows() -> None:
    line = script_line(4, "N-NO!!", spoken="No!", speaker="Ken", kind=Kind.THOUGHT, box=(100, 200, 300, 800), voice="aya")
    assert cue(line, start_s=1.00049, end_s=2.5, page_size=PAGE) == Cue(
        number=4,
        start=1.0,
        end=2.5,
        text="N-NO!!",
        spoken="No!",
        lang="en",
        speaker="Ken",
        voice="aya",
        kind=Kind.THOUGHT,
        box=(100, 200, 300, 800),
        box_percent=(10, 10, 30, 40),
    )


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((-5, -5, 2000, 9000), (0, 0, 1000, 2000)),
        ((300, 400, 100, 200), (100, 200, 300, 400)),
        ((math.nan, math.nan, math.nan, math.nan), (0, 0, 1000, 2000)),
        ((-math.inf, 10, math.inf, 20), (0, 10, 1000, 20)),
    ],
)
def test_a_box_always_lies_on_the_page(box: Box, expected: Box) -> None:
    assert on_page(box, PAGE) == expected


def test_lone_surrogates_never_reach_json() -> None:
    broken = script_line(0, "a\ud800b", speaker="\udfff")
    found = cue(broken, start_s=0, end_s=1, page_size=PAGE)
    assert (found.text, found.speaker) == ("a\ufffdb", "\ufffd")
    assert valid_unicode("\ud83d\ude00") == "\U0001f600"


def test_a_pages_cues_survive_the_way_through_json() -> None:
    page = PageCues(width=1000, height=2000, duration=3.5, cues=(cue(script_line(), start_s=0, end_s=1, page_size=PAGE),))
    assert PageCues.model_validate_json(page.model_dump_json()) == page
