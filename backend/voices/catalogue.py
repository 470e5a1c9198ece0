"""The voices one may ask for: built-in ones, which exist with every engine, and those an owner has registered.

Resolving a voice pack is the one place where a voice id from outside becomes a `Voice`. A pack maps roles and character names to
voice ids. Roles: Narrator, MC, Unknown (lines whose speaker is not known), Others (one voice or a list: the pool for the rest).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

from backend.errors import UnknownVoice
from backend.synthesizers.base import Voice

NARRATOR: Final = "Narrator"
MC: Final = "MC"
UNKNOWN: Final = "Unknown"
OTHERS: Final = "Others"
ROLES: Final = (NARRATOR, MC, UNKNOWN, OTHERS)

DEFAULT_NARRATOR: Final = "sovits:narrator-v1"
DEFAULT_MC: Final = "sovits:mc-v1"
DEFAULT_UNKNOWN: Final = "sovits:neutral-v1"
"""Where the catalogue has it and nobody else speaks with it; else the free voice of medium pitch."""

VoicePack = Mapping[str, str | Sequence[str]]
"""Role or character name -> voice id, or a list of them (the first counts, except for Others)."""


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice with what a person, and the casting, want to know about it."""

    voice: Voice
    description: str
    pitch_hz: float
    """Median pitch as spoken; the casting spreads characters by it."""
    languages: tuple[str, ...] = ("ja", "en")

    @property
    def id(self) -> str:
        return self.voice.id


@dataclass(frozen=True, slots=True)
class ResolvedPack:
    """A voice pack whose every id is known to exist."""

    narrator: ListedVoice
    mc: ListedVoice
    unknown: ListedVoice
    """Neutral: neither the narrator's nor the MC's."""
    pool: tuple[ListedVoice, ...]
    """Voices for everybody else, best first; never empty, and nobody else's while there are others."""
    named: Mapping[str, ListedVoice] = field(default_factory=dict)
    """Case-folded character name -> voice."""

    def find(self, voice_id: str) -> ListedVoice | None:
        """The voice with this id if it is part of the pack."""
        everyone = (self.narrator, self.mc, self.unknown, *self.pool, *self.named.values())
        return next((listed for listed in everyone if listed.id == voice_id), None)


class RegisteredVoices(Protocol):
    """Voices that owners brought themselves; `registration.py` implements it."""

    async def ready_voices(self, owner: str) -> Mapping[str, ListedVoice]:
        """By id, only those that can be spoken with, as known some seconds ago."""
        ...

    async def look_up(self, owner: str, voice_id: str) -> ListedVoice | str | None:
        """One voice as known now; a sentence when it cannot be spoken with; None when the owner has none by that id."""
        ...


class NoRegisteredVoices:
    """For installations and commands without an object store."""

    async def ready_voices(self, owner: str) -> Mapping[str, ListedVoice]:
        return {}

    async def look_up(self, owner: str, voice_id: str) -> ListedVoice | str | None:
        return None


class Catalogue:
    """Built-in voices and, per owner, registered ones.

    Args:
        builtin: by id, in the order in which the casting should prefer them; needs the two default voices and one more.
        registered: where an owner's own voices are found.
    """

    def __init__(self, builtin: Mapping[str, ListedVoice], registered: RegisteredVoices | None = None) -> None:
        assert {DEFAULT_NARRATOR, DEFAULT_MC} <= builtin.keys(), "these two exist on every installation (contract C24)"
        assert len(builtin) > 2, "unknown speakers need a voice of their own"
        self.builtin = dict(builtin)
        self._registered = registered or NoRegisteredVoices()
        self._of_builtin = lru_cache(maxsize=256)(self._assigned_from_builtin)  # nearly every start asks for the same few packs

    async def voices(self, owner: str) -> dict[str, ListedVoice]:
        """Everything `owner` may name, built-in voices first."""
        own = await self._registered.ready_voices(owner)
        return {**self.builtin, **{key: listed for key, listed in own.items() if key not in self.builtin}}

    async def get(self, voice_id: str, owner: str, pointer: str = "/voice") -> ListedVoice:
        """One voice by its id.

        Args:
            pointer: JSON pointer to where the request names it.

        Raises:
            UnknownVoice: names voices with similar names.
        """
        return await self._found(await self.voices(owner), owner, voice_id, pointer)

    async def resolve(self, pack: VoicePack, owner: str = "", *, accepted: bool = False) -> ResolvedPack:
        """The pack with defaults for the roles it leaves out.

        Args:
            accepted: the pack was resolved before. A voice that was deleted since then is left out: a chapter that is being heard
                goes on in the default voices, it does not fall silent.

        Raises:
            UnknownVoice: names the first voice that does not exist, and voices with similar names; never for an accepted pack.
        """
        if all(voice_id in self.builtin for ids in pack.values() for voice_id in _listed(ids)):
            return self._of_builtin(tuple((role, _listed(ids)) for role, ids in pack.items()))
        voices = await self.voices(owner)
        return self._assigned({role: await self._chosen(voices, owner, role, ids, accepted) for role, ids in pack.items()})

    def _assigned_from_builtin(self, pack: tuple[tuple[str, tuple[str, ...]], ...]) -> ResolvedPack:
        return self._assigned({role: tuple(self.builtin[voice_id] for voice_id in ids) for role, ids in pack})

    def _assigned(self, chosen: Mapping[str, tuple[ListedVoice, ...]]) -> ResolvedPack:
        roles = {role: next((chosen[key] for key in chosen if key.casefold() == role.casefold()), ()) for role in ROLES}
        narrator = roles[NARRATOR][0] if roles[NARRATOR] else self.builtin[DEFAULT_NARRATOR]
        mc = roles[MC][0] if roles[MC] else self.builtin[DEFAULT_MC]
        named = {key.casefold(): found[0] for key, found in chosen.items() if found and key.casefold() not in _ROLE_KEYS}
        taken = {narrator.id, mc.id, *(listed.id for listed in named.values())}
        free = tuple(listed for listed in self.builtin.values() if listed.id not in taken)
        others = _unique(listed for listed in roles[OTHERS])
        unknown = roles[UNKNOWN][0] if roles[UNKNOWN] else _neutral(others or free, narrator, mc, tuple(self.builtin.values()))
        # The neutral voice comes last: a named character should not sound like a passer-by while other voices are left.
        spare = tuple(listed for listed in others if listed.id not in taken)
        pool = spare or others or (*(listed for listed in free if listed.id != unknown.id), unknown)
        return ResolvedPack(narrator, mc, unknown, pool, named)

    async def _chosen(
        self, voices: Mapping[str, ListedVoice], owner: str, role: str, ids: str | Sequence[str], accepted: bool
    ) -> tuple[ListedVoice, ...]:
        chosen = []
        for voice_id, place in _places(role, ids):
            try:
                chosen.append(await self._found(voices, owner, voice_id, place))
            except UnknownVoice:
                if not accepted:
                    raise
        return tuple(chosen)

    async def _found(self, voices: Mapping[str, ListedVoice], owner: str, voice_id: str, pointer: str) -> ListedVoice:
        if voice_id in voices:
            return voices[voice_id]
        match await self._registered.look_up(owner, voice_id):
            case ListedVoice() as made_just_now:
                return made_just_now
            case str() as reason:
                raise UnknownVoice(reason, errors=((pointer, "names a voice that cannot be spoken with yet"),))
        near = near_names(voice_id, voices)
        known = f"Near names: {', '.join(near)}." if near else f"There are {', '.join(list(voices)[:3])} and others."
        what = "A voice of the pack does not exist." if pointer.startswith("/voice_pack/") else "There is no such voice."
        raise UnknownVoice(
            f"{what} {known} GET /v1/voices lists them all.", errors=((pointer, "names a voice that does not exist"),)
        )


_ROLE_KEYS: Final = frozenset(role.casefold() for role in ROLES)


def near_names(voice_id: str, voices: Iterable[str], most: int = 3) -> list[str]:
    """Ids that look like `voice_id`, with or without the engine before the colon."""
    ids = list(voices)
    by_name = {known.partition(":")[2]: known for known in ids}
    asked = voice_id[:80].casefold()
    near = difflib.get_close_matches(asked, ids, n=most, cutoff=0.5)
    near += [by_name[name] for name in difflib.get_close_matches(asked.rpartition(":")[2], by_name, n=most, cutoff=0.5)]
    return list(dict.fromkeys(near))[:most]


def _listed(ids: str | Sequence[str]) -> tuple[str, ...]:
    return (ids,) if isinstance(ids, str) else tuple(ids)


def _places(role: str, ids: str | Sequence[str]) -> list[tuple[str, str]]:
    """Each voice id of a role with the JSON pointer to it."""
    key = role.encode("ascii", "backslashreplace").decode()[:80].replace("~", "~0").replace("/", "~1")
    if isinstance(ids, str):
        return [(ids, f"/voice_pack/{key}")]
    return [(voice_id, f"/voice_pack/{key}/{place}") for place, voice_id in enumerate(ids)]


def _unique(voices: Iterable[ListedVoice]) -> tuple[ListedVoice, ...]:
    return tuple({listed.id: listed for listed in voices}.values())


def _neutral(
    preferred: Sequence[ListedVoice], narrator: ListedVoice, mc: ListedVoice, builtin: Sequence[ListedVoice]
) -> ListedVoice:
    """The neutral built-in voice, else the one of medium pitch, that is neither the narrator's nor the MC's."""
    taken = {narrator.id, mc.id}
    free = [listed for listed in preferred if listed.id not in taken] or [v for v in builtin if v.id not in taken]
    if (plain := next((listed for listed in free if listed.id == DEFAULT_UNKNOWN), None)) is not None:
        return plain
    by_pitch = sorted(free, key=lambda listed: (listed.pitch_hz, listed.id))
    return by_pitch[(len(by_pitch) - 1) // 2]
