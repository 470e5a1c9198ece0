"""What the network found and what the recognisers read, put together as a `Reading`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.readers.base import Character, Direction, Reading, ReadOptions, Scores, TextBox
from backend.readers.magi.bubble import in_burst
from backend.readers.magi.kinds import kind_of
from backend.readers.magi.links import ESSENTIAL_LOGIT, sigmoid
from backend.readers.magi.recognizers import Text, Words
from backend.readers.magi.words import PageTexts

if TYPE_CHECKING:
    from backend.readers.magi.engine import Found


def texts_of(page: Image.Image, found: Found, options: ReadOptions) -> PageTexts:
    """The texts of the story, cut out of their grey page."""
    told = (bounds for bounds, logit in zip(found.text_bounds, found.essential, strict=True) if logit > ESSENTIAL_LOGIT)
    return PageTexts([Text.on(page, bounds) for bounds in told], options.lang)


def bursts_of(page: Image.Image, texts: PageTexts) -> list[bool | None]:
    """`TextBox.spiky` of each text; some milliseconds a text, so it is told while others read the words."""
    grey = np.asarray(page, dtype=np.uint8)
    return [in_burst(grey, text.bounds) for text in texts.texts]


def reading_of(found: Found, texts: PageTexts, bursts: Sequence[bool | None], options: ReadOptions) -> Reading:
    """Puts a page together. Texts that do not belong to the story keep their place in the order and have no words.

    Args:
        bursts: as `bursts_of` tells them.
    """
    characters = tuple(
        Character(box=box, confidence=score, cluster=cluster, embedding=_vector(embedding))
        for box, score, cluster, embedding in zip(
            found.characters, found.character_scores, found.clusters, found.embeddings, strict=True
        )
    )
    read = iter(zip(texts.words, texts.langs, texts.columns, bursts, strict=True))
    boxes = []
    for at, box in enumerate(found.texts):
        words, lang, in_columns, spiky = (Words("", 0.0), "", 0.0, None)
        if found.essential[at] > ESSENTIAL_LOGIT:
            words, lang, in_columns, spiky = next(read)
        speaker, sure = found.speakers[at]
        panel = found.text_panels[at]
        spoken = speaker is not None or found.text_tails[at][0] is not None
        kind = kind_of(found.essential[at], spoken, box, None if panel is None else found.panels[panel], words.text)
        boxes.append(
            TextBox(
                box=box,
                text=words.text,
                kind=kind,
                lang=lang,
                confidence=min(1.0, max(0.0, words.confidence)),
                speaker=speaker,
                speaker_confidence=min(1.0, sure) if speaker is not None else 0.0,
                panel=panel,
                tail=found.text_tails[at][0],
                vertical=in_columns > 0 and lang in ("ja", "zh"),
                spiky=spiky,
            )
        )
    main = options.lang or next((box.lang for box in boxes if box.lang), "ja" if options.direction is Direction.RTL else "en")
    boxes = [box if box.lang else box.model_copy(update={"lang": main}) for box in boxes]
    return Reading(
        width=found.width,
        height=found.height,
        panels=tuple(found.panels),
        boxes=tuple(boxes),
        characters=characters,
        tails=tuple(found.tails),
        scores=_scores(found),
    )


def _scores(found: Found) -> Scores:
    """Every number a decision was made on, to four digits (the network's own noise in half precision is larger)."""

    def row(values: NDArray[np.floating] | Sequence[float]) -> tuple[float, ...]:
        return tuple(np.round(np.nan_to_num(np.asarray(values, dtype=np.float64)), 4).tolist())

    return Scores(
        panels=row(found.panel_scores),
        boxes=row(found.text_scores),
        story=row(sigmoid(np.asarray(found.essential, dtype=np.float32))),
        tails=row(found.tail_scores),
        speakers=tuple(row(text) for text in found.speaker_table),
        box_tails=tuple(row(text) for text in found.tail_table),
        same=tuple(row(figure) for figure in found.same),
    )


def _vector(embedding: NDArray[np.float32]) -> tuple[float, ...] | None:
    """None for numbers that are none: a reading must survive being stored as JSON."""
    return tuple(embedding.tolist()) if np.isfinite(embedding).all() else None
