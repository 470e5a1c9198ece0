"""The cast of a series: see it, edit it, say how its words sound, show it faces; and correct a line of a page.

A series id is a client's free text and may hold slashes: it is the rest of the path before the last fixed part.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from backend.api.clients import ClientIn, public_base
from backend.api.pages import JobId, PageIndex, page_action, read_body
from backend.api.replies import bytes_body, bytes_reply, problems
from backend.api.services import Services, ServicesIn
from backend.contract import PageActionReply
from backend.errors import (
    BadImage,
    Conflict,
    EmptyUpload,
    ImageTooManyPixels,
    InvalidRequest,
    JobNotFound,
    NotFound,
    PageNotInWindow,
    QuotaExceeded,
    Unauthorized,
    Unavailable,
    UnknownVoice,
    UnsupportedImage,
    UploadTooLarge,
)
from backend.imaging import MEDIA_TYPES
from backend.jobs import decisions
from backend.series import changes, edits
from backend.series.bank import NO_FACES, FigureEmbedder, bank_vector
from backend.series.model import Member, Portrait, SeriesCast
from backend.series.places import Place

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/series", tags=["series"])
lines_router = APIRouter(tags=["pages"])

SeriesId = Annotated[str, Path(min_length=1, max_length=500, description="series_id, or what of chapter_id names the series.")]
CharacterId = Annotated[str, Path(pattern=r"^[1-9][0-9]{0,8}$", description="From the cast.")]
CharacterName = Annotated[str, Path(min_length=1, max_length=64, description="The character's name.")]
LineNumber = Annotated[str, Path(pattern=r"^(0|[1-9][0-9]{0,4})$", description="From the page's cues.")]

MAX_BANK_BYTES: Final = 5_000_000
_KEYED: Final = problems(Unauthorized)


class LookReply(BaseModel):
    """One way a character looks."""

    number: int
    seen: int = Field(description="Figures that make up this look.")
    from_bank: bool
    of: int | None = Field(
        default=None, description="Id of the character it was merged in with; a split of all such brings it back."
    )


class CharacterReply(BaseModel):
    """One character; absent keys have no value."""

    id: int
    label: str = Field(description="What captions and transcripts say.")
    name: str | None = None
    voice: str | None = Field(default=None, description="The voice it was heard in first; the MC's may be another.")
    chosen_voice: str | None = Field(default=None, description="The voice a user chose.")
    mc: bool
    lines: int
    looks: list[LookReply]
    face: str | None = Field(default=None, description="Where its picture is.")


class TouchedPage(BaseModel):
    job_id: str
    index: int


class CastReply(BaseModel):
    """The cast as known now, most lines first."""

    series_id: str
    characters: list[CharacterReply]
    pages: int = Field(description="Pages of the series seen so far.")
    touched: list[TouchedPage] = Field(
        default_factory=list,
        description="Pages with lines an edit touches, of windows that are still there; while the job store is away, of all.",
    )
    revoiced: list[TouchedPage] = Field(default_factory=list, description="Those of them that are voiced again now.")


@router.get(
    "/{series_id:path}/cast",
    response_model=CastReply,
    response_model_exclude_none=True,
    summary="The characters of a series",
    responses=problems(Unauthorized, InvalidRequest),
)
async def get_cast(series_id: SeriesId, request: Request, services: ServicesIn, client: ClientIn) -> CastReply:
    """Everybody the pages showed so far; a series nobody has read has an empty cast."""
    return _reply(await services.series.cast(client, series_id), series_id, public_base(request, services.settings))


@router.put(
    "/{series_id:path}/cast",
    response_model=CastReply,
    response_model_exclude_none=True,
    summary="Name, merge, split and re-voice characters",
    responses=problems(Unauthorized, NotFound, Conflict, InvalidRequest, UnknownVoice, QuotaExceeded),
)
async def put_cast(
    series_id: SeriesId, body: edits.CastEdit, request: Request, services: ServicesIn, client: ClientIn
) -> CastReply:
    """All of it or nothing. Pages already heard stay as they are unless `revoice` is true; then only touched lines are spoken anew."""
    for place, character in enumerate(body.characters):
        if character.voice is not None:
            await services.catalogue.get(character.voice, client, f"/characters/{place}/voice")

    def change(before: SeriesCast) -> tuple[SeriesCast, tuple[SeriesCast, set[Place], list[Portrait]]]:
        after, touched = edits.edited(before, body)
        were = touched & before.members.keys()
        pages = {*changes.touched_pages(after, touched), *changes.touched_pages(before, were)}
        return after, (after, pages, after.no_longer_shown(before.portraits()))

    base = public_base(request, services.settings)
    cast, touched, unseen = await services.series.update(client, series_id, change)
    # The edit holds from here on, and no error says otherwise: whoever sent it again would merge, split or forget somebody else.
    reply = _reply(cast, series_id, base)
    await _tell_pages(services, reply, sorted(touched), revoice=body.revoice)
    try:
        await services.faces.forget(unseen)
    except Unavailable as error:
        logger.warning("Pictures nobody has any more are not removed: %s", error)
    return reply


@router.delete("/{series_id:path}/cast", status_code=204, summary="Forget a series", responses=_KEYED)
async def delete_cast(series_id: SeriesId, services: ServicesIn, client: ClientIn) -> None:
    """Removes characters, names, faces, corrections and the lexicon of a series."""
    cast = await services.series.cast(client, series_id)
    await services.faces.forget(cast.portraits().values())  # while their names are known: a call that breaks off here is repeated
    await services.series.forget(client, series_id)


@router.get(
    "/{series_id:path}/cast/{character_id}/face",
    summary="The picture of a character",
    response_class=Response,
    responses=problems(Unauthorized, NotFound) | {200: bytes_reply("The picture", "image/webp")},
)
async def get_face(series_id: SeriesId, character_id: CharacterId, services: ServicesIn, client: ClientIn) -> Response:
    """Cut out of the page the character was seen best on."""
    member = changes.member_of(await services.series.cast(client, series_id), int(character_id))
    if member.portrait is None:
        raise NotFound("There is no picture of this character.")
    picture = await services.faces.get(member.portrait)
    return Response(picture, media_type="image/webp", headers={"Cache-Control": "private, max-age=300"})


@router.put(
    "/{series_id:path}/bank/{name}",
    response_model=CharacterReply,
    response_model_exclude_none=True,
    summary="Show a named character",
    responses=problems(
        EmptyUpload,
        Unauthorized,
        Conflict,
        UploadTooLarge,
        ImageTooManyPixels,
        UnsupportedImage,
        InvalidRequest,
        BadImage,
        QuotaExceeded,
    ),
    openapi_extra=bytes_body(f"The picture, at most {MAX_BANK_BYTES} bytes.", MEDIA_TYPES.values()),
)
async def put_bank(
    series_id: SeriesId, name: CharacterName, request: Request, services: ServicesIn, client: ClientIn
) -> CharacterReply:
    """Adds one picture (PNG, JPEG, WebP; only the character on it) to those the character is recognised and named by."""
    valid, base = edits.valid_name(name), public_base(request, services.settings)
    reader = services.reader
    if not isinstance(reader, FigureEmbedder):
        raise Conflict(NO_FACES)
    data = await read_body(request, MAX_BANK_BYTES)
    await services.checks.check(data, client)
    vector = await bank_vector(reader, data)
    cast, member = await services.series.update(
        client, series_id, lambda cast: _kept(changes.with_bank_face(cast, valid, vector))
    )
    return _character(cast, member.id, series_id, base)


@router.get(
    "/{series_id:path}/lexicon",
    response_model=edits.Lexicon,
    response_model_exclude_none=True,
    summary="How words are said",
    responses=_KEYED,
)
async def get_lexicon(series_id: SeriesId, services: ServicesIn, client: ClientIn) -> edits.Lexicon:
    """Words and names of the series with how each is pronounced; a series without has an empty one."""
    return edits.Lexicon(entries=list((await services.series.cast(client, series_id)).lexicon))


@router.put(
    "/{series_id:path}/lexicon",
    response_model=edits.Lexicon,
    response_model_exclude_none=True,
    summary="Say how words are said",
    responses=problems(Unauthorized, QuotaExceeded),
)
async def put_lexicon(series_id: SeriesId, body: edits.LexiconEdit, services: ServicesIn, client: ClientIn) -> edits.Lexicon:
    """Replaces the lexicon of the series; lines are said by it from now on."""
    entries = tuple(body.entries)
    await services.series.update(client, series_id, lambda cast: (cast.model_copy(update={"lexicon": entries}), None))
    return edits.Lexicon(entries=list(entries))


@lines_router.patch(
    "/jobs/{job_id}/pages/{index}/lines/{number}",
    response_model=PageActionReply,
    summary="Correct a line",
    responses=problems(JobNotFound, PageNotInWindow, Conflict, InvalidRequest, UnknownVoice, QuotaExceeded),
)
async def patch_line(
    job_id: JobId, index: PageIndex, number: LineNumber, body: edits.LineChange, services: ServicesIn
) -> PageActionReply:
    """Changes who says a line, its words, its voice, or whether it is heard; the page is voiced again, other lines from the cache.

    What changes nothing (`{}`, or a correction that stands already) does not voice the page again.
    """
    state = await services.log.state(job_id)
    page = decisions.page_of(state, int(index))
    definition = state.definition
    if body.voice is not None:
        await services.catalogue.get(body.voice, definition.client)

    at = (job_id, page.index)

    def change(before: SeriesCast) -> tuple[SeriesCast, bool]:
        after, outdated = edits.with_correction(before, at, int(number), body)
        return after, after != before or (outdated and page.state.ended)  # else it is on its way to be voiced again

    if await services.series.update(definition.client, definition.series_id, change):
        await _revoiced(services, [at])
    return page_action(await services.log.state(job_id), page.index)


async def _tell_pages(services: Services, reply: CastReply, touched: Sequence[Place], *, revoice: bool) -> None:
    """Names the pages an edit touches and, on request, begins their new revisions, as far as the job store answers."""
    pages = list(touched)
    try:
        pages = await _living(services, touched)
        for at in pages if revoice else ():
            try:
                reply.revoiced += await _revoiced(services, [at])
            except QuotaExceeded as error:
                logger.info("Page %d of %s is not voiced again: %s", at[1], at[0], error)
    except Unavailable as error:
        logger.warning("Pages that an edit of a cast touches are not voiced again: %s", error)
    reply.touched = [TouchedPage(job_id=job_id, index=index) for job_id, index in pages]


async def _living(services: Services, pages: Sequence[Place]) -> list[Place]:
    """Those pages whose windows are still there and have them."""
    living: list[Place] = []
    for job_id, places in itertools.groupby(pages, key=lambda place: place[0]):
        try:
            state = await services.log.state(job_id)
        except JobNotFound:
            continue
        living += [(job_id, index) for _, index in places if state.pages[index].uploaded]
    return living


async def _revoiced(services: Services, pages: Sequence[Place]) -> list[TouchedPage]:
    """Begins a new revision of each page whose window still lives."""
    begun = []
    for job_id, index in pages:
        try:
            was_done = (await services.log.state(job_id)).done
            await services.log.commit(job_id, decisions.revise(index))
            await services.runner.ensure(job_id)
        except JobNotFound:
            continue
        if was_done:
            services.keeper.reopened(job_id)
        begun.append(TouchedPage(job_id=job_id, index=index))
    return begun


def _kept(found: tuple[SeriesCast, Member]) -> tuple[SeriesCast, tuple[SeriesCast, Member]]:
    return found[0], found


def _reply(cast: SeriesCast, series_id: str, base: str) -> CastReply:
    ranked = sorted(cast.members.values(), key=lambda member: (-member.lines, member.id))
    characters = [_character(cast, member.id, series_id, base) for member in ranked]
    return CastReply(series_id=series_id, characters=characters, pages=len(cast.pages))


def _character(cast: SeriesCast, member_id: int, series_id: str, base: str) -> CharacterReply:
    member = cast.members[member_id]
    face = f"{base}/v1/series/{quote(series_id, safe='')}/cast/{member.id}/face"
    return CharacterReply(
        id=member.id,
        label=member.label,
        name=member.name,
        voice=member.voices[0] if member.voices else None,
        chosen_voice=member.chosen_voice,
        mc=cast.mc == member.id,
        lines=member.lines,
        looks=[LookReply(number=k, seen=look.seen, from_bank=look.from_bank, of=look.of) for k, look in enumerate(member.looks)],
        face=face if member.portrait else None,
    )
