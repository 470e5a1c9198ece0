"""What is remembered of a series: its cast, the pages that were seen, how alike its characters look. Pure data.

`memory.py` keeps it, `documents.py` writes it down, `identity.py` recognises by it, `changes.py` is what a user may do to it.
A character that was merged into another leaves its id behind as an alias, so that what was noted under the old id still holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from backend.language import english_phonemes, japanese_kana
from backend.readers.base import Box
from backend.series.places import Place, Places, with_place, without_place
from backend.series.similarity import Similarity

MOST_LOOKS: Final = 6
MOST_PAGES: Final = 4000
"""Pages a series remembers; the oldest are forgotten first (a re-read page is then counted again, nothing worse)."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Look(_Frozen):
    """One way a character looks: the mean of `seen` unit vectors (see `vectors.py`)."""

    mean: str
    seen: int
    from_bank: bool = False
    """Given by the user, not learned: never averaged with what is learned."""
    of: int | None = None
    """Id of the absorbed character it is a look of; None: the character's own."""


class Portrait(_Frozen):
    """Where a character was seen best: page of a window, and box in pixels."""

    job_id: str
    index: int
    box: Box
    confidence: float

    @property
    def at(self) -> tuple[str, int]:
        return self.job_id, self.index

    @property
    def name(self) -> str:
        """Names the picture that is cut out there (`faces.py`)."""
        return hashlib.sha256(f"{self.job_id}/{self.index}/{self.box}".encode()).hexdigest()[:32]


class Member(_Frozen):
    """One character of the series."""

    id: int
    """1, 2, 3, ... in the order of first appearance; never given twice."""
    name: str | None = None
    looks: tuple[Look, ...] = ()
    voices: tuple[str, ...] = ()
    """Ids of the voices this character was heard in, the first decision first; the first that a voice pack allows is kept."""
    chosen_voice: str | None = None
    """A voice the user gave this character; goes before everything else."""
    lines: int = 0
    """Lines heard so far, each page counted once."""
    portrait: Portrait | None = None
    was_mc: bool = False
    """Of an absorbed one: the main character until then."""
    absorbed: tuple[Member, ...] = ()
    """Characters a user has merged into this one, as they were, without their looks: to be split off again."""

    @property
    def label(self) -> str:
        """What captions and transcripts call this character."""
        return self.name or f"character-{self.id}"

    @property
    def seen(self) -> int:
        return sum(look.seen for look in self.looks if not look.from_bank)


class LineCorrection(_Frozen):
    """What a user changed about one line; None leaves it as it was."""

    speaker: str | None = None
    """A character's label or name, or "Narrator"; a name nobody has makes a new character; "" is an unknown speaker."""
    text: str | None = None
    skip: bool | None = None
    voice: str | None = None
    """Id of the voice of this one line."""


class PageNote(_Frozen):
    """What was decided about a page when it was first heard."""

    boxes: int = 0
    """How many text boxes the page has; lines are numbered by them."""
    figures: tuple[int | None, ...] = ()
    """Member id of each figure of the reading; None where nothing can be said."""
    lines: Mapping[int, int] = Field(default_factory=dict)
    """Lines counted, by member id."""
    heard: Places = Field(default_factory=dict)
    """Where the page was cast. No other page of the series stands there now."""
    outdated: Places = Field(default_factory=dict)
    """Those of them that were cast before the latest correction."""
    corrections: Mapping[int, LineCorrection] = Field(default_factory=dict)
    """By line number."""

    def cast_at(self, at: Place) -> PageNote:
        """The note once the page is cast there with all that is known of it."""
        return self.model_copy(update={"heard": with_place(self.heard, at), "outdated": without_place(self.outdated, at)})

    def gone_from(self, at: Place) -> PageNote:
        """The note once another page stands there."""
        return self.model_copy(update={"heard": without_place(self.heard, at), "outdated": without_place(self.outdated, at)})


class LexiconEntry(_Frozen):
    """How one word of the series is said."""

    surface: str = Field(min_length=1, max_length=64)
    """As printed."""
    lang: str = Field(pattern=r"^(ja|en)$")
    reading: str | None = Field(default=None, min_length=1, max_length=128)
    """As to be spoken, in the ordinary writing of the language (kana in Japanese, a respelling in English)."""
    phonemes: str | None = Field(default=None, min_length=1, max_length=128)
    """IPA; goes before the reading. Japanese ones are said as the kana that write them (`kana`)."""

    @property
    def kana(self) -> str | None:
        """What Japanese phonemes sound like, in kana; None for other entries."""
        return japanese_kana(self.phonemes) if self.lang == "ja" and self.phonemes is not None else None

    @field_validator("phonemes")
    @classmethod
    def _in_one_alphabet(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Raises ValueError for what is no phoneme of the language. English is kept as the engines write it, Japanese as given."""
        if value is not None and info.data.get("lang") == "ja":
            japanese_kana(value)
            return value
        return None if value is None else english_phonemes(value)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.reading is None and self.phonemes is None:
            raise ValueError("a reading or phonemes are needed")
        return self


class SeriesCast(_Frozen):
    """The cast of a series as known so far."""

    members: Mapping[int, Member] = Field(default_factory=dict)
    next_id: int = 1
    mc: int | None = None
    """Id of the member with the MC's voice."""
    aliases: Mapping[int, int] = Field(default_factory=dict)
    """Merged member id -> the id it was merged into, which may have been merged, too."""
    apart: tuple[tuple[int, int], ...] = ()
    """Pairs of members a user has split: never merged again on their looks."""
    pages: Mapping[str, PageNote] = Field(default_factory=dict)
    """By content of the reading, the one seen last at the end."""
    similarity: Similarity = Field(default_factory=Similarity)
    lexicon: tuple[LexiconEntry, ...] = ()

    def id_of(self, member_id: int | None) -> int | None:
        """The living id behind an id that may have been merged away; None when the member is gone."""
        while member_id is not None and member_id not in self.members:
            member_id = self.aliases.get(member_id)
        return member_id

    def named(self, name: str) -> Member | None:
        """The member with this name or label, without regard to case."""
        wanted = name.strip().casefold()
        return next((member for member in self.members.values() if member.label.casefold() == wanted), None)

    def portraits(self) -> dict[str, Portrait]:
        """Of everybody, absorbed characters among them, by name: the pictures that are to be kept."""
        everybody = (one for member in self.members.values() for one in (member, *member.absorbed))
        return {one.portrait.name: one.portrait for one in everybody if one.portrait is not None}

    def no_longer_shown(self, before: Mapping[str, Portrait]) -> list[Portrait]:
        """Those of `before` whose pictures nobody has any more."""
        now = self.portraits()
        return [portrait for name, portrait in before.items() if name not in now]

    def scenes(self) -> list[frozenset[int]]:
        """Who was seen together, page by page."""
        return [
            frozenset(living for noted in note.figures if (living := self.id_of(noted)) is not None)
            for note in self.pages.values()
        ]
