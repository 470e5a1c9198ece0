"""Captions are WebVTT whatever a page says: exact times, one block a cue, nothing in a text that a parser takes for syntax."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.narration.captions import captions_vtt, timestamp
from backend.narration.cues import Cue, cue
from tests.support.lines import script_line


def a_cue(number: int = 0, text: str = "Hello.", *, speaker: str | None = None, spoken: str = "x", start_s: float = 0.15) -> Cue:
    line = script_line(number, text, spoken=spoken, speaker=speaker)
    return cue(line, start_s=start_s, end_s=start_s + 1.25, page_size=(100, 100))


def test_a_caption_has_its_time_its_speaker_and_its_text() -> None:
    found = captions_vtt([a_cue(3, "待って！", speaker="ケン", start_s=61.0), a_cue(5, "Who?", start_s=3700.5)])
    assert found == (
        "WEBVTT\n\n3\n00:01:01.000 --> 00:01:02.250\n<v ケン>待って！</v>\n\n5\n01:01:40.500 --> 01:01:41.750\nWho?\n"
    )


def test_a_page_without_lines_has_captions_without_cues() -> None:
    assert captions_vtt([]) == "WEBVTT\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a <b>bold</b> claim & more", "a &lt;b&gt;bold&lt;/b&gt; claim &amp; more"),
        ("00:00.000 --> 00:09.000", "00:00.000 --&gt; 00:09.000"),
        ("two\n\nlines\r\nand\u2028three\x00", "two lines and three"),
        ("half \ud83d of a smile", "half \ufffd of a smile"),
        ("   ", "as spoken"),
    ],
)
def test_no_text_breaks_out_of_its_caption(text: str, shown: str) -> None:
    assert captions_vtt([a_cue(text=text, spoken="as spoken")]).splitlines()[4:] == [shown]


def test_no_speaker_breaks_out_of_its_voice_span() -> None:
    assert "<v A&gt;B &amp; C>Hello.</v>" in captions_vtt([a_cue(speaker="A>B\n& C")])


@given(st.integers(0, 100 * 3_600_000))
def test_times_are_exact_to_the_millisecond(ms: int) -> None:
    found = timestamp(ms / 1000)
    hours, minutes, seconds = found.split(":")
    assert re.fullmatch(r"\d{2,}:[0-5]\d:[0-5]\d\.\d{3}", found)
    assert (int(hours) * 60 + int(minutes)) * 60_000 + int(seconds.replace(".", "")) == ms


@given(st.lists(st.tuples(st.text(st.characters(codec=None)), st.none() | st.text(st.characters(codec=None))), max_size=5))
def test_whatever_the_texts_there_is_one_block_a_cue(texts: list[tuple[str, str | None]]) -> None:
    found = captions_vtt([a_cue(number, text, speaker=name) for number, (text, name) in enumerate(texts)])
    found.encode()
    blocks = found.rstrip("\n").split("\n\n")
    assert len(blocks) == 1 + len(texts)
    for block in blocks[1:]:
        assert len(re.split(r"\r\n|\r|\n", block)) == 3
        assert block.count("-->") == 1
