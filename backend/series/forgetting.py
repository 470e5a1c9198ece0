"""What a series still knows of a page when the page is to be forgotten, and the cast without it. Pure functions.

What cannot be taken back: a look is the mean of many figures, and where a character was seen on other pages too, this page's share of
the mean stays in it (`DELETE /v1/series/{id}/cast` removes the whole memory). So does its share of how alike the series' figures are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from backend.series.model import Member, PageNote, SeriesCast
from backend.series.places import Place, is_among


def without_page(cast: SeriesCast, *, notes: Collection[str], places: Collection[Place], pictures: Collection[str]) -> SeriesCast:
    """The cast without what it notes of a page.

    Args:
        notes: the keys of its notes.
        places: (job id, index) where the page stood; only asked where no keys are known, for other pages may have stood there.
        pictures: names of the portraits that were cut out of it.
    """
    gone = {
        key: note
        for key, note in cast.pages.items()
        if key in notes or (not notes and any(is_among(note.heard, at) for at in places))
    }
    if not gone and not any(_shown(member, pictures) for member in cast.members.values()):
        return cast
    pages = {key: note for key, note in cast.pages.items() if key not in gone}
    lines: Counter[int] = Counter()
    for note in gone.values():
        for noted, count in note.lines.items():
            if (living := cast.id_of(noted)) is not None:
                lines[living] += count
    only_there = _seen(cast, gone.values()) - _seen(cast, pages.values())
    members = {}
    for key, member in cast.members.items():
        after = member.model_copy(update={"lines": max(0, member.lines - lines[key])})
        if _shown(member, pictures):
            own, *absorbed = (_unseen(one, pictures) for one in (after, *after.absorbed))
            after = own.model_copy(update={"absorbed": tuple(absorbed)})
        if key in only_there:
            after = after.model_copy(update={"looks": tuple(look for look in member.looks if look.from_bank)})
            if not (after.name or after.chosen_voice or after.looks):
                continue  # nobody said anything about this character, and nothing of it is left
        members[key] = after
    return cast.model_copy(update={"members": members, "pages": pages, "mc": cast.mc if cast.mc in members else None})


def _seen(cast: SeriesCast, notes: Collection[PageNote]) -> set[int]:
    return {living for note in notes for noted in (*note.figures, *note.lines) if (living := cast.id_of(noted)) is not None}


def _shown(member: Member, pictures: Collection[str]) -> bool:
    return any(one.portrait is not None and one.portrait.name in pictures for one in (member, *member.absorbed))


def _unseen(member: Member, pictures: Collection[str]) -> Member:
    gone = member.portrait is not None and member.portrait.name in pictures
    return member.model_copy(update={"portrait": None}) if gone else member
