"""Writes the script of a page: which boxes are heard, in what order, with which words. Who says them, `cast.py` decided before.

Sound effects are heard only if the client asks for them; page numbers, signs and credits never; a box without anything a voice
can say is left out, so a page of dots becomes a page without lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from backend.jobs.state import NarrationOptions, SfxPolicy
from backend.language import detect_language
from backend.narration.lexicon import spoken
from backend.narration.script import PageScript, ScriptLine
from backend.narration.style import choose_style, prints_of
from backend.readers.base import Kind, Reading
from backend.series.model import LexiconEntry, LineCorrection
from backend.synthesizers.base import Utterance, Voice

UNCHANGED: Final = LineCorrection()


@dataclass(frozen=True, slots=True)
class Part:
    """Who says a box, as the casting decided."""

    voice: Voice
    speaker: str | None = None
    """Label for captions and transcripts; None is unknown."""


def write_script(
    reading: Reading,
    *,
    cast: Sequence[Part],
    options: NarrationOptions,
    names: Sequence[str] = (),
    lexicon: Sequence[LexiconEntry] = (),
    corrections: Mapping[int, LineCorrection] = MappingProxyType({}),
) -> PageScript:
    """The page's lines in reading order.

    Args:
        cast: one part a box of `reading`, in the same order.
        names: names of the series' characters, so that KENJI in capitals is read as a name.
        lexicon: how words of the series are said.
        corrections: by box number; a box the user has words for is heard whatever its kind. Its speaker and voice are in `cast`.
    """
    lines = []
    for number, (box, part, look) in enumerate(zip(reading.boxes, cast, prints_of(reading.boxes), strict=True)):
        correction = corrections.get(number, UNCHANGED)
        if correction.skip or not (is_heard(box.kind, options) or correction.skip is False or correction.text is not None):
            continue
        printed = box.text if correction.text is None else correction.text
        lang = detect_language(printed, options.lang or box.lang)
        text, pronunciations = spoken(printed, lang, lexicon, names)
        if text is not None:
            style = choose_style(printed, look)  # of the line as printed: cleaning takes capitals and stretched letters away
            utterance = Utterance(
                text=text, lang=lang, voice=part.voice, speed=options.speed, style=style, pronunciations=pronunciations
            )
            lines.append(ScriptLine(number, printed, utterance, box.box, box.kind, part.speaker))
    return PageScript(reading.width, reading.height, tuple(lines))


def is_heard(kind: Kind, options: NarrationOptions) -> bool:
    """Whether boxes of this kind are spoken at all."""
    return kind is not Kind.OTHER and (kind is not Kind.SFX or options.sfx is SfxPolicy.SPEAK)
