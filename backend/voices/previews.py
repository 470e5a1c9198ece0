"""How a voice sounds: one sentence in each of its languages, spoken once and stored. Built-in and registered voices alike."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor
from typing import Final

from backend.errors import InvalidRequest, NotFound, SpeechFailed, TanoshiError, Unavailable
from backend.flac import to_flac
from backend.storage import keys
from backend.storage.objects import Objects
from backend.synthesizers.base import Synthesizer, Utterance
from backend.voices.catalogue import Catalogue, ListedVoice
from backend.voices.manifest import VoiceManifest
from backend.voices.store import VoiceStore

SENTENCES: Final = {
    "ja": "こんにちは。これがわたしの声です。ページをめくると、お話が始まります。",
    "en": "Hello, this is my voice. Turn the page, and the story begins.",
}
MEDIA_TYPE: Final = "audio/flac"

logger = logging.getLogger(__name__)


class Previews:
    """Speaks and keeps previews. `workers` encodes them."""

    def __init__(
        self, objects: Objects, synthesizer: Synthesizer, catalogue: Catalogue, store: VoiceStore, workers: Executor
    ) -> None:
        self._objects = objects
        self._synthesizer = synthesizer
        self._catalogue = catalogue
        self._store = store
        self._workers = workers
        self._one_at_a_time = asyncio.Lock()

    async def get(self, client: str, listed: ListedVoice, lang: str | None = None) -> bytes:
        """FLAC; spoken now if it was not before.

        Raises:
            InvalidRequest: the voice does not speak that language.
            Unavailable: the synthesizer cannot speak it now.
        """
        lang = lang or listed.languages[0]
        if lang not in listed.languages or lang not in SENTENCES:
            raise InvalidRequest(f"This voice speaks {', '.join(listed.languages)}.", (("/lang", "is not one of its languages"),))
        key = self._key(client, listed, lang)
        async with self._one_at_a_time:  # a preview is heard rarely, and pages should not wait for ten of them
            try:
                return await self._objects.get(key)
            except NotFound:
                sound = await self._spoken(listed, lang)
                await self._objects.put(key, sound)
                return sound

    async def prepare(self, client: str, manifest: VoiceManifest) -> None:
        """Speaks a new voice's previews ahead; one that cannot be spoken now is tried again when somebody asks for it."""
        for lang in manifest.languages:
            try:
                await self.get(client, manifest.listed(), lang)
            except TanoshiError as error:
                logger.warning("No preview of %s in %s yet: %s", manifest.voice_id, lang, error)
        try:
            await self._store.manifest(client, manifest.voice_id)
        except NotFound:  # deleted while it was spoken
            await self._objects.delete_prefix(self._store.key(client, manifest.slug, "preview"))

    async def _spoken(self, listed: ListedVoice, lang: str) -> bytes:
        await self._synthesizer.load()
        [speech] = await self._synthesizer.speak([Utterance(text=SENTENCES[lang], lang=lang, voice=listed.voice)])
        if isinstance(speech, SpeechFailed):
            raise Unavailable("The preview of this voice could not be spoken.") from speech
        return await asyncio.get_running_loop().run_in_executor(self._workers, to_flac, speech.samples, speech.sample_rate)

    def _key(self, client: str, listed: ListedVoice, lang: str) -> str:
        """Under the voice, so that it goes with it; named by all it depends on, so that it is never an old one."""
        path = f"preview/{self._synthesizer.fingerprint}-{listed.voice.revision}-{lang}.flac"
        slug = listed.id.partition(":")[2]
        return keys.voice("builtin", slug, path) if listed.id in self._catalogue.builtin else self._store.key(client, slug, path)
