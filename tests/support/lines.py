"""Script lines for tests that care about sound and cues, not about who wrote them."""

from __future__ import annotations

from backend.narration.script import ScriptLine
from backend.readers.base import Box, Kind
from backend.synthesizers.base import Utterance, Voice


def script_line(
    number: int = 0,
    text: str = "Hello there.",
    *,
    spoken: str | None = None,
    speaker: str | None = None,
    kind: Kind = Kind.SPEECH,
    box: Box = (10, 20, 110, 220),
    voice: str = "sovits:mc-v1",
    speed: float = 1.0,
) -> ScriptLine:
    utterance = Utterance(text=text if spoken is None else spoken, lang="en", voice=Voice(id=voice), speed=speed)
    return ScriptLine(number=number, text=text, utterance=utterance, box=box, kind=kind, speaker=speaker)
