"""What a user, or better evidence, may do to a cast: name, merge, split, re-voice. Pure functions; errors before anything changes.

Every function returns the new cast; what it means for pages already heard is the caller's to ask (`touched_pages`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from backend.errors import InvalidRequest, NotFound, QuotaExceeded
from backend.series.model import MOST_LOOKS, Look, Member, PageNote, SeriesCast
from backend.series.places import Place, each
from backend.series.vectors import Vector, pack, unpack

MOST_MEMBERS: Final = 300
"""Characters of a series. Users are told; characters that are only recognised crowd out the least known ones."""
MOST_BANK_FACES: Final = 12
"""Pictures of a character in the bank."""
MOST_BANK_PICTURES: Final = 600
"""Of all characters of a series."""


def with_member(cast: SeriesCast, member: Member) -> SeriesCast:
    """The cast with `member` new or replaced."""
    return cast.model_copy(update={"members": {**cast.members, member.id: member}})


def new_member(cast: SeriesCast, name: str | None = None) -> tuple[SeriesCast, Member]:
    """The cast with somebody new in it."""
    member = Member(id=cast.next_id, name=name)
    return with_member(cast.model_copy(update={"next_id": cast.next_id + 1}), member), member


def require_room(cast: SeriesCast) -> None:
    """Raises QuotaExceeded when a user could add no character."""
    if len(cast.members) >= MOST_MEMBERS:
        raise QuotaExceeded(f"A series has at most {MOST_MEMBERS} characters; merge or forget some first.", retry_after_s=60)


def crowded_out(cast: SeriesCast, here: Collection[int | None]) -> SeriesCast:
    """The cast with no more members than one may have: those go of whom least is known, never one of `here`, named or chosen by a user."""
    over = len(cast.members) - MOST_MEMBERS
    if over <= 0:
        return cast
    spared = {cast.id_of(member_id) for member_id in here} | {cast.mc}
    free = [member for member in cast.members.values() if member.id not in spared and not member.name and not member.chosen_voice]
    gone = {member.id for member in sorted(free, key=lambda member: (member.lines, member.seen, member.id))[:over]}
    members = {key: member for key, member in cast.members.items() if key not in gone}
    needed: set[int] = set()
    noted = {known for note in cast.pages.values() for known in (*note.figures, *note.lines) if known is not None}
    way = noted & cast.aliases.keys()
    while way:  # from what is noted to who lives
        needed |= way
        way = {cast.aliases[known] for known in way} & cast.aliases.keys() - needed
    aliases = {old: other for old, other in cast.aliases.items() if old in needed and cast.id_of(old) in members}
    apart = tuple(pair for pair in cast.apart if members.keys() >= set(pair))
    return cast.model_copy(update={"members": members, "aliases": aliases, "apart": apart})


def member_of(cast: SeriesCast, member_id: int) -> Member:
    """Raises NotFound."""
    living = cast.id_of(member_id)
    if living is None:
        raise NotFound("This series has no character with that id.")
    return cast.members[living]


def named(cast: SeriesCast, member_id: int, name: str | None) -> SeriesCast:
    """Gives a character a name, or takes it away. Raises NotFound; InvalidRequest when another one has that name."""
    member = member_of(cast, member_id)
    other = cast.named(name) if name else None
    if other is not None and other.id != member.id:
        raise InvalidRequest(f"{other.label} has that name already; merge the two if they are one character.")
    renamed = member.model_copy(update={"name": name})
    return _said_by(with_member(cast, renamed), {member.label: renamed.label})


def revoiced(cast: SeriesCast, member_id: int, voice_id: str | None) -> SeriesCast:
    """Gives a character a voice of the user's choice; None returns to what the casting decided. The voice must exist."""
    return with_member(cast, member_of(cast, member_id).model_copy(update={"chosen_voice": voice_id}))


def with_mc(cast: SeriesCast, member_id: int) -> SeriesCast:
    """Says who the main character is."""
    return cast.model_copy(update={"mc": member_of(cast, member_id).id})


def merged(cast: SeriesCast, keep_id: int, drop_id: int, *, by_user: bool = True) -> SeriesCast:
    """Two characters that are one. `keep_id` stays, with its voice; a user's merge keeps both ways of looking apart as looks, so that
    `split` can take it back.

    Raises NotFound; InvalidRequest for a character and itself.
    """
    keep, drop = member_of(cast, keep_id), member_of(cast, drop_id)
    if keep.id == drop.id:
        raise InvalidRequest("These are the same character already.")
    portrait = max((p for p in (keep.portrait, drop.portrait) if p), key=lambda p: p.confidence, default=None)
    came = tuple(look.model_copy(update={"of": look.of or drop.id}) for look in drop.looks) if by_user else drop.looks
    looks = _joined(keep.looks, came, average=not by_user)
    was = drop.model_copy(update={"looks": (), "absorbed": (), "was_mc": cast.mc == drop.id})
    absorbed = (*keep.absorbed, *drop.absorbed, *((was,) if by_user else ()))
    one = keep.model_copy(
        update={
            "name": keep.name or drop.name,
            "looks": looks,
            "absorbed": _with_looks(absorbed, looks),
            "voices": tuple(dict.fromkeys((*keep.voices, *drop.voices))),
            "chosen_voice": keep.chosen_voice or drop.chosen_voice,
            "lines": keep.lines + drop.lines,
            "portrait": portrait,
        }
    )
    members = {key: member for key, member in cast.members.items() if key != drop.id} | {keep.id: one}
    aliases = {**cast.aliases, drop.id: keep.id}
    apart = {(min(a, b), max(a, b)) for a, b in (_renamed(pair, drop.id, keep.id) for pair in cast.apart) if a != b}
    mc = keep.id if cast.mc == drop.id else cast.mc
    after = cast.model_copy(update={"members": members, "aliases": aliases, "apart": tuple(sorted(apart)), "mc": mc})
    return _said_by(after, {keep.label: one.label, drop.label: one.label})


def split(cast: SeriesCast, member_id: int, look_numbers: Collection[int], name: str | None = None) -> tuple[SeriesCast, Member]:
    """Takes looks away from a character: they are somebody else.

    Where they are just the looks of a character that a user had merged into this one, that one is back, with its id, name, voice and
    lines. Otherwise it is somebody new, who has no voice yet, and pages already heard keep what they have.

    Raises NotFound; InvalidRequest when the numbers name no look, or all of them; QuotaExceeded.
    """
    member = member_of(cast, member_id)
    taken = sorted(set(look_numbers))
    if not taken or not all(0 <= k < len(member.looks) for k in taken) or len(taken) == len(member.looks):
        raise InvalidRequest(
            f"This character has looks 0 to {len(member.looks) - 1}; some, but not all of them can be split off."
        )
    stays = tuple(look for k, look in enumerate(member.looks) if k not in taken)
    goes = tuple(member.looks[k].model_copy(update={"of": None}) for k in taken)
    origins = {member.looks[k].of for k in taken}
    back = next((one for one in member.absorbed if origins == {one.id} and all(look.of != one.id for look in stays)), None)
    has_it = cast.named(name) if name else None
    if has_it is not None and not (back is not None and has_it.id == member.id and has_it.name == back.name):
        raise InvalidRequest("A character of this series has that name already.")
    require_room(cast)
    if back is not None:
        cast, member, fresh = _separated(cast, member, back, name)
    else:
        cast, fresh = new_member(cast, name)
        member = member.model_copy(update={"absorbed": _with_looks(member.absorbed, stays)})
    fresh = fresh.model_copy(update={"looks": goes})
    cast = with_member(with_member(cast, member.model_copy(update={"looks": stays})), fresh)
    pair = (min(member.id, fresh.id), max(member.id, fresh.id))
    return cast.model_copy(update={"apart": (*cast.apart, pair)}), fresh


def _separated(cast: SeriesCast, member: Member, back: Member, name: str | None) -> tuple[SeriesCast, Member, Member]:
    """The cast in which the id of `back` means itself again, with what is left of `member`, and what `back` has again."""
    holder = cast.id_of(
        back.id
    )  # of its lines: another one where `back` was merged into somebody who has been split off before it
    aliases = {old: other for old, other in cast.aliases.items() if old != back.id}
    mc = back.id if back.was_mc and cast.mc == member.id else cast.mc
    cast = cast.model_copy(update={"aliases": aliases, "mc": mc})
    alone = with_member(cast, back)
    lines = sum(count for note in cast.pages.values() for noted, count in note.lines.items() if alone.id_of(noted) == back.id)
    if holder is not None and holder != member.id:
        other = cast.members[holder]
        cast = with_member(cast, other.model_copy(update={"lines": max(0, other.lines - lines)}))
    named = None if back.name is None or member.name == back.name else cast.named(back.name)
    left: dict[str, object] = {
        "lines": max(0, member.lines - lines) if holder == member.id else member.lines,
        "voices": tuple(voice for voice in member.voices if voice not in back.voices) or member.voices,
        "absorbed": tuple(one for one in member.absorbed if one.id != back.id),
    }
    if member.name == back.name:  # the name came with it
        left["name"] = None
    if member.chosen_voice == back.chosen_voice:  # so did the voice
        left["chosen_voice"] = None
    if member.portrait == back.portrait:
        left["portrait"] = None
    again = {"lines": lines, "name": name or (back.name if named is None else None)}
    return cast, member.model_copy(update=left), back.model_copy(update=again)


def with_bank_face(cast: SeriesCast, name: str, vector: Vector) -> tuple[SeriesCast, Member]:
    """Adds a picture of a named character to what figures are recognised by.

    A nameless character that is plainly the one in the picture gets the name; otherwise the name waits for its figure.

    Raises:
        QuotaExceeded: this character, or the series, has as many pictures as one may have, or the series as many characters.
    """
    look = Look(mean=pack(vector), seen=1, from_bank=True)
    member = cast.named(name) or _alike(cast, vector)
    if member is None:
        require_room(cast)
        cast, member = new_member(cast, name)
    if sum(known.from_bank for known in member.looks) >= MOST_BANK_FACES:
        raise QuotaExceeded(f"A character has at most {MOST_BANK_FACES} pictures in the bank.", retry_after_s=60)
    if sum(look.from_bank for known in cast.members.values() for look in known.looks) >= MOST_BANK_PICTURES:
        raise QuotaExceeded(f"A series has at most {MOST_BANK_PICTURES} pictures in its bank.", retry_after_s=60)
    member = member.model_copy(update={"name": member.name or name, "looks": (*member.looks, look)})
    return with_member(cast, member), member


def _alike(cast: SeriesCast, vector: Vector) -> Member | None:
    """The nameless member the picture speaks most for, if it speaks for any."""
    best, most = None, 0.0
    for member in cast.members.values():
        for look in member.looks:
            mean = unpack(look.mean)
            if member.name is None and mean.shape == vector.shape:
                evidence = float(cast.similarity.fit.evidence(mean @ vector, look.seen))
                best, most = (member, evidence) if evidence > most else (best, most)
    return best


def forgotten(cast: SeriesCast, member_id: int) -> SeriesCast:
    """Removes a character; pages already heard keep what they have."""
    gone = member_of(cast, member_id).id
    members = {key: member for key, member in cast.members.items() if key != gone}
    return cast.model_copy(update={"members": members, "mc": None if cast.mc == gone else cast.mc})


def touched_pages(cast: SeriesCast, member_ids: Collection[int]) -> list[Place]:
    """The pages on which any of these characters has a line, everywhere they were heard; windows among them may be over."""
    living = {known for member_id in member_ids if (known := cast.id_of(member_id)) is not None}
    labels = {cast.members[member_id].label.casefold() for member_id in living}

    def speaks(note: PageNote) -> bool:
        corrected = (correction.speaker for correction in note.corrections.values() if correction.speaker)
        return any(cast.id_of(noted) in living for noted in note.lines) or any(name.casefold() in labels for name in corrected)

    return sorted({at for note in cast.pages.values() if speaks(note) for at in each(note.heard)})


def _said_by(cast: SeriesCast, labels: Mapping[str, str]) -> SeriesCast:
    """The cast after labels have changed (old -> new): lines a user gave to somebody stay theirs, as corrections go by label."""
    changed = {old.casefold(): new for old, new in labels.items() if old != new}

    def corrected(note: PageNote) -> PageNote:
        corrections = {
            number: correction.model_copy(update={"speaker": changed[correction.speaker.casefold()]})
            if correction.speaker and correction.speaker.casefold() in changed
            else correction
            for number, correction in note.corrections.items()
        }
        return note if corrections == note.corrections else note.model_copy(update={"corrections": corrections})

    if not changed:
        return cast
    return cast.model_copy(update={"pages": {key: corrected(note) for key, note in cast.pages.items()}})


def _joined(keep: Sequence[Look], drop: Sequence[Look], *, average: bool) -> tuple[Look, ...]:
    """All looks; with `average` the two that were seen most become one (they have turned out to be the same)."""
    looks = [*keep, *drop]
    learned = [[look for look in side if not look.from_bank] for side in (keep, drop)]
    if average and all(learned):
        a, b = (max(side, key=lambda look: look.seen) for side in learned)
        mean_a, mean_b = unpack(a.mean), unpack(b.mean)
        if mean_a.shape == mean_b.shape:
            mean = (mean_a * a.seen + mean_b * b.seen) / (a.seen + b.seen)
            looks = [look for look in looks if look is not a and look is not b]
            looks.insert(0, Look(mean=pack(mean.astype(np.float32)), seen=a.seen + b.seen))
    bank = [look for look in looks if look.from_bank]
    seen = sorted((look for look in looks if not look.from_bank), key=lambda look: -look.seen)
    return (*seen[:MOST_LOOKS], *bank)


def _with_looks(absorbed: Sequence[Member], looks: Sequence[Look]) -> tuple[Member, ...]:
    """Those that can be split off again: who has no look left here cannot, and would be kept for ever."""
    origins = {look.of for look in looks}
    return tuple(one for one in absorbed if one.id in origins)


def _renamed(pair: tuple[int, int], old: int, new: int) -> tuple[int, int]:
    a, b = (new if value == old else value for value in pair)
    return a, b
