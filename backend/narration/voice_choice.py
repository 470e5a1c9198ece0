"""Which voice a character of the series speaks with, under one voice pack. Pure; what was decided once is found in the member.

A voice the user chose goes first, then the pack's voice for the name or label, then the MC's for the main character, then what the
character was heard in before as far as the pack allows it. Only then a new voice is taken from the pool: one nobody has or had while the
pool lasts, among the best of these the one farthest in pitch from the voices of the scene.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Final

from backend.series.model import Member, SeriesCast
from backend.voices.catalogue import ListedVoice, ResolvedPack

CHOICES: Final = 4
"""The pool is in order of quality: pitch decides only among so many of the best that are free."""


def voice_of(cast: SeriesCast, member: Member, pack: ResolvedPack, own: Mapping[str, ListedVoice]) -> ListedVoice | None:
    """The voice `member` has; None when it must still be given one.

    Args:
        own: every voice the owner may use, by id; a chosen voice that is no longer among them is passed over.
    """
    if member.chosen_voice is not None and member.chosen_voice in own:
        return own[member.chosen_voice]
    if (named := pack.named.get(member.label.casefold())) is not None:
        return named
    if cast.mc == member.id:
        return pack.mc
    pool = {listed.id: listed for listed in pack.pool}
    return next((pool[voice_id] for voice_id in member.voices if voice_id in pool), None)


def new_voice(
    cast: SeriesCast, member: Member, scene: Collection[int], pack: ResolvedPack, own: Mapping[str, ListedVoice]
) -> ListedVoice:
    """A voice from the pool for a member without one.

    Args:
        scene: ids of the members on this page; what they have is avoided longest.
    """
    users: dict[str, list[int]] = {}
    for other in cast.members.values():
        if other.id != member.id and (voice := voice_of(cast, other, pack, own)) is not None:
            users.setdefault(voice.id, []).append(other.id)
    met = set(scene).union(*(seen for seen in cast.scenes() if member.id in seen))

    def burden(listed: ListedVoice) -> tuple[int, ...]:
        """What speaks against a voice, the gravest first."""
        by = users.get(listed.id, [])
        return (
            sum(user in scene for user in by),
            sum(user in met for user in by),
            len(by),
            sum(cast.members[user].lines for user in by),
            listed.id == pack.unknown.id,  # a character should not sound like a passer-by
            sum(
                listed.id in other.voices for other in cast.members.values() if other.id != member.id
            ),  # nor as somebody did before
        )

    lightest = min(map(burden, pack.pool))
    free = [listed for listed in pack.pool if burden(listed) == lightest]
    heard = [pack.narrator, pack.mc]
    heard += [voice for other in scene if other != member.id and (voice := voice_of(cast, cast.members[other], pack, own))]
    return max(free[:CHOICES], key=lambda listed: min(semitones(listed, other) for other in heard))


def semitones(one: ListedVoice, other: ListedVoice) -> float:
    """How far apart two voices are in pitch."""
    return abs(12 * math.log2(one.pitch_hz / other.pitch_hz))
