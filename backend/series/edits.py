"""An edit of a cast as a user sends it: several changes, all or none, and which characters they touch.

Applied in this order, so that ids mean what the user saw: merge, split, characters, mc, forget. Pages already heard stay as they are
until somebody asks for them again (`touched_pages`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from backend.contract import WholeNumber
from backend.errors import Conflict, InvalidRequest, NotFound, QuotaExceeded
from backend.language import clean_name
from backend.series import changes
from backend.series.model import LexiconEntry, LineCorrection, PageNote, SeriesCast
from backend.series.places import Place, is_among

MOST_CHANGES = 200
MOST_CORRECTIONS = 3000
"""Corrected lines of a series."""

CharacterName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
"""Names the Narrator and the labels of unnamed characters are refused by `CharacterChange`."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


def _free_name(name: str | None) -> str | None:
    """The name as it is kept. Raises ValueError for names that mean something else in captions and corrections."""
    if name is None:
        return None
    name = clean_name(name)
    if name.casefold() in ("narrator", "mc", "others", "unknown") or name.casefold().startswith("character-"):
        raise ValueError("is a name the service uses itself")
    return name


def valid_name(name: str) -> str:
    """A character's name as it is kept. Raises InvalidRequest."""
    try:
        return Split(id=1, looks=[0], name=name).name or name
    except ValidationError:
        raise InvalidRequest("This cannot be a character's name.") from None


class CharacterChange(_Request):
    """What to change about one character; a key that is left out changes nothing, null takes the value away."""

    id: WholeNumber
    name: CharacterName | None = None
    voice: str | None = Field(default=None, max_length=200, description="A voice id; null: as the casting decides.")

    _name = field_validator("name")(_free_name)


class Merge(_Request):
    keep: WholeNumber
    drop: WholeNumber


class Split(_Request):
    id: WholeNumber
    looks: list[WholeNumber] = Field(min_length=1, max_length=50, description="Numbers of the looks that are somebody else.")
    name: CharacterName | None = None

    _name = field_validator("name")(_free_name)


class CastEdit(_Request):
    """Body of PUT /v1/series/{series_id}/cast."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "merge": [{"keep": 1, "drop": 4}],
                "characters": [{"id": 1, "name": "Hana", "voice": "sovits:narrator-v1"}],
                "mc": 1,
                "revoice": True,
            }
        }
    )

    merge: list[Merge] = Field(default_factory=list, max_length=MOST_CHANGES)
    split: list[Split] = Field(default_factory=list, max_length=MOST_CHANGES)
    characters: list[CharacterChange] = Field(default_factory=list, max_length=MOST_CHANGES)
    mc: WholeNumber | None = Field(default=None, description="Id of the main character.")
    forget: list[WholeNumber] = Field(default_factory=list, max_length=MOST_CHANGES)
    revoice: bool = Field(default=False, strict=True, description="Whether pages with lines this touches are voiced again now.")


class WordEdit(LexiconEntry):
    """A word as a user gives it. Kept ones are not looked at like this: what was taken once is read for ever."""

    @field_validator("surface", "reading")
    @classmethod
    def _visible(cls, value: str | None) -> str | None:
        return None if value is None else clean_name(value)


class LexiconEdit(_Request):
    """Body of PUT /v1/series/{series_id}/lexicon."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "entries": [
                    {"surface": "小鳥遊", "reading": "たかなし", "lang": "ja"},
                    {"surface": "Kaede", "phonemes": "kɑˈɛdeɪ", "reading": "kah-eh-day", "lang": "en"},
                ]
            }
        }
    )

    entries: list[WordEdit] = Field(max_length=2000)


class Lexicon(BaseModel):
    """Reply of /v1/series/{series_id}/lexicon."""

    entries: list[LexiconEntry]


class LineChange(_Request):
    """Body of PATCH .../lines/{number}; a key that is left out changes nothing, null takes the correction back."""

    model_config = ConfigDict(json_schema_extra={"example": {"speaker": "Hana", "text": "おはよう"}})

    speaker: str | None = Field(default=None, max_length=64, description="Name or label; Narrator; empty: unknown.")
    text: str | None = Field(default=None, max_length=2000)
    skip: bool | None = Field(default=None, strict=True)
    voice: str | None = Field(default=None, max_length=200)

    @field_validator("speaker", "text", "voice")
    @classmethod
    def _valid_text(cls, value: str | None) -> str | None:
        if value is not None and any("\ud800" <= char <= "\udfff" or char in "\x00\x7f" for char in value):
            raise ValueError("must be valid Unicode without control characters")
        return value


def edited(cast: SeriesCast, edit: CastEdit) -> tuple[SeriesCast, frozenset[int]]:
    """The cast after an edit, and the ids of the characters whose lines sound or are called differently now, gone ones among them.

    Raises:
        NotFound, InvalidRequest: nothing of the edit holds.
    """
    touched: set[int] = set()
    for merge in edit.merge:
        touched |= {changes.member_of(cast, merge.keep).id, changes.member_of(cast, merge.drop).id}
        cast = changes.merged(cast, merge.keep, merge.drop)
    for split in edit.split:
        before = changes.member_of(cast, split.id)
        cast, apart = changes.split(cast, split.id, split.looks, split.name)
        touched.add(apart.id)
        if apart.id in {one.id for one in before.absorbed}:  # who is left gives back the name and voice that came with it
            touched.add(before.id)
    for change in edit.characters:
        before = changes.member_of(cast, change.id)
        if "name" in change.model_fields_set:
            cast = changes.named(cast, change.id, change.name)
        if "voice" in change.model_fields_set:
            cast = changes.revoiced(cast, change.id, change.voice)
        if changes.member_of(cast, change.id) != before:
            touched.add(before.id)
    if edit.mc is not None and edit.mc != cast.mc:
        touched |= {edit.mc, *([cast.mc] if cast.mc is not None else [])}
        cast = changes.with_mc(cast, edit.mc)
    for member_id in edit.forget:
        touched.add(changes.member_of(cast, member_id).id)
        cast = changes.forgotten(cast, member_id)
    return cast, frozenset(touched)


def with_correction(cast: SeriesCast, at: Place, number: int, change: LineChange) -> tuple[SeriesCast, bool]:
    """Notes what a user changed about line `number` of the page that was heard there.

    Returns:
        The cast, and whether the page was cast there without this correction: also where it stood already, but was made elsewhere, or by
        a call that broke off before the page was voiced again.

    Raises:
        Conflict: nothing is noted of that page.
        NotFound: it has no such line.
        QuotaExceeded: the series has as many corrected lines, or characters, as one may have.
    """
    key, note = _noted(cast.pages, at)
    if not 0 <= number < note.boxes:
        raise NotFound(f"This page has lines 0 to {note.boxes - 1}." if note.boxes else "This page has no lines.")
    before = note.corrections.get(number, LineCorrection())
    after = before.model_copy(update={field: getattr(change, field) for field in change.model_fields_set})
    if after.speaker and cast.named(after.speaker) is None and after.speaker.casefold() != "narrator":
        changes.require_room(cast)
        after = after.model_copy(update={"speaker": valid_name(after.speaker)})
    if after == before:
        return cast, bool(change.model_fields_set) and is_among(note.outdated, at)
    corrections = {line: noted for line, noted in note.corrections.items() if line != number}
    if after != LineCorrection():
        if number not in note.corrections and sum(len(noted.corrections) for noted in cast.pages.values()) >= MOST_CORRECTIONS:
            raise QuotaExceeded(f"A series has at most {MOST_CORRECTIONS} corrected lines.", retry_after_s=60)
        corrections[number] = after
    corrected = note.model_copy(update={"corrections": corrections, "outdated": note.heard})
    return cast.model_copy(update={"pages": {**cast.pages, key: corrected}}), True


def _noted(pages: Mapping[str, PageNote], at: Place) -> tuple[str, PageNote]:
    """The note about the page that stands there, with its key."""
    for key, note in pages.items():
        if is_among(note.heard, at):
            return key, note
    raise Conflict(
        "Nothing is noted of this page: it is not read yet, or its series was forgotten. Try when it is ready (again)."
    )
