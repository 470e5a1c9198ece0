"""Where registered voices are kept and found: manifests by owner and slug, changed by compare-and-set, and told to who follows.

voices/{owner}/{slug}/manifest/{version}.json   what is known
voices/{owner}/{slug}/uploads/{part}            as uploaded, until it is checked
voices/{owner}/{slug}/clips/{sha256}.flac       checked: mono, 3 to 10 s
voices/{owner}/{slug}/preview/...               see `previews.py`
cache/utterances/voices/{owner}/{slug}/...      lines it has spoken; they go with it
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from typing import Final

from backend.errors import Conflict, NotFound, Unavailable
from backend.series.store import ObjectSeriesStore
from backend.storage import keys
from backend.storage.objects import Objects
from backend.voices.catalogue import ListedVoice
from backend.voices.manifest import ENGINE, VoiceEvent, VoiceManifest, VoiceStatus
from backend.voices.owners import Owners

CACHED_S: Final = 5.0
"""Another process hears of a new voice after so long."""
POLL_S: Final = 1.0
MOST_ATTEMPTS: Final = 50

Change = Callable[[VoiceManifest], VoiceManifest]


class VoiceStore:
    """The registered voices of all owners. Every method takes the client's identity; `owners` says whose voices those are."""

    def __init__(self, objects: Objects, owners: Owners, *, clock: Callable[[], float] = time.time) -> None:
        self.objects = objects
        self.clock = clock
        self._owners = owners
        self.documents = ObjectSeriesStore(objects)
        self._ready: dict[str, tuple[float, dict[str, ListedVoice]]] = {}
        self._changed = asyncio.Condition()

    def owner_of(self, client: str) -> str:
        """[A-Za-z0-9_-]+; see `owners.py`."""
        return self._owners.of(client)

    def key(self, client: str, slug: str, path: str) -> str:
        """Key of something of a voice; `path` is relative to it."""
        return keys.voice(self.owner_of(client), slug, path)

    async def manifests(self, client: str) -> list[VoiceManifest]:
        """All voices of an owner, oldest first."""
        prefix = keys.voice_prefix(self.owner_of(client))
        slugs = {key.removeprefix(f"{prefix}/").split("/")[0] async for key in self.objects.keys(prefix)}
        found = [manifest for slug in sorted(slugs) if (manifest := (await self._load(client, slug))[1]) is not None]
        return sorted(found, key=lambda manifest: (manifest.created_at, manifest.slug))

    async def manifest(self, client: str, voice_id: str) -> VoiceManifest:
        """Raises NotFound."""
        engine, _, slug = voice_id.partition(":")
        if engine == ENGINE and re.fullmatch(r"[a-z0-9-]{1,64}", slug):
            manifest = (await self._load(client, slug))[1]
            if manifest is not None:
                return manifest
        raise NotFound("You have no voice with that id.")

    async def ready_voices(self, owner: str) -> Mapping[str, ListedVoice]:
        """Those that can be spoken with; implements `catalogue.RegisteredVoices`."""
        owned = self.owner_of(owner)
        until, known = self._ready.get(owned, (0.0, {}))
        if time.monotonic() >= until:
            manifests = await self.manifests(owner)
            known = {manifest.voice_id: manifest.listed() for manifest in manifests if manifest.speakable}
            self._ready[owned] = (time.monotonic() + CACHED_S, known)
        return known

    async def look_up(self, owner: str, voice_id: str) -> ListedVoice | str | None:
        """One of the owner's voices as known now, or why it cannot be spoken with; implements `catalogue.RegisteredVoices`."""
        try:
            manifest = await self.manifest(owner, voice_id)
        except NotFound:
            return None
        if manifest.speakable:
            self._ready.pop(
                self.owner_of(owner), None
            )  # what was known is old: whoever asks for all of them next, finds this one, too
            return manifest.listed()
        if manifest.status is VoiceStatus.FAILED:
            return f"This voice of yours has failed: {manifest.reason}"
        return f"This voice of yours is not ready yet: {manifest.status.replace('_', ' ')}."

    async def follow(self, client: str, voice_id: str, after: int = 0) -> AsyncGenerator[VoiceEvent, None]:
        """Its events behind `after`, then what happens, until the voice is gone. Close the iterator to end it."""
        while True:
            try:
                manifest = await self.manifest(client, voice_id)
            except NotFound:
                return
            for event in manifest.events:
                if event.seq > after:
                    after = event.seq
                    yield event
            with suppress(TimeoutError):  # other processes do not wake us
                async with asyncio.timeout(POLL_S), self._changed:
                    await self._changed.wait()

    async def add(self, client: str, manifest: VoiceManifest) -> None:
        """Raises Conflict when the owner has a voice of that name."""
        version, existing = await self._load(client, manifest.slug)
        place = self.key(client, manifest.slug, "manifest")
        if existing is not None or not await self.documents.replace(place, version, _encoded(manifest)):
            raise Conflict("You have a voice of that name; delete it first or choose another.")
        await self._tell(client)

    async def update(self, client: str, slug: str, change: Change) -> VoiceManifest:
        """Changes a voice; `change` may be called again when another process was faster.

        Raises:
            NotFound: the voice is gone.
        """
        for _ in range(MOST_ATTEMPTS):
            version, manifest = await self._load(client, slug)
            if manifest is None:
                raise NotFound("You have no voice with that id.")
            after = change(manifest)
            if after == manifest:
                return after
            if await self.documents.replace(self.key(client, slug, "manifest"), version, _encoded(after)):
                await self._tell(client)
                return after
        raise Unavailable("This voice is being changed by too many at once.")

    async def move(
        self, client: str, slug: str, status: VoiceStatus, detail: str | None = None, progress: float | None = None
    ) -> VoiceManifest:
        """The next step of a voice's life. Raises NotFound."""
        now = self.clock()
        return await self.update(client, slug, lambda manifest: manifest.moved(status, now, detail=detail, progress=progress))

    async def tell(self, client: str, slug: str, detail: str) -> VoiceManifest:
        """Says something about a voice that changes nothing of it. Raises NotFound."""
        now = self.clock()
        return await self.update(client, slug, lambda manifest: manifest.told(now, detail))

    async def remove(self, client: str, slug: str) -> None:
        """Removes a voice with everything that was uploaded for it or made from it; lines it is speaking now see that it is gone."""
        await self.documents.delete(self.key(client, slug, "manifest"))
        for folder in ("uploads", "clips", "preview"):
            await self.objects.delete_prefix(self.key(client, slug, folder))
        await self.objects.delete_prefix(keys.speech_of_voice(self.owner_of(client), slug))
        await self._tell(client)

    async def _load(self, client: str, slug: str) -> tuple[int, VoiceManifest | None]:
        version, data = await self.documents.load(self.key(client, slug, "manifest"))
        return version, VoiceManifest.model_validate_json(data).as_of(self.clock()) if data else None

    async def _tell(self, client: str) -> None:
        self._ready.pop(self.owner_of(client), None)
        async with self._changed:
            self._changed.notify_all()


def _encoded(manifest: VoiceManifest) -> bytes:
    return manifest.model_dump_json().encode()
