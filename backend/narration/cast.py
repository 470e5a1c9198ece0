"""Decides a voice for every box of a page. Not what is said (`write.py`), not how it sounds (the synthesizer).

Captions are the Narrator's. Figures are recognised among the characters of the series (`backend/series/identity.py`), and each keeps
the voice it was first heard in (`voice_choice.py`). A speaker nobody knows has the neutral voice, never the main character's: a
wrong guess there is the one a listener minds most. A page that was cast before is cast the same way again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from backend.jobs.state import JobDefinition, NarrationOptions
from backend.narration.script import PageScript
from backend.narration.voice_choice import new_voice, voice_of
from backend.narration.write import Part, is_heard, write_script
from backend.readers.base import Character, Kind, Reading, TextBox
from backend.series.changes import MOST_MEMBERS, crowded_out, new_member, with_member
from backend.series.faces import Faces
from backend.series.identity import Seen, recognise
from backend.series.memory import SeriesMemory
from backend.series.model import MOST_PAGES, LineCorrection, PageNote, Portrait, SeriesCast
from backend.series.places import Place, is_among
from backend.series.vectors import unit
from backend.voices.catalogue import NARRATOR, Catalogue, ListedVoice, ResolvedPack

MIN_NAME_CONFIDENCE: Final = 0.5
"""Below this a reader's name for a figure is not used."""

MUCH_BETTER: Final = 0.05
"""By how much a view must be surer than the kept one to replace it; each new one costs decoding its page again."""

NARRATORS: Final = -1
"""Stands for the narrator where member ids stand."""


@dataclass(frozen=True, slots=True)
class Casting:
    """What the memory said of one page."""

    parts: tuple[Part, ...]
    """One a box."""
    cast: SeriesCast
    note: PageNote
    unseen: Collection[Portrait]
    """Pictures that the memory no longer shows."""


class Caster:
    """Turns readings into scripts.

    Args:
        faces: keeps a picture of each character; None keeps none.
    """

    def __init__(self, catalogue: Catalogue, series: SeriesMemory, faces: Faces | None = None) -> None:
        self._catalogue = catalogue
        self.series = series
        self.faces = faces

    async def script(self, definition: JobDefinition, index: int, reading: Reading, page_sha256: str | None = None) -> PageScript:
        """What page `index` of the window says, every line with its voice.

        Args:
            page_sha256: names the bytes that pictures of characters are cut out of; None: none are.

        Raises:
            Unavailable: the memory of the series does not answer.
        """
        owner, options = definition.client, definition.options
        pack = await self._catalogue.resolve(definition.voice_pack, owner, accepted=True)
        own = await self._catalogue.voices(owner)
        at = (definition.job_id, index)
        casting = await self.series.update(
            owner,
            definition.series_id,
            lambda cast: cast_page(cast, at, reading=reading, pack=pack, own=own, options=options),
            make_room=True,
        )
        if self.faces is not None:
            if page_sha256 is not None:
                here = (one.portrait for one in casting.cast.members.values() if one.portrait and one.portrait.at == at)
                await self.faces.keep(here, page_sha256)
            await self.faces.forget(casting.unseen)
        return write_script(
            reading,
            cast=casting.parts,
            options=options,
            names=sorted(member.name for member in casting.cast.members.values() if member.name),
            lexicon=casting.cast.lexicon,
            corrections=casting.note.corrections,
        )


def page_key(reading: Reading) -> str:
    """Names a page by what stands on it. Without confidences and vectors: they may differ a little when a page is read again."""
    boxes = [[[round(x) for x in box.box], box.text, box.kind, box.speaker] for box in reading.boxes]
    figures = [[round(x) for x in figure.box] for figure in reading.characters]
    content = json.dumps([reading.width, reading.height, boxes, figures])
    return hashlib.sha256(content.encode("ascii")).hexdigest()[:24]


def cast_page(
    cast: SeriesCast,
    at: Place,
    *,
    reading: Reading,
    pack: ResolvedPack,
    own: Mapping[str, ListedVoice],
    options: NarrationOptions,
) -> tuple[SeriesCast, Casting]:
    """The cast after this page, and the page's parts."""
    shown = cast.portraits()
    key = page_key(reading)
    cast = _without_others_at(cast, at, key)
    note = cast.pages.get(key)
    if note is None:
        cast, ids = recognise(cast, [_seen(figure) for figure in reading.characters])
        cast = crowded_out(cast, ids)
        note = PageNote(boxes=len(reading.boxes), figures=ids)
        cast = _counted(cast, note, at, reading, options)
        note = note.model_copy(update={"lines": _lines(cast, note, reading, options)})
    note = note.cast_at(at)
    speakers: list[int | None] = []
    for number, box in enumerate(reading.boxes):
        cast, speaker = _speaker(cast, note, reading, box, note.corrections.get(number))
        speakers.append(speaker)
    if not options.single_voice:
        heard = [who for box, who in zip(reading.boxes, speakers, strict=True) if is_heard(box.kind, options)]
        cast = _voiced(cast, heard, note, pack, own)
    cast = _with_note(cast, key, note)
    parts = []
    for number, speaker in enumerate(speakers):
        correction = note.corrections.get(number)
        parts.append(_part(cast, speaker, correction, pack=pack, own=own, options=options))
    return cast, Casting(tuple(parts), cast, note, cast.no_longer_shown(shown))


def _seen(figure: Character) -> Seen:
    name = figure.name if figure.name and figure.name_confidence >= MIN_NAME_CONFIDENCE else None
    return Seen(unit(figure.embedding), figure.cluster, name)


def _speaker(
    cast: SeriesCast, note: PageNote, reading: Reading, box: TextBox, correction: LineCorrection | None
) -> tuple[SeriesCast, int | None]:
    """Who says a box: a member id, NARRATORS, or None. A name that a correction brings makes a new member."""
    if correction is not None and correction.speaker is not None:
        if not correction.speaker:
            return cast, None
        if correction.speaker.casefold() == NARRATOR.casefold():
            return cast, NARRATORS
        member = cast.named(correction.speaker)
        if member is None:
            if len(cast.members) >= MOST_MEMBERS:
                return cast, None
            cast, member = new_member(cast, correction.speaker)
        return cast, member.id
    if box.kind is Kind.NARRATION:
        return cast, NARRATORS
    return cast, _noted_speaker(cast, note, box)


def _noted_speaker(cast: SeriesCast, note: PageNote, box: TextBox) -> int | None:
    """An index that points nowhere counts as unknown."""
    if box.speaker is None or not 0 <= box.speaker < len(note.figures):
        return None
    return cast.id_of(note.figures[box.speaker])


def _lines(cast: SeriesCast, note: PageNote, reading: Reading, options: NarrationOptions) -> dict[int, int]:
    """Lines by member, of the boxes that are heard."""
    spoken = (box for box in reading.boxes if box.kind is not Kind.NARRATION and is_heard(box.kind, options))
    return dict(Counter(who for box in spoken if (who := _noted_speaker(cast, note, box)) is not None))


def _counted(cast: SeriesCast, note: PageNote, at: Place, reading: Reading, options: NarrationOptions) -> SeriesCast:
    """Adds the page's lines to its members, and keeps the best view of each."""
    for member_id, count in _lines(cast, note, reading, options).items():
        member = cast.members[member_id]
        cast = with_member(cast, member.model_copy(update={"lines": member.lines + count}))
    for figure, noted in zip(reading.characters, note.figures, strict=True):
        if (living := cast.id_of(noted)) is not None:
            member = cast.members[living]
            if member.portrait is None or member.portrait.confidence + MUCH_BETTER < figure.confidence:
                view = Portrait(job_id=at[0], index=at[1], box=figure.box, confidence=figure.confidence)
                cast = with_member(cast, member.model_copy(update={"portrait": view}))
    return cast


def _voiced(
    cast: SeriesCast, speakers: list[int | None], note: PageNote, pack: ResolvedPack, own: Mapping[str, ListedVoice]
) -> SeriesCast:
    """Every member that speaks has a voice afterwards; the first main character is found here."""
    speaking = [who for who in dict.fromkeys(speakers) if who is not None and who != NARRATORS]
    scene = {living for noted in (*note.figures, *speaking) if (living := cast.id_of(noted)) is not None}
    if cast.mc is None or cast.id_of(cast.mc) is None:
        # Only somebody without a voice can become the main character: nobody changes the voice they were heard in.
        free = [who for who in speaking if voice_of(cast, cast.members[who], pack, own) is None]
        most = max((member.lines for member in cast.members.values()), default=0)
        first = max(free, key=lambda who: cast.members[who].lines, default=None)
        if first is not None and cast.members[first].lines >= most:
            cast = cast.model_copy(update={"mc": first})
    for who in speaking:
        member = cast.members[who]
        if voice_of(cast, member, pack, own) is None:
            voice = new_voice(cast, member, scene, pack, own)
            cast = with_member(cast, member.model_copy(update={"voices": (*member.voices, voice.id)}))
    return cast


def _without_others_at(cast: SeriesCast, at: Place, key: str) -> SeriesCast:
    """The cast in which no other page than `key` stands there: other bytes may have been put to that place before."""
    others = {known: note.gone_from(at) for known, note in cast.pages.items() if known != key and is_among(note.heard, at)}
    return cast.model_copy(update={"pages": {**cast.pages, **others}}) if others else cast


def _with_note(cast: SeriesCast, key: str, note: PageNote) -> SeriesCast:
    pages = {known: noted for known, noted in cast.pages.items() if known != key} | {key: note}
    for oldest in list(pages)[: max(0, len(pages) - MOST_PAGES)]:
        del pages[oldest]
    return cast.model_copy(update={"pages": pages})


def _part(
    cast: SeriesCast,
    speaker: int | None,
    correction: LineCorrection | None,
    *,
    pack: ResolvedPack,
    own: Mapping[str, ListedVoice],
    options: NarrationOptions,
) -> Part:
    member = cast.members.get(speaker) if speaker is not None else None
    label = NARRATOR if speaker == NARRATORS else member.label if member else None
    if correction is not None and correction.voice is not None and correction.voice in own:
        return Part(own[correction.voice].voice, label)
    if options.single_voice or speaker == NARRATORS:
        return Part(pack.narrator.voice, label)
    chosen = (voice_of(cast, member, pack, own) if member else None) or pack.unknown
    return Part(chosen.voice, label)
