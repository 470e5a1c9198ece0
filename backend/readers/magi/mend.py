"""Recognised tokens into words as printed: lines joined, words that a line end cut in two mended. Not cleaned for speech."""

from __future__ import annotations

import re
from typing import Final

_SPACES: Final = re.compile(r"\s+")
_CUT: Final = re.compile(r"(?<![\w-])((?:[\w']+-)*[^\W\d_]{2,})- (['’]?[^\W\d_]{2,})")
_LOOSE: Final = re.compile(r" +([,.!?;:…])")

_STANDING: Final = (
    "a about after all an and any are as at be because been but by can come could did do does don't down even for from get "
    "go had has have he her here him his how i i'm if in is isn't it it's its just know let like look me more my never no "
    "not now of off oh okay on only or our out over she should so some that that's the their them then there they this to "
    "too up us very wait want was we were what when where which who why will with would yes yet you you're your"
)
"""Words that stand alone: "but- wait" is somebody interrupted, never a word cut in two."""
_LEADING: Final = (
    "all anti cross eighty ex fifty forty great half high ill long low mid ninety non old one post pre self semi seventy "
    "short sixty thirty three twenty two well"
)
"""First parts that keep their hyphen: "well- known" is well-known."""
_WORDS: Final = frozenset(_STANDING.split())
_COMPOUND: Final = frozenset(_LEADING.split())


def mend(text: str) -> str:
    """One line of words; hyphens at line ends mended, stutters ("wh- what") and broken-off words ("but- wait") left as hyphens.

    >>> mend("inter- esting")
    'interesting'
    """
    text = _SPACES.sub(" ", text).strip()
    # A join may uncover the next: "in- ter- esting".
    while (joined := _CUT.sub(_join, text)) != text:
        text = joined
    return _LOOSE.sub(r"\1", text)


def _join(cut: re.Match[str]) -> str:
    first, second = cut.group(1), cut.group(2)
    last, low = first.rsplit("-", 1)[-1].lower(), second.lower()
    if low.startswith(last[: max(2, len(last) - 1)]):
        return f"{first}-{second}"  # a stutter
    if last in _WORDS:
        return f"{first}—{second}"
    if last in _COMPOUND:
        return f"{first}-{second}"
    if second[0].isupper() and not (first.isupper() and second.isupper()):
        return f"{first}-{second}"  # Mary-Ann
    return first + second
