"""Pages with characters on them, and casters with few voices, for tests of the casting."""

from __future__ import annotations

import numpy as np

from backend.jobs.state import JobDefinition, NarrationOptions
from backend.narration.cast import Caster
from backend.readers.base import Character, Kind, Reading, TextBox

FACES = [tuple(vector.tolist()) for vector in np.random.default_rng(3).normal(size=(16, 64))]


def definition(
    pack: dict[str, str | list[str]] | None = None, *, client: str = "c", job_id: str = "job_1", **options: object
) -> JobDefinition:
    return JobDefinition(
        job_id=job_id,
        client=client,
        chapter_id="src:ch1",
        series_id="src",
        voice_pack=pack or {},
        window_start=0,
        window_size=20,
        options=NarrationOptions.model_validate(options),
        created_at=0.0,
        audio_base="http://a.example/audio",
    )


def figure(
    cluster: int, name: str | None = None, embedding: tuple[float, ...] | None = None, sure: float = 0.9, confidence: float = 0.9
) -> Character:
    return Character(
        box=(0, 0, 10, 10),
        confidence=confidence,
        cluster=cluster,
        name=name,
        name_confidence=sure if name else 0.0,
        embedding=embedding,
    )


def line(text: str, speaker: int | None = None, kind: Kind = Kind.SPEECH) -> TextBox:
    return TextBox(box=(0, 0, 10, 10), text=text, kind=kind, lang="en", confidence=0.9, speaker=speaker, speaker_confidence=0.8)


def page(*boxes: TextBox, figures: tuple[Character, ...] = ()) -> Reading:
    return Reading(width=100, height=100, boxes=boxes, characters=figures)


def scene(
    *who: int,
    at: float = 0.0,
    noise: float = 0.3,
    seed: int = 0,
    silent: tuple[int, ...] = (),
    lines: int = 1,
    confidence: float = 0.9,
) -> Reading:
    """A page on which each of these characters says `lines` lines, and `silent` ones are only seen."""
    rng = np.random.default_rng([seed, *who, *silent])
    figures = []
    for k, character in enumerate((*who, *silent)):
        face = np.asarray(FACES[character]) / np.linalg.norm(FACES[character])
        seen = face + noise * rng.normal(size=64) / 8
        figures.append(figure(k, embedding=tuple(seen.tolist()), confidence=confidence))
    said = [line(f"Page {at} number {k} line {n}", speaker=k) for k in range(len(who)) for n in range(lines)]
    return page(*said, figures=tuple(figures))


async def voices(caster: Caster, reading: Reading, wanted: JobDefinition | None = None, index: int = 0) -> list[str]:
    """Voice id of every line."""
    script = await caster.script(wanted or definition(), index, reading)
    return [spoken.utterance.voice.id for spoken in script.lines]
