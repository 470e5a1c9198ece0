"""ComicInfo.xml, the note many archives carry about themselves (https://anansi-project.github.io/docs/comicinfo/intro).

Untrusted XML: parsed by defusedxml, which refuses entities and external references.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from backend.readers.base import Direction

_DIRECTIONS = {"yes": Direction.RTL, "yesandrighttoleft": Direction.RTL, "no": Direction.LTR}


@dataclass(frozen=True, slots=True)
class ComicInfo:
    """The fields that matter for narrating; None is absent or not understood."""

    direction: Direction | None = None
    lang: str | None = None
    """BCP 47 primary tag."""
    heading: str | None = None
    """Series, number and title as one line."""
    series: str | None = None


def parse_comic_info(data: bytes) -> ComicInfo:
    """Reads the Manga, LanguageISO, Series, Number and Title fields.

    The field's "Yes" means manga, and is read from right to left as "YesAndRightToLeft" is: taggers use both for the same books.

    Raises:
        ValueError: not well-formed, or with entities; `str(error)` is the reason, as a clause.
    """
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:  # ValueError: defusedxml's refusals; LookupError: encodings
        raise ValueError("not well-formed XML") from error
    fields = {child.tag.rpartition("}")[2]: " ".join((child.text or "").split()) for child in root if isinstance(child.tag, str)}
    lang = re.match(r"[A-Za-z]{2,3}\b", fields.get("LanguageISO", ""))
    series = " ".join(filter(None, (fields.get("Series"), fields.get("Number"))))
    return ComicInfo(
        direction=_DIRECTIONS.get(fields.get("Manga", "").casefold()),
        lang=lang[0].lower() if lang else None,
        heading=": ".join(filter(None, (series, fields.get("Title")))) or None,
        series=fields.get("Series") or None,
    )
