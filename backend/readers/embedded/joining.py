"""How the lines of a bubble become one text: no spaces in Japanese, hyphens at line ends mended in English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from backend.readers.embedded.line import CJK

LINE_END_HYPHEN: Final = re.compile(r"(?<=[^\W\d_])[-‐]$")
CONTINUES: Final = re.compile(r"[^\W\d_]")


def join_lines(lines: Sequence[str]) -> str:
    """One text of a bubble's lines, in reading order.

    A hyphen at a line's end goes when the next line carries the word on in the same case ("inter-" + "eating");
    a stammer ("W-" + "WHAT") and a dash stay.
    """
    if any(CJK.search(line) for line in lines):
        return "".join(lines)
    text = ""
    for line in lines:
        if not text:
            text = line
        elif LINE_END_HYPHEN.search(text) and CONTINUES.match(line):
            text = text + line if _is_stammer(text, line) else text[:-1] + line
        else:
            text = f"{text} {line}"
    return text


def _is_stammer(text: str, line: str) -> bool:
    """Whether the piece before the hyphen is said on its own: "W-", "WH-" before "WHAT"; or a change of case: "X-" + "ray"."""
    piece = re.split(r"[\s-]", text[:-1])[-1]
    return len(piece) < 2 or line.lower().startswith(piece.lower()) or piece[-1].isupper() != line[0].isupper()
