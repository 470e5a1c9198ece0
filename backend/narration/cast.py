"""Decides a voice for every box of a page. Not what is said (`write.py`), not how it sounds (the synthesizer).

Captions are the Narrator's. A named character has the voice the pack gives that name. A speaker nobody knows has the neutral
voice, never the main character's: a wrong guess there is the one a listener minds most.
"""

from __future__ import annotations

from typing import Final

from backend.jobs.state import JobDefinition, NarrationOptions
from backend.narration.script import PageScript
from backend.narration.write import Part, write_script
from backend.readers.base import Character, Kind, Reading, TextBox
from backend.series.memory import SeriesMemory
from backend.voices.catalogue import NARRATOR, Catalogue, ResolvedPack

MIN_NAME_CONFIDENCE: Final = 0.5
"""Below this a reader's name for a figure is not used."""


class Caster:
    """Turns readings into scripts."""

    def __init__(self, catalogue: Catalogue, series: SeriesMemory) -> None:
        self._catalogue = catalogue
        self._series = series

    async def script(self, definition: JobDefinition, index: int, reading: Reading) -> PageScript:
        """What page `index` of the window says, every line with its voice.

        Raises:
            UnknownVoice: the pack names a voice that no longer exists.
        """
        pack = await self._catalogue.resolve(definition.voice_pack, definition.client)
        parts = [cast_box(box, reading, pack, definition.options) for box in reading.boxes]
        names = sorted({figure.name for figure in reading.characters if figure.name})
        return write_script(reading, cast=parts, options=definition.options, names=names)


def cast_box(box: TextBox, reading: Reading, pack: ResolvedPack, options: NarrationOptions) -> Part:
    """The part of one box."""
    if box.kind is Kind.NARRATION:
        return Part(pack.narrator.voice, NARRATOR)
    name = name_of(speaker_of(box, reading))
    if options.single_voice:
        return Part(pack.narrator.voice, name)
    chosen = pack.named.get(name.casefold(), pack.unknown) if name else pack.unknown
    return Part(chosen.voice, name)


def speaker_of(box: TextBox, reading: Reading) -> Character | None:
    """The figure that says `box`; an index that points nowhere counts as unknown."""
    if box.speaker is None or not 0 <= box.speaker < len(reading.characters):
        return None
    return reading.characters[box.speaker]


def name_of(figure: Character | None) -> str | None:
    """The figure's name if the reader is sure enough of it."""
    if figure is None or not figure.name or figure.name_confidence < MIN_NAME_CONFIDENCE:
        return None
    return figure.name
