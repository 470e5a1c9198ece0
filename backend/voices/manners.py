"""Manners of speech a zero-shot voice may offer besides its own: shouted, whispered, sad. Each is one more recording of the same person.

A manner is brought whole: recording and transcript, in either order, at any time. What is refused, or taken, is gone from the uploads, and
a half that was left waiting (a call repeated because its reply was lost) is for nothing that comes later, so that a recording is not
checked against the words of another. The voice's own state never depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Final

from backend.errors import InvalidRequest, NotFound
from backend.synthesizers.base import Style
from backend.voices.manifest import VoiceManifest
from backend.voices.parts import MANNERS, manner_of, reference_of, transcript_from, transcript_of
from backend.voices.references import SPOKEN, WHISPERED, Limits
from backend.voices.store import Change, VoiceStore
from backend.voices.uploads import Uploads

LIMITS: Final[Mapping[Style, Limits]] = {Style.SHOUT: SPOKEN, Style.WHISPER: WHISPERED, Style.SAD: SPOKEN}
FAR: Final = 2.1
"""More than an octave: nobody's mood moves the voice so far."""
PITCHES: Final[Mapping[Style, tuple[float, float]]] = {Style.SHOUT: (1 / FAR, inf), Style.SAD: (1 / FAR, FAR)}
"""Pitch of a manner over the voice's own, lowest and highest; outside, it is another person's. Men shout at up to three times the pitch
they speak at, so a shout has no highest; a whisper has no pitch."""


class Manners:
    """Takes the recordings of manners, and takes them away again."""

    def __init__(self, store: VoiceStore, uploads: Uploads) -> None:
        self._store = store
        self._uploads = uploads

    async def put(self, client: str, manifest: VoiceManifest, part: str, data: bytes) -> VoiceManifest:
        """Takes one part; with the last that was missing the recording is checked, and replaces the one before.

        Args:
            part: for which `manner_of` knows a manner.

        Raises:
            NotFound: the voice is gone.
            InvalidRequest: what was sent cannot be used; the voice is as it was.
        """
        style = manner_of(manifest, part)
        assert style is not None, "other parts are the registration's"
        if part == transcript_of(style):
            transcript_from(data)
        manifest = await self._uploads.put(client, manifest.slug, part, data)
        other = transcript_of(style) if part == reference_of(style) else reference_of(style)
        manifest = await self._uploads.drop_stale(client, manifest, other)
        needed = [reference_of(style)] if self._uploads.transcribes else [reference_of(style), transcript_of(style)]
        if missing := [name for name in needed if name not in manifest.uploads]:
            return await self._store.tell(client, manifest.slug, f"Still to be uploaded for the style {style}: {missing[0]}.")
        return await self._check(client, manifest, style)

    async def take_away(self, client: str, voice_id: str, part: str) -> None:
        """Removes the recording of a manner, and what waits to become one; lines of that style are spoken as all others then.

        Raises:
            NotFound: no such voice, or nothing of that manner.
        """
        manifest = await self._store.manifest(client, voice_id)
        style = manner_of(manifest, part)
        if style is None or part != reference_of(style):
            removable = " or ".join(map(reference_of, MANNERS))
            raise NotFound(f"Only {removable} of a zero-shot voice can be taken away; all else goes with the voice.")
        parts = reference_of(style), transcript_of(style)
        if style not in manifest.styles and not manifest.uploads.keys() & parts:
            raise NotFound(f"This voice has nothing of the style {style}.")
        await self._uploads.drop(client, manifest.slug, parts)
        now = self._store.clock()
        detail = f"It does not offer the style {style} any more."
        await self._change(client, manifest.slug, lambda voice: voice.without(style).told(now, detail))

    async def _check(self, client: str, manifest: VoiceManifest, style: Style) -> VoiceManifest:
        slug, parts = manifest.slug, (reference_of(style), transcript_of(style))
        try:
            data = await self._uploads.get(client, slug, parts[0])
            written = parts[1] in manifest.uploads
            transcript = transcript_from(await self._uploads.get(client, slug, parts[1])) if written else None
            prepared = await self._uploads.prepared(data, transcript, manifest.lang, LIMITS[style])
            _require_same_person(style, prepared.pitch_hz, manifest.pitch_hz)
            clip = await self._uploads.kept(client, slug, prepared, manifest.lang)
        except NotFound:  # sent twice at once, and the other call's check has taken it; or the voice is gone
            return await self._store.manifest(client, manifest.voice_id)
        except InvalidRequest:
            await self._uploads.drop(client, slug, parts)
            raise
        detail = f"It offers the style {style} now."
        if transcript is None:  # the upload stays, for a transcript that comes later and knows better
            detail += f" Heard as: {prepared.transcript[:200]}"
        else:
            await self._uploads.drop(client, slug, parts)
        now = self._store.clock()
        after = await self._change(client, slug, lambda voice: voice.offering(style, clip).told(now, detail))
        # Whoever took the same recording away in between has removed the clip: nothing spoke from it yet.
        await self._uploads.kept(client, slug, prepared, manifest.lang)
        return after

    async def _change(self, client: str, slug: str, change: Change) -> VoiceManifest:
        """Changes a voice, and removes the clips it does not speak from any more."""
        spoken_from: frozenset[str] = frozenset()

        def noted(voice: VoiceManifest) -> VoiceManifest:
            nonlocal spoken_from
            spoken_from = voice.clip_keys
            return change(voice)

        after = await self._store.update(client, slug, noted)
        for key in spoken_from - after.clip_keys:
            await self._store.objects.delete(key)
        return after


def _require_same_person(style: Style, pitch_hz: float | None, usual_hz: float | None) -> None:
    """Raises InvalidRequest where a manner's pitch is nobody's who speaks at the usual one; what is not known is no reason."""
    if style not in PITCHES or pitch_hz is None or usual_hz is None:
        return
    lowest, highest = PITCHES[style]
    if not lowest <= pitch_hz / usual_hz <= highest:
        raise InvalidRequest(
            f"Another person seems to speak in the recording: at {pitch_hz:.0f} Hz, the voice at {usual_hz:.0f} Hz."
        )
