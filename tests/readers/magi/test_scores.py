"""Every box and every link of a reading has its score, and a score below its threshold is no decision."""

from __future__ import annotations

import numpy as np
import pytest

from backend.cli.read import page_json
from backend.narration.cast import cast_page
from backend.readers.base import Reading, ReadOptions
from backend.readers.magi import MagiReader, links
from backend.readers.magi.detections import CHARACTER, PANEL, TAIL, TEXT, THRESHOLDS
from tests.readers.magi.conftest import GOLDEN, PAGES


@pytest.fixture(scope="module")
def readings(golden) -> list[Reading]:
    """The golden pages by the front door's assembly, without words."""
    from backend.readers.magi.assembly import bursts_of, reading_of, texts_of
    from backend.readers.magi.recognizers import Words

    made = []
    for page, found in zip(golden.pages, golden.found, strict=True):
        texts = texts_of(page.image, found, ReadOptions(lang="en"))
        texts.words, texts.langs = [Words("Hello", 0.9)] * len(texts.texts), ["en"] * len(texts.texts)
        made.append(reading_of(found, texts, bursts_of(page.image, texts), ReadOptions(lang="en")))
    return made


@pytest.mark.parametrize("page", PAGES)
def test_scores_are_those_of_the_reference_in_the_order_of_the_reading(golden, readings, page):
    reading, arrays, facts = readings[page], golden.arrays, golden.facts
    order, scores = facts["text_order"][page], reading.scores

    def best(kind: str) -> np.ndarray:
        logits = arrays["class_logits"][page][facts["kept_queries"][kind][page]]
        return 1 / (1 + np.exp(-logits.max(axis=1)))

    np.testing.assert_allclose(scores.panels, best("panels")[facts["panel_order"][page]], atol=1e-3)
    np.testing.assert_allclose(scores.boxes, best("texts")[order], atol=1e-3)
    np.testing.assert_allclose(scores.tails, best("tails"), atol=1e-3)
    np.testing.assert_allclose([one.confidence for one in reading.characters], best("characters"), atol=1e-3)
    np.testing.assert_allclose(scores.story, 1 / (1 + np.exp(-arrays[f"p{page}_essential_logits"][order])), atol=1e-3)
    for mine, name, rows in (
        (scores.speakers, "text_character", order),
        (scores.box_tails, "text_tail", order),
        (scores.same, "character_character", slice(None)),
    ):
        expected = arrays[f"p{page}_{name}"][rows]
        np.testing.assert_allclose(np.reshape(mine, expected.shape), expected, atol=1e-3)


@pytest.mark.parametrize("page", PAGES)
def test_decisions_are_the_scores_above_their_thresholds(golden, readings, page):
    reading, result = readings[page], golden.facts["results"][page]
    scores = reading.scores
    for at, box in enumerate(reading.boxes):
        for chosen, row, least in (
            (box.speaker, scores.speakers[at], links.SPEAKER),
            (box.tail, scores.box_tails[at], links.TAIL),
        ):
            best = int(np.argmax(row)) if row else None
            assert chosen == (best if best is not None and row[best] > least else None)
        assert box.speaker_confidence == pytest.approx(
            scores.speakers[at][box.speaker] if box.speaker is not None else 0, abs=1e-4
        )
    for values, kind in ((scores.panels, PANEL), (scores.boxes, TEXT), (scores.tails, TAIL)):
        assert all(value > THRESHOLDS[kind] for value in values)
    assert all(one.confidence > THRESHOLDS[CHARACTER] for one in reading.characters)
    tails = [[at, box.tail] for at, box in enumerate(reading.boxes) if box.tail is not None]
    assert tails == result["text_tail_associations"]
    np.testing.assert_allclose(reading.tails or np.zeros((0, 4)), np.reshape(result["tails"], (-1, 4)), atol=0.05)


def test_some_speakers_are_unknown_and_their_best_guess_is_told_apart(readings):
    """A speaker below the threshold is nobody, however much better than all others; the score stays to be seen."""
    unknown = [
        row
        for reading in readings
        for box, row in zip(reading.boxes, reading.scores.speakers, strict=True)
        if row and box.speaker is None
    ]
    assert unknown
    assert all(max(row) <= links.SPEAKER + 1e-4 for row in unknown)


def test_read_json_shows_them(readings):
    shown = page_json("page.png", readings[0])
    assert len(shown["scores"]["panels"]) == len(shown["panels"]) == 3
    assert len(shown["characters"]) == len(shown["scores"]["same"]) == 7
    assert len(shown["tails"]) == len(shown["scores"]["tails"]) == 4
    for box in shown["boxes"] + shown["unspoken"]:
        assert len(box["scores"]["speakers"]) == 7
        assert len(box["scores"]["tails"]) == 4
        assert 0.3 < box["scores"]["found"] <= 1
        assert 0 <= box["scores"]["story"] <= 1
        assert (box["speaker"] is None) == (box["speaker_confidence"] == 0)


def test_a_reading_survives_storage_and_one_stored_before_there_were_scores_is_read(readings):
    stored = readings[1].model_dump_json()
    assert Reading.model_validate_json(stored) == readings[1]
    before = readings[1].model_dump(exclude={"scores", "tails"})
    for box in before["boxes"]:
        del box["tail"]
    assert Reading.model_validate(before).scores is None


async def test_a_bank_of_the_series_names_the_figures_of_its_pages(golden, readings):
    """The whole way: pictures through the reader's embedder into the series, pages through the caster, names on the lines."""
    import io

    from backend.app import builtin_catalogue
    from backend.jobs.state import NarrationOptions
    from backend.series.bank import bank_vector
    from backend.series.changes import with_bank_face
    from backend.series.model import SeriesCast

    reader, cast = MagiReader(GOLDEN, "cpu"), SeriesCast()
    who = {0: "Ren", 2: "Mika"}
    for figure, name in who.items():
        picture = io.BytesIO()
        golden.pages[0].image.crop(tuple(round(side) for side in readings[0].characters[figure].box)).save(picture, "PNG")
        cast, _ = with_bank_face(cast, name, await bank_vector(reader, picture.getvalue()))
    await reader.aclose()

    catalogue = builtin_catalogue()
    pack, own = await catalogue.resolve({}, "somebody"), await catalogue.voices("somebody")
    cast, casting = cast_page(cast, ("job", 0), reading=readings[0], pack=pack, own=own, options=NarrationOptions())
    for figure, name in who.items():
        assert cast.members[casting.note.figures[figure]].label == name
    spoken = {casting.parts[at].speaker for at, box in enumerate(readings[0].boxes) if box.speaker is not None}
    assert spoken & {"Ren", "Mika"}
