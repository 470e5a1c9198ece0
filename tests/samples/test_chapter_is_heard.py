"""The whole program on sample pages, over HTTP and without any network: what is on the pages is what is heard.

tests/test_chapters.py does the same for the other pages from the command line, with the default voices.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from backend.language.distance import edits
from benchmarks.scoring import fold
from samples import client, demo

SAMPLES = Path(client.__file__).parent
PAGES = {"ja": ("page-04", "page-05", "page-06", "page-07"), "en": ("page-02",)}
"""One without words among them. tests/test_chapters.py narrates the others."""
MAX_ERRORS = 0.05
"""Wrong characters a character of the sample text."""


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[client.HeardPage]]]:
    """Pages of both chapters, narrated by the embedded reader and the fast synthesizer in a process that reaches no network."""
    folder = tmp_path_factory.mktemp("heard")
    with (
        demo.service(folder, "tests.support.offline", SYNTHESIZER="draft") as url,
        httpx.Client(base_url=url, timeout=60) as http,
    ):
        yield {
            lang: client.narrate(http, [SAMPLES / lang / f"{page}.png" for page in PAGES[lang]], direction)
            for lang, direction, _ in demo.CHAPTERS
        }
    assert "NETWORK REFUSED" not in (folder / "service.log").read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="module", params=["ja", "en"])
def chapter(request: pytest.FixtureRequest, heard: dict[str, list[client.HeardPage]]) -> tuple[str, list[client.HeardPage]]:
    return request.param, heard[request.param]


def truth(lang: str) -> list[client.Record]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in [SAMPLES / lang / f"{page}.json" for page in PAGES[lang]]]


def test_every_page_comes_back(chapter: tuple[str, list[client.HeardPage]]) -> None:
    lang, pages = chapter
    assert [page.record["index"] for page in pages] == list(range(len(truth(lang))))


def test_all_text_of_the_samples_is_in_the_transcript(chapter: tuple[str, list[client.HeardPage]]) -> None:
    lang, pages = chapter
    wrong = characters = 0
    for page, record in zip(pages, truth(lang), strict=True):
        want = fold("".join(block["text"] for block in record["blocks"] if block["kind"] != "sfx"))
        got = fold("".join(cue["text"] for cue in page.cues["cues"]))
        wrong, characters = wrong + edits(want, got), characters + len(want)
    assert wrong <= MAX_ERRORS * characters, f"{wrong} of {characters} characters"


def test_the_sound_decodes_lasts_as_announced_and_is_not_silence(chapter: tuple[str, list[client.HeardPage]]) -> None:
    for page in chapter[1]:
        samples, rate = demo.decoded(page.sound)
        assert len(samples) / rate == pytest.approx(page.record["duration"], abs=0.1)
        for cue in page.cues["cues"]:
            said = samples[round(cue["start"] * rate) : round(cue["end"] * rate)]
            assert np.sqrt(np.square(said).mean()) > 0.01, cue["text"]


def test_cues_lie_inside_the_sound_and_on_their_words(chapter: tuple[str, list[client.HeardPage]]) -> None:
    lang, pages = chapter
    for page, record in zip(pages, truth(lang), strict=True):
        blocks = [block["box"] for block in record["blocks"]]
        end = 0.0
        for cue in page.cues["cues"]:
            assert end <= cue["start"] < cue["end"] <= page.record["duration"] + 0.05
            end = cue["end"]
            if len(fold(cue["text"])) < 3:
                continue  # a stray mark read in the drawing; the transcript's error rate counts it
            x, y = (cue["box"][0] + cue["box"][2]) / 2, (cue["box"][1] + cue["box"][3]) / 2
            assert any(bx <= x <= bx + width and by <= y <= by + height for bx, by, width, height in blocks), cue


def test_a_page_without_words_is_a_short_silence(heard: dict[str, list[client.HeardPage]]) -> None:
    wordless = next(page for page, record in zip(heard["ja"], truth("ja"), strict=True) if not record["blocks"])
    assert 0 < wordless.record["duration"] < 5


def test_the_client_takes_events_apart_and_leaves_comments_out() -> None:
    lines = iter([": hello", "retry: 1000", "", "id: 4", "event: progress", 'data: {"done":1}', "", "data: 1", ""])
    assert list(client.events(lines)) == [("progress", {"done": 1}), ("message", 1)]
