"""Captions of a page as WebVTT (https://www.w3.org/TR/webvtt1/): what a deaf-blind or a language-learning reader follows.

The trap: a cue ends at the first empty line, and "-->" inside a text would begin a new one; texts are therefore one line,
escaped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from backend.narration.cues import Cue, valid_unicode

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def captions_vtt(cues: Iterable[Cue]) -> str:
    """The cues as one WebVTT file, the speaker as a voice span. A cue with nothing printed shows what is spoken."""
    blocks = ["WEBVTT\n"]
    for cue in cues:
        text = _one_line(cue.text) or _one_line(cue.spoken)
        if not text:
            continue
        name = _one_line(cue.speaker or "")
        shown = f"<v {name}>{text}</v>" if name else text
        blocks.append(f"{cue.number}\n{timestamp(cue.start)} --> {timestamp(cue.end)}\n{shown}\n")
    return "\n".join(blocks)


def timestamp(seconds: float) -> str:
    """Seconds as WebVTT writes them, to the nearest millisecond: 3661.04 is 01:01:01.040."""
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _one_line(text: str) -> str:
    """`text` escaped, without line breaks or control characters (a NUL would end the file for some parsers)."""
    spaced = "".join(" " if unicodedata.category(mark) in ("Cc", "Zl", "Zp") else mark for mark in valid_unicode(text))
    return " ".join(spaced.split()).translate(_ESCAPES)
