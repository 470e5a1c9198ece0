"""What was uploaded for voices, until it is checked, and the clips that become of it.

An upload is never given to an engine: what engines see was decoded and written anew here (`recordings.py`, `references.py`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Final

from backend.acoustics import Samples
from backend.errors import InvalidRequest, NotFound
from backend.synthesizers.base import ReferenceClip
from backend.voices.manifest import ENGINE, VoiceManifest
from backend.voices.recordings import SAMPLE_RATE, decode
from backend.voices.references import SPOKEN, Limits, PreparedReference, prepare_reference
from backend.voices.store import VoiceStore

TOGETHER_S: Final = 300.0
"""A recording that replaces another, and its words, come within so long."""
Transcribe = Callable[[Samples, int, str], str]
"""Writes down what is said in samples of a rate and a language; "" where nothing is. Called on a worker."""


class Uploads:
    """The parts of all voices that wait to be checked, and the check of a recording.

    Args:
        workers: decodes and checks recordings.
        transcribe: writes down recordings that come without a transcript; None: transcripts are required.
    """

    def __init__(self, store: VoiceStore, workers: Executor, transcribe: Transcribe | None = None) -> None:
        self._store = store
        self._workers = workers
        self._transcribe = transcribe

    @property
    def transcribes(self) -> bool:
        """Whether recordings may come without a transcript."""
        return self._transcribe is not None

    async def put(self, client: str, slug: str, part: str, data: bytes) -> VoiceManifest:
        """Keeps a part as it came. Raises NotFound: the voice is gone."""
        await self._store.objects.put(self._key(client, slug, part), data)
        at = self._store.clock()

        def put(voice: VoiceManifest) -> VoiceManifest:
            came = {"uploads": {**voice.uploads, part: len(data)}, "uploaded_at": {**voice.uploaded_at, part: at}}
            return voice.model_copy(update=came)

        try:
            return await self._store.update(client, slug, put)
        except NotFound:  # deleted while it came
            await self._store.objects.delete(self._key(client, slug, part))
            raise

    async def get(self, client: str, slug: str, part: str) -> bytes:
        """Raises NotFound: nothing of it waits."""
        return await self._store.objects.get(self._key(client, slug, part))

    async def drop(self, client: str, slug: str, parts: Sequence[str]) -> VoiceManifest:
        """Forgets parts. Raises NotFound: the voice is gone."""
        for part in parts:
            await self._store.objects.delete(self._key(client, slug, part))

        def dropped(voice: VoiceManifest) -> VoiceManifest:
            left = {name: size for name, size in voice.uploads.items() if name not in parts}
            return voice.model_copy(update={"uploads": left, "uploaded_at": {k: voice.uploaded_at.get(k, 0.0) for k in left}})

        return await self._store.update(client, slug, dropped)

    async def drop_stale(self, client: str, manifest: VoiceManifest, part: str) -> VoiceManifest:
        """Forgets a part that was left waiting, by a call that was repeated because its reply was lost: it is not for what comes now.

        Where recordings are written down, one waits for better words for as long as it takes.
        """
        late = manifest.uploaded_at.get(part, 0.0) < self._store.clock() - TOGETHER_S
        if part in manifest.uploads and late and not self.transcribes:
            return await self.drop(client, manifest.slug, [part])
        return manifest

    async def prepared(self, data: bytes, transcript: str | None, lang: str, limits: Limits = SPOKEN) -> PreparedReference:
        """The clip that becomes of a recording.

        Args:
            transcript: None: the recogniser writes it down.

        Raises:
            InvalidRequest: it cannot be cloned from, with the reason.
        """

        def prepare() -> PreparedReference:
            if transcript is not None or self._transcribe is None:
                return prepare_reference(data, transcript or "", limits)
            heard = self._transcribe(decode(data).samples, SAMPLE_RATE, lang)
            if not re.search(r"\w", heard):
                raise InvalidRequest("No words were heard in the recording; write down what is said and send that too.")
            return prepare_reference(data, heard, limits)

        return await asyncio.get_running_loop().run_in_executor(self._workers, prepare)

    async def kept(self, client: str, slug: str, prepared: PreparedReference, lang: str) -> ReferenceClip:
        """Stores a clip with its voice. Raises NotFound: the voice is gone, and the clip with it."""
        key = self._store.key(client, slug, f"clips/{prepared.content_hash}.flac")
        await self._store.objects.put(key, prepared.flac)
        try:
            await self._store.manifest(client, f"{ENGINE}:{slug}")
        except NotFound:  # deleted while it was checked
            await self._store.objects.delete(key)
            raise
        return ReferenceClip(key=key, transcript=prepared.transcript, lang=lang)

    def _key(self, client: str, slug: str, part: str) -> str:
        return self._store.key(client, slug, f"uploads/{part}")
