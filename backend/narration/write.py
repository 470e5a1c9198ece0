"""Writes the script of a page: which boxes are heard, in what order, with which words. Who says them, `cast.py` decided before.

Sound effects are heard only if the client asks for them; page numbers, signs and credits never; a box without anything a voice
can say is left out, so a page of dots becomes a page without lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.jobs.state import NarrationOptions, SfxPolicy
from backend.language import detect_language, speech_text
from backend.narration.script import PageScript, ScriptLine
from backend.readers.base import Kind, Reading
from backend.synthesizers.base import Utterance, Voice


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
) -> PageScript:
    """The page's lines in reading order.

    Args:
        cast: one part a box of `reading`, in the same order.
        names: names of the series' characters, so that KENJI in capitals is read as a name.
    """
    lines = []
    for number, (box, part) in enumerate(zip(reading.boxes, cast, strict=True)):
        if not is_heard(box.kind, options):
            continue
        lang = detect_language(box.text, options.lang or box.lang)
        text = speech_text(box.text, lang, names)
        if text is not None:
            utterance = Utterance(text=text, lang=lang, voice=part.voice, speed=options.speed)
            lines.append(ScriptLine(number, box.text, utterance, box.box, box.kind, part.speaker))
    return PageScript(reading.width, reading.height, tuple(lines))


def is_heard(kind: Kind, options: NarrationOptions) -> bool:
    """Whether boxes of this kind are spoken at all."""
    return kind is not Kind.OTHER and (kind is not Kind.SFX or options.sfx is SfxPolicy.SPEAK)
