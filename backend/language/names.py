"""Names as people give them and as they are shown: of voices, of characters. Not how they are said (`letters.py`)."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_JOINERS: Final = "\u200c\u200d"
"""Letters of some scripts, and emoji of several parts, are written with these."""


def clean_name(name: str) -> str:
    """The name without what cannot be seen (marks that turn the direction of writing among it), with single spaces.

    Raises:
        ValueError: control characters, lone surrogates, or nothing that can be seen.
    """
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        raise ValueError("has control characters")
    shown = "".join(char for char in name if char in _JOINERS or unicodedata.category(char) != "Cf").strip()
    shown = re.sub(
        r"\s+", lambda space: space[0] if space[0] == "\u3000" else " ", shown
    )  # 山田　太郎 is printed with a wide one
    if not any(unicodedata.category(char)[0] in "LNPS" for char in shown):
        raise ValueError("has nothing that can be seen")
    return shown
