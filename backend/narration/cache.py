"""Work addressed by content: readings under the page's hash, utterances under everything their sound depends on.

Doing a thing twice is a hit: retries, preemption, a second reader of the same chapter and a re-read become cheap for the same reason.
Only whole results are kept, never a failure. A cache that does not answer costs time, not the page: it is logged and passed by.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress

from pydantic import ValidationError

from backend.errors import ReadingFailed, SpeechFailed, Unavailable
from backend.flac import BadFlac, from_flac, to_flac
from backend.readers.base import PageReader, Reading, ReadOptions
from backend.storage import keys
from backend.storage.objects import Objects
from backend.synthesizers.base import Speech, Synthesizer, Utterance

logger = logging.getLogger(__name__)


Fresh = dict[str, Speech]
"""Lines spoken just now, by the place the cache has for them."""


def reading_key(fingerprint: str, page_sha256: str, options: ReadOptions) -> str:
    """Key of a reading: the page's bytes, the book's options and the reader that read them."""
    identity = f"{page_sha256}\0{options.model_dump_json()}"
    return keys.reading(fingerprint, hashlib.sha256(identity.encode()).hexdigest())


def utterance_key(fingerprint: str, utterance: Utterance) -> str:
    """Key of a spoken line: voice and its revision, text and how its words are said, prosody, and the synthesizer that spoke it.

    Lines of a registered voice lie together, so that they can be deleted with it.
    """
    voice = utterance.voice
    identity = [voice.id, voice.revision, utterance.text, utterance.lang, f"{utterance.speed:.3f}", utterance.style]
    identity += [said.model_dump_json() for said in utterance.pronunciations]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    owner = _registered(utterance)
    return keys.utterance_of_voice(*owner, fingerprint, digest) if owner else keys.utterance(fingerprint, digest)


def _registered(utterance: Utterance) -> tuple[str, str] | None:
    """Owner and slug of the voice, if somebody brought it."""
    return next((found for clip in utterance.voice.references.values() if (found := keys.voice_of_clip(clip.key))), None)


class CachedReader:
    """A page reader with a memory. `read` takes (sha256 of the bytes, bytes) pairs."""

    def __init__(self, reader: PageReader, objects: Objects) -> None:
        self._reader = reader
        self._objects = objects

    async def read(
        self, pages: Sequence[tuple[str, bytes]], options: ReadOptions, begun: Callable[[], Awaitable[None]]
    ) -> list[Reading | ReadingFailed]:
        """One result a page, in order; only pages that are not known are given to the engine, in one call.

        Args:
            begun: called when reading begins, which is not before the engine is loaded.
        """
        places = [reading_key(self._reader.fingerprint, sha256, options) for sha256, _ in pages]
        known = await asyncio.gather(*(self._find(place) for place in places))
        missing = [k for k, reading in enumerate(known) if reading is None]
        results: list[Reading | ReadingFailed | None] = list(known)
        if missing:
            await self._reader.load()
        await begun()
        if missing:
            fresh = await self._reader.read([pages[k][1] for k in missing], options)
            for k, result in zip(missing, fresh, strict=True):
                results[k] = result
                if isinstance(result, Reading):
                    await leave_trace(self._objects, pages[k][0], [places[k]])
                    await _keep(self._objects, places[k], result.model_dump_json().encode())
        return [result for result in results if result is not None]

    async def _find(self, place: str) -> Reading | None:
        data = await _look(self._objects, place)
        if data is None:
            return None
        try:
            return Reading.model_validate_json(data)
        except ValidationError:
            logger.warning("A cached reading does not fit and is read anew: %s", place)
            return None


class CachedSynthesizer:
    """A synthesizer with a memory; FLAC coding runs on `workers`."""

    def __init__(self, synthesizer: Synthesizer, objects: Objects, workers: Executor) -> None:
        self._synthesizer = synthesizer
        self._objects = objects
        self._workers = workers
        self.sample_rate = synthesizer.sample_rate

    async def speak(self, utterances: Sequence[Utterance]) -> tuple[list[Speech | SpeechFailed], Fresh]:
        """One result a line, in order, and those that were not known before, for `keep`. Equal lines are spoken once."""
        places = self.places(utterances)
        known: dict[str, Speech | SpeechFailed] = {}
        for place, speech in zip(places, await asyncio.gather(*(self._find(place) for place in places)), strict=True):
            if speech is not None:
                known[place] = speech
        missing = {place: utterance for place, utterance in zip(places, utterances, strict=True) if place not in known}
        if missing:
            await self._synthesizer.load()
            fresh = await self._synthesizer.speak(list(missing.values()))
            known.update(zip(missing, fresh, strict=True))
        results = [known[place] for place in places]
        return results, {place: result for place in missing if isinstance(result := known[place], Speech)}

    async def keep(self, fresh: Fresh) -> None:
        """Remembers lines. Apart from `speak`, so that nobody waits for it who waits for the sound."""
        await asyncio.gather(*(self._keep(place, speech) for place, speech in fresh.items()))
        for owner, slug in {found for place in fresh if (found := keys.voice_of_speech(place))}:
            await self._drop_if_deleted(owner, slug)

    def places(self, utterances: Sequence[Utterance]) -> list[str]:
        """Where the cache keeps these lines."""
        return [utterance_key(self._synthesizer.fingerprint, utterance) for utterance in utterances]

    async def _drop_if_deleted(self, owner: str, slug: str) -> None:
        """A voice that was deleted while it spoke leaves no line behind: its recordings go first, then its lines."""
        try:
            async for _ in self._objects.keys(keys.voice(owner, slug, "clips")):
                return
            await self._objects.delete_prefix(keys.speech_of_voice(owner, slug))
        except Unavailable as error:
            logger.warning("Whether a voice is still there cannot be told (%s).", error)

    async def _find(self, place: str) -> Speech | None:
        data = await _look(self._objects, place)
        if data is None:
            return None
        try:
            samples, sample_rate = await asyncio.get_running_loop().run_in_executor(self._workers, from_flac, data)
        except BadFlac:
            logger.warning("A cached utterance does not decode and is spoken anew: %s", place)
            return None
        return Speech(samples, sample_rate)

    async def _keep(self, place: str, speech: Speech) -> None:
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(self._workers, to_flac, speech.samples, speech.sample_rate)
        await _keep(self._objects, place, data)


async def leave_trace(objects: Objects, page_sha256: str, places: Sequence[str]) -> None:
    """Notes that `places` of the cache come from a page, so that the page can be forgotten with all that was made of it.

    Before they are filled: who is interrupted between the two leaves nothing behind that nobody could find.
    """
    note = json.dumps(sorted(set(places))).encode()
    if places:
        await _keep(objects, keys.trace(page_sha256, hashlib.sha256(note).hexdigest()[:32]), note)


async def forget_page(objects: Objects, page_sha256: str, *, for_good: bool = True) -> int:
    """Removes every cached reading and line that came from a page; returns how many.

    A line that another page has too is removed with it: that costs the other page time, once. Not `for_good`: somebody works on the page
    and will call again when all is kept; the notes stay, or what is kept meanwhile would not be found.
    """
    notes, places = await _traced(objects, page_sha256)
    for key in (*places, *(notes if for_good else ())):
        await objects.delete(key)
    return len(places)


async def cached_readings(objects: Objects, page_sha256: str) -> list[Reading]:
    """What readers have made of a page, as far as it is kept."""
    found = []
    for place in (await _traced(objects, page_sha256))[1]:
        if keys.is_reading(place) and (data := await objects.find(place)) is not None:
            with suppress(ValidationError):  # of an earlier release: nothing else was made of it since
                found.append(Reading.model_validate_json(data))
    return found


async def _traced(objects: Objects, page_sha256: str) -> tuple[list[str], set[str]]:
    """The notes about a page, and the places they name."""
    notes = [key async for key in objects.keys(keys.traces_prefix(page_sha256))]
    places: set[str] = set()
    for key in notes:
        places.update(json.loads(await objects.find(key) or b"[]"))
    return notes, places


async def _look(objects: Objects, place: str) -> bytes | None:
    try:
        return await objects.find(place)
    except Unavailable as error:
        logger.warning("The cache does not answer (%s); going on without.", error)
        return None


async def _keep(objects: Objects, place: str, data: bytes) -> None:
    try:
        await objects.put(place, data)
    except Unavailable as error:
        logger.warning("The cache takes nothing (%s); going on without.", error)
