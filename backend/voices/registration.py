"""How a voice comes to be: registered with consent, uploaded in parts, checked.

A zero-shot voice is checked while its last part is uploaded, so that the uploader is told at once; the clips of a few-shot voice are
checked behind it. Manners that a zero-shot voice offers besides are taken by `manners.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from backend.errors import Conflict, InvalidRequest, NotFound, QuotaExceeded, TanoshiError
from backend.synthesizers.base import ReferenceClip
from backend.voices.builtin import BUILTIN_VOICES
from backend.voices.manifest import ENGINE, Consent, TrainingClip, VoiceManifest, VoiceMode, VoiceStatus, shown_name, slug_of
from backend.voices.manners import Manners
from backend.voices.parts import REFERENCE, TRANSCRIPT, TRANSCRIPTS, manner_of, require_part, transcript_from, transcripts_from
from backend.voices.references import PreparedReference
from backend.voices.store import VoiceStore
from backend.voices.uploads import Uploads

MOST_VOICES: Final = 30
"""Registered voices an owner may have."""
CLIPS_A_WORD: Final = 20
"""After so many checked clips it is told how far the check is."""
MOST_NAMED: Final = 5
"""Missing clips that an event names."""
LEAST_CLIPS, LEAST_TRAINING_S = 5, 30.0
"""What a few-shot voice needs of good clips."""

WhenReady = Callable[[str, VoiceManifest], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class NewVoice:
    """What a registration asks for."""

    name: str
    mode: VoiceMode
    lang: str
    consent_statement: str
    consent_by: str
    transcript: str | None = None


class Registration:
    """The desk where voices are brought; close with `aclose`.

    Args:
        when_ready: is told client and voice behind each reply that made a voice ready; its errors are its own affair.
    """

    def __init__(self, store: VoiceStore, uploads: Uploads, manners: Manners, when_ready: WhenReady) -> None:
        self._store = store
        self._uploads = uploads
        self._manners = manners
        self._when_ready = when_ready
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def transcribes(self) -> bool:
        """Whether recordings may come without a transcript."""
        return self._uploads.transcribes

    async def register(self, client: str, wanted: NewVoice) -> VoiceManifest:
        """A new voice that waits for its upload.

        Raises:
            InvalidRequest: a name nothing can be made of.
            Conflict: the owner, or the service, has a voice of that name.
            QuotaExceeded: the owner has as many voices as one may have.
        """
        name = shown_name(wanted.name)
        slug = slug_of(name)
        if f"{ENGINE}:{slug}" in BUILTIN_VOICES:
            raise Conflict("A built-in voice has that name; choose another.")
        if len(await self._store.manifests(client)) >= MOST_VOICES:
            raise _enough_voices()
        now = self._store.clock()
        manifest = VoiceManifest(
            slug=slug,
            name=name,
            mode=wanted.mode,
            lang=wanted.lang,
            consent=Consent(statement=wanted.consent_statement, by=wanted.consent_by, at=now),
            transcript=wanted.transcript,
            created_at=now,
        ).moved(VoiceStatus.AWAITING_UPLOAD, now)
        await self._store.add(client, manifest)
        if len(await self._store.manifests(client)) > MOST_VOICES:  # others came at the same time
            await self._store.remove(client, slug)
            raise _enough_voices()
        return manifest

    async def put(self, client: str, voice_id: str, part: str, data: bytes) -> VoiceManifest:
        """Takes one part of the upload; checks the voice when it is the last that was missing.

        Args:
            part: see `parts.py`.

        Raises:
            NotFound, Conflict: no such voice or part; the voice is being trained.
            InvalidRequest: what was sent cannot be used; the voice is `failed` with that reason, and may be uploaded again. Of a manner:
                the voice is as it was.
            QuotaExceeded: more clips than a voice may have.
        """
        manifest = await self._store.manifest(client, voice_id)
        if manifest.status is VoiceStatus.TRAINING:
            raise Conflict("This voice is being trained; upload when that has ended.")
        if manifest.status is VoiceStatus.CHECKING and manifest.mode is VoiceMode.FEW_SHOT:
            raise Conflict("The clips of this voice are being checked; upload when that has ended.")
        require_part(manifest, part)
        if manner_of(manifest, part) is not None:
            return await self._manners.put(client, manifest, part, data)
        slug = manifest.slug
        if part == TRANSCRIPT:
            text = transcript_from(data)
            if manifest.speakable:
                manifest = await self._uploads.drop_stale(client, manifest, REFERENCE)
            manifest = await self._store.update(client, slug, lambda now: now.model_copy(update={"transcript": text}))
        else:
            manifest = await self._uploads.put(client, slug, part, data)
        if manifest.mode is VoiceMode.FEW_SHOT:
            return await self._check_clips_when_complete(client, manifest, part)
        if REFERENCE not in manifest.uploads:
            return await self._waiting(client, manifest, REFERENCE)
        if manifest.transcript is None and not self.transcribes:
            return await self._waiting(client, manifest, TRANSCRIPT)
        return await self._check_reference(client, manifest)

    async def aclose(self) -> None:
        """Ends checks that are still running; the next upload begins them again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _waiting(self, client: str, manifest: VoiceManifest, missing: str | None = None) -> VoiceManifest:
        if manifest.status is VoiceStatus.FAILED:
            return await self._store.move(client, manifest.slug, VoiceStatus.AWAITING_UPLOAD)
        if manifest.status is VoiceStatus.READY and missing:
            return await self._store.tell(client, manifest.slug, f"Still to be uploaded to replace the recording: {missing}.")
        return manifest

    async def _check_reference(self, client: str, manifest: VoiceManifest) -> VoiceManifest:
        slug = manifest.slug
        await self._store.move(client, slug, VoiceStatus.CHECKING)
        try:
            data = await self._uploads.get(client, slug, REFERENCE)
            prepared = await self._uploads.prepared(data, manifest.transcript, manifest.lang)
            clip = await self._uploads.kept(client, slug, prepared, manifest.lang)
        except NotFound:  # sent twice at once, and the other call's check has taken it
            made = (await self._store.manifest(client, manifest.voice_id)).speakable
            return await self._store.move(client, slug, VoiceStatus.READY if made else VoiceStatus.AWAITING_UPLOAD)
        except InvalidRequest as error:
            await self._uploads.drop(client, slug, [REFERENCE])
            await self._store.move(client, slug, VoiceStatus.FAILED, detail=error.detail)
            raise
        if manifest.transcript is None:  # the upload stays, for a transcript that comes later and knows better
            return await self._accept(client, slug, clip, prepared, f"Heard as: {prepared.transcript[:200]}")
        await self._uploads.drop(client, slug, [REFERENCE])
        return await self._accept(client, slug, clip, prepared, words=manifest.transcript)

    async def _check_clips_when_complete(self, client: str, manifest: VoiceManifest, part: str) -> VoiceManifest:
        slug = manifest.slug
        if TRANSCRIPTS not in manifest.uploads:
            return await self._waiting(client, manifest)
        try:
            lines = await self._uploads.get(client, slug, TRANSCRIPTS)
            texts = transcripts_from(lines, text_required=not self.transcribes)
        except InvalidRequest as error:
            await self._uploads.drop(client, slug, [TRANSCRIPTS])
            await self._store.move(client, slug, VoiceStatus.FAILED, detail=error.detail)
            raise
        if missing := sorted(texts.keys() - manifest.uploads.keys()):
            if part == TRANSCRIPTS:  # said once, so that a misspelt name is noticed
                more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
                detail = f"Still to be uploaded: {', '.join(missing[:MOST_NAMED])}{more}."
                return await self._store.move(client, slug, VoiceStatus.AWAITING_UPLOAD, detail)
            return await self._waiting(client, manifest)
        moved = await self._store.move(client, slug, VoiceStatus.CHECKING)
        self._begin(self._check_clips(client, slug, texts))
        return moved

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _check_clips(self, client: str, slug: str, texts: Mapping[str, str | None]) -> None:
        """Some seconds to a minute; clips that are not good enough are left out and named."""
        try:
            good: list[tuple[TrainingClip, PreparedReference]] = []
            refused: list[str] = []
            lang = (await self._store.manifest(client, f"{ENGINE}:{slug}")).lang
            for number, (name, text) in enumerate(texts.items()):
                if number and number % CLIPS_A_WORD == 0:
                    told = f"{number} of {len(texts)} clips are checked."
                    await self._store.move(client, slug, VoiceStatus.CHECKING, told, number / len(texts))
                try:
                    data = await self._uploads.get(client, slug, name)
                    prepared = await self._uploads.prepared(data, text, lang)
                    clip = await self._uploads.kept(client, slug, prepared, lang)
                    good.append((TrainingClip(clip=clip, duration_s=prepared.duration_s), prepared))
                except (InvalidRequest, NotFound) as error:
                    refused.append(f"{name}: {error.detail}")
            await self._uploads.drop(client, slug, [*texts, TRANSCRIPTS])
            total_s = sum(clip.duration_s for clip, _ in good)
            left_out = f"{len(refused)} clips were left out. {' '.join(refused[:5])}" if refused else None
            if len(good) < LEAST_CLIPS or total_s < LEAST_TRAINING_S:
                problem = (
                    f"{len(good)} clips with {total_s:.0f} s of speech are good enough; at least {LEAST_CLIPS} clips and "
                    f"{LEAST_TRAINING_S:.0f} s are needed. {left_out or ''}"
                )
                await self._store.move(client, slug, VoiceStatus.FAILED, detail=problem.strip())
                return
            best, prepared = max(good, key=lambda item: item[0].duration_s)
            clips = tuple(clip for clip, _ in good)
            await self._store.update(client, slug, lambda now: now.model_copy(update={"clips": clips}))
            await self._accept(client, slug, best.clip, prepared, left_out)
        except NotFound:
            return  # the voice was deleted meanwhile
        except TanoshiError as error:
            await self._store.move(client, slug, VoiceStatus.FAILED, detail=error.detail)

    async def _accept(
        self,
        client: str,
        slug: str,
        clip: ReferenceClip,
        prepared: PreparedReference,
        detail: str | None = None,
        *,
        words: str | None = None,
    ) -> VoiceManifest:
        """`words`: the transcript that was given; it is the clip's now, and not that of a recording which comes later."""
        found: dict[str, Any] = {"reference": clip, "pitch_hz": prepared.pitch_hz, "brightness_hz": prepared.brightness_hz}
        now = self._store.clock()

        def accepted(voice: VoiceManifest) -> VoiceManifest:
            given = {"transcript": None} if voice.transcript == words else {}  # else others have come meanwhile
            return voice.speaking_from(None).model_copy(update=found | given).moved(VoiceStatus.READY, now, detail=detail)

        manifest = await self._store.update(client, slug, accepted)
        self._begin(self._when_ready(client, manifest))
        return manifest


def _enough_voices() -> QuotaExceeded:
    return QuotaExceeded(f"You may have {MOST_VOICES} voices; delete one first.", retry_after_s=60)
