"""The voices one may name in a voice pack: list them, hear them, bring one's own.

Registered voices belong to the API key that made them; on an installation without keys they belong to everybody who uses it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.api.clients import ClientIn, public_base
from backend.api.event_stream import EventStream
from backend.api.examples import VOICE_EVENTS
from backend.api.pages import read_body
from backend.api.replies import bytes_body, bytes_reply, problems, stream_reply
from backend.api.services import Services, ServicesIn
from backend.api.stream import StreamLimits
from backend.api.voice_stream import VoiceScript
from backend.errors import Conflict, InvalidRequest, NotFound, QuotaExceeded, Unauthorized, UploadTooLarge
from backend.synthesizers.base import Style
from backend.voices.catalogue import ListedVoice
from backend.voices.manifest import VoiceManifest, VoiceMode, VoiceStatus
from backend.voices.parts import MANNERS, REFERENCE, TRANSCRIPT, TRANSCRIPTS, is_text, reference_of, transcript_of
from backend.voices.previews import MEDIA_TYPE
from backend.voices.recordings import MAX_BYTES
from backend.voices.registration import NewVoice

router = APIRouter(prefix="/v1/voices", tags=["voices"])

VoiceId = Annotated[str, Path(pattern=r"^[a-z0-9]{1,20}:[a-z0-9-]{1,64}$", description="For example sovits:narrator-v1.")]
Part = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="A part of the upload plan.")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

MAX_TEXT_BYTES: Final = 1_000_000
AUDIO_TYPES: Final = ["audio/wav", "audio/flac", "audio/mpeg", "audio/mp4"]
_OF_ONE: Final = problems(Unauthorized, NotFound, InvalidRequest)


class ConsentRequest(BaseModel):
    """That the speaker agrees. Without it no voice is cloned."""

    statement: Annotated[Text, Field(max_length=2000)] = Field(description="What the speaker agrees to, in their words.")
    by: Annotated[Text, Field(max_length=200)] = Field(description="Who says so.")


class RegisterRequest(BaseModel):
    """Body of POST /v1/voices/register."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "Aki",
                "mode": "zero_shot",
                "lang_hint": "ja",
                "consent": {"statement": "My voice may be cloned for reading manga aloud.", "by": "Aki Mori"},
                "transcript": "今日はいい天気ですね。",
            }
        }
    )

    name: Annotated[Text, Field(max_length=100)]
    engine: Literal["sovits"] = "sovits"
    mode: VoiceMode = VoiceMode.ZERO_SHOT
    lang_hint: Literal["ja", "en"] = Field(default="ja", description="Language of the recordings.")
    consent: ConsentRequest
    transcript: Annotated[Text, Field(max_length=2000)] | None = Field(
        default=None, description="What is said in the reference of a zero_shot voice; may be uploaded instead."
    )


class UploadPart(BaseModel):
    name: str
    put_url: str
    content_types: list[str]
    max_bytes: int
    required: bool = True


class VoiceUpload(BaseModel):
    """What to PUT where. `{name}` stands for the clip's own file name."""

    mode: Literal["direct"] = "direct"
    parts: list[UploadPart]


class VoiceReply(BaseModel):
    """One voice; absent keys have no value."""

    voice_id: str
    name: str
    engine: str = "sovits"
    mode: Literal["builtin", "zero_shot", "few_shot"]
    status: VoiceStatus
    reason: str | None = Field(default=None, description="Why it failed.")
    description: str | None = None
    languages: list[str]
    sample_rate: int
    cloned: bool | None = Field(default=None, description="False: this synthesizer cannot clone, `sounds_like` speaks instead.")
    sounds_like: str | None = Field(default=None, description="The built-in voice nearest in pitch and brightness.")
    styles: list[Style] | None = Field(
        default=None,
        description="Manners it has recordings for, for lines that are printed so; a synthesizer that cannot clone speaks all alike.",
    )
    trained: bool | None = None
    preview: str = Field(description="Where it can be heard; 409 until it has a recording.")
    status_sse: str | None = None


class RegisterReply(VoiceReply):
    """Reply of POST /v1/voices/register."""

    upload: VoiceUpload


class VoiceList(BaseModel):
    voices: list[VoiceReply]


@router.get(
    "",
    response_model=VoiceList,
    response_model_exclude_none=True,
    summary="All voices",
    responses=problems(Unauthorized, InvalidRequest),
)
async def list_voices(request: Request, services: ServicesIn, client: ClientIn) -> VoiceList:
    """Built-in voices first, then one's own."""
    base = public_base(request, services.settings)
    builtin = [_builtin(listed, services, base) for listed in services.catalogue.builtin.values()]
    own = [VoiceReply(**_registered(manifest, services, base)) for manifest in await services.voices.store.manifests(client)]
    return VoiceList(voices=builtin + own)


@router.post(
    "/register",
    status_code=201,
    response_model=RegisterReply,
    response_model_exclude_none=True,
    summary="Bring a voice",
    responses=problems(Unauthorized, Conflict, QuotaExceeded),
)
async def register(body: RegisterRequest, request: Request, services: ServicesIn, client: ClientIn) -> RegisterReply:
    """Reserves the id and says what to upload. A voice is cloned only with the speaker's consent, which is kept with it."""
    wanted = NewVoice(body.name, body.mode, body.lang_hint, body.consent.statement, body.consent.by, body.transcript)
    manifest = await services.voices.registration.register(client, wanted)
    base = public_base(request, services.settings)
    return RegisterReply(
        **_registered(manifest, services, base), upload=_plan(manifest, base, services.voices.registration.transcribes)
    )


@router.get("/{voice_id}", response_model=VoiceReply, response_model_exclude_none=True, summary="One voice", responses=_OF_ONE)
async def get_voice(voice_id: VoiceId, request: Request, services: ServicesIn, client: ClientIn) -> VoiceReply:
    """What it is called, which languages it speaks, and how far it is when it is one's own."""
    base = public_base(request, services.settings)
    if (listed := services.catalogue.builtin.get(voice_id)) is not None:
        return _builtin(listed, services, base)
    return VoiceReply(**_registered(await services.voices.store.manifest(client, voice_id), services, base))


@router.put(
    "/{voice_id}/upload/{part}",
    response_model=VoiceReply,
    response_model_exclude_none=True,
    summary="Upload a part of a voice",
    responses=problems(Unauthorized, NotFound, Conflict, UploadTooLarge, InvalidRequest, QuotaExceeded),
    openapi_extra=bytes_body("The part as it is, at most max_bytes of the plan.", [*AUDIO_TYPES, "text/plain"]),
)
async def put_part(voice_id: VoiceId, part: Part, request: Request, services: ServicesIn, client: ClientIn) -> VoiceReply:
    """With the last missing part the recordings are checked; a reference that cannot be used is refused here with the reason."""
    _require_own(voice_id, services)
    manifest = await services.voices.store.manifest(client, voice_id)
    data = await read_body(request, MAX_TEXT_BYTES if is_text(manifest, part) else MAX_BYTES)
    if not data:
        raise InvalidRequest("The upload has no bytes.")
    manifest = await services.voices.registration.put(client, voice_id, part, data)
    return VoiceReply(**_registered(manifest, services, public_base(request, services.settings)))


@router.delete(
    "/{voice_id}/upload/{part}",
    status_code=204,
    summary="Take a style of a voice away",
    responses=problems(Unauthorized, NotFound, Conflict),
)
async def delete_part(voice_id: VoiceId, part: Part, services: ServicesIn, client: ClientIn) -> None:
    """`reference-shout`, `reference-whisper` or `reference-sad`: the recording is removed, and the voice is as it was without."""
    _require_own(voice_id, services)
    await services.voices.manners.take_away(client, voice_id, part)


@router.post(
    "/{voice_id}/train",
    status_code=202,
    response_model=VoiceReply,
    response_model_exclude_none=True,
    summary="Train a few_shot voice",
    responses=problems(Unauthorized, NotFound, Conflict, InvalidRequest, QuotaExceeded),
)
async def train(voice_id: VoiceId, request: Request, services: ServicesIn, client: ClientIn) -> VoiceReply:
    """Begins the training; the voice's events tell how far it is."""
    _require_own(voice_id, services)
    manifest = await services.voices.trainings.begin(client, voice_id)
    return VoiceReply(**_registered(manifest, services, public_base(request, services.settings)))


@router.get(
    "/{voice_id}/preview",
    summary="Hear a voice",
    response_class=Response,
    responses=problems(Unauthorized, NotFound, Conflict) | {200: bytes_reply("The sentence", MEDIA_TYPE)},
)
async def preview(
    voice_id: VoiceId,
    services: ServicesIn,
    client: ClientIn,
    lang: Annotated[str | None, Query(pattern=r"^[a-z]{2}$", description="One of the voice's languages.")] = None,
) -> Response:
    """One sentence, as FLAC."""
    listed = services.catalogue.builtin.get(voice_id)
    if listed is None:
        manifest = await services.voices.store.manifest(client, voice_id)
        if not manifest.speakable:
            raise Conflict("This voice has no recordings yet that one could hear it from.")
        listed = manifest.listed()
    sound = await services.voices.previews.get(client, listed, lang)
    return Response(sound, media_type=MEDIA_TYPE, headers={"Cache-Control": "private, max-age=300"})


@router.delete("/{voice_id}", status_code=204, summary="Delete a voice", responses=problems(Unauthorized, NotFound, Conflict))
async def delete(voice_id: VoiceId, services: ServicesIn, client: ClientIn) -> None:
    """Removes the recordings and everything made from them; windows that named the voice go on in the default voices."""
    _require_own(voice_id, services)
    await services.voices.delete(client, voice_id)


@router.get(
    "/{voice_id}/events",
    summary="Server-sent events of a voice",
    response_class=Response,
    responses=problems(Unauthorized, NotFound, Conflict)
    | {200: stream_reply("voice_status {voice_id, status, detail?, progress?}", VOICE_EVENTS)},
)
async def events(
    voice_id: VoiceId,
    services: ServicesIn,
    client: ClientIn,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> Response:
    """What has happened to it, then what happens; ends when the voice is deleted, and some seconds after it is ready or has failed."""
    _require_own(voice_id, services)
    await services.voices.store.manifest(client, voice_id)
    after = int(last_event_id) if last_event_id and last_event_id.isdecimal() and len(last_event_id) < 10 else 0
    settings = services.settings
    happened = services.voices.store.follow(client, voice_id, after)
    limits = StreamLimits(settings.stream_max_age_seconds, settings.stream_linger_seconds)
    return EventStream(VoiceScript(happened, voice_id, limits), services.streams)


def _require_own(voice_id: str, services: Services) -> None:
    if voice_id in services.catalogue.builtin:
        raise Conflict("This is a built-in voice; it is always there as it is.")


def _plan(manifest: VoiceManifest, base: str, transcribes: bool) -> VoiceUpload:
    place = f"{base}/v1/voices/{manifest.voice_id}/upload"

    def text_part(name: str, required: bool) -> UploadPart:
        return UploadPart(
            name=name, put_url=f"{place}/{name}", content_types=["text/plain"], max_bytes=MAX_TEXT_BYTES, required=required
        )

    def audio_part(name: str, required: bool) -> UploadPart:
        return UploadPart(name=name, put_url=f"{place}/{name}", content_types=AUDIO_TYPES, max_bytes=MAX_BYTES, required=required)

    if manifest.mode is VoiceMode.FEW_SHOT:
        return VoiceUpload(parts=[audio_part("{name}", True), text_part(TRANSCRIPTS, True)])
    manners = [
        part for style in MANNERS for part in (text_part(transcript_of(style), False), audio_part(reference_of(style), False))
    ]
    needed = [text_part(TRANSCRIPT, manifest.transcript is None and not transcribes), audio_part(REFERENCE, True)]
    return VoiceUpload(parts=needed + manners)


def _builtin(listed: ListedVoice, services: Services, base: str) -> VoiceReply:
    return VoiceReply(
        voice_id=listed.id,
        name=listed.id.partition(":")[2],
        mode="builtin",
        status=VoiceStatus.READY,
        description=listed.description,
        languages=list(listed.languages),
        sample_rate=services.synthesizer.sample_rate,
        preview=f"{base}/v1/voices/{listed.id}/preview",
    )


def _registered(manifest: VoiceManifest, services: Services, base: str) -> dict[str, Any]:
    """Fields of a reply about an owner's voice."""
    place = f"{base}/v1/voices/{manifest.voice_id}"
    stand_in = services.voices.stand_in(manifest.voice()) if manifest.speakable else None
    return {
        "voice_id": manifest.voice_id,
        "name": manifest.name,
        "mode": manifest.mode,
        "status": manifest.status,
        "reason": manifest.reason,
        "languages": list(manifest.languages),
        "sample_rate": services.synthesizer.sample_rate,
        "cloned": stand_in is None if manifest.speakable else None,
        "sounds_like": stand_in,
        "styles": list(manifest.offered) or None,
        "trained": manifest.checkpoint is not None if manifest.mode is VoiceMode.FEW_SHOT else None,
        "preview": f"{place}/preview",
        "status_sse": f"{place}/events",
    }
