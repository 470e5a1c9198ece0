"""What is known of a registered voice, and how it comes from a name and a consent to something one can speak with. Pure data.

    register --> awaiting_upload --all parts there--> checking --good--> ready --train--> training --> ready
                      ^                                  |                 ^                  |
                      +-------- another upload ----------+--> failed       +--- train again --+--> failed

A voice can be spoken with as soon as it has a reference: also while it is trained, and after a training that failed.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from backend.errors import InvalidRequest
from backend.language import clean_name
from backend.synthesizers.base import ReferenceClip, Style, Voice
from backend.voices.catalogue import ListedVoice

ENGINE: Final = "sovits"
LANGUAGES: Final = ("ja", "en")
USUAL_PITCH_HZ: Final = 180.0
"""For the casting, where the recording's pitch could not be measured."""
MOST_EVENTS: Final = 300
_LONGEST_SLUG: Final = 48


class VoiceStatus(StrEnum):
    """As on the wire."""

    AWAITING_UPLOAD = "awaiting_upload"
    CHECKING = "checking"
    READY = "ready"
    TRAINING = "training"
    FAILED = "failed"


SILENT_S: Final[Mapping[VoiceStatus, float]] = {VoiceStatus.CHECKING: 600.0, VoiceStatus.TRAINING: 1800.0}
"""Seconds without a word after which work is taken for dead."""
_BROKEN_OFF: Final = {
    VoiceStatus.CHECKING: "The check of the recordings broke off; upload the last part again.",
    VoiceStatus.TRAINING: "The training broke off; begin it again.",
}


class VoiceMode(StrEnum):
    """How a voice is made: from one clip at once, or by training on many."""

    ZERO_SHOT = "zero_shot"
    FEW_SHOT = "few_shot"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Consent(_Frozen):
    """Who says that this voice may be cloned, and in which words. Kept as long as the voice."""

    statement: str
    by: str
    at: float
    """Unix time in seconds."""


class VoiceEvent(_Frozen):
    """One step in a voice's life."""

    seq: int
    at: float
    status: VoiceStatus
    detail: str | None = None
    """A sentence for people."""
    progress: float | None = Field(default=None, ge=0, le=1)


class TrainingClip(_Frozen):
    """One checked clip of a few-shot voice."""

    clip: ReferenceClip
    duration_s: float


class VoiceManifest(_Frozen):
    """A registered voice."""

    slug: str
    name: str
    mode: VoiceMode
    lang: str
    """"ja" or "en": the language of its recordings."""
    consent: Consent
    created_at: float
    status: VoiceStatus = VoiceStatus.AWAITING_UPLOAD
    reason: str | None = None
    """Why it failed; a sentence for people."""
    transcript: str | None = None
    """Given for the recording of a zero-shot voice that is taken next; the clip that became of one has its own."""
    uploads: Mapping[str, int] = Field(default_factory=dict)
    """Raw uploads that were not checked yet: part -> bytes."""
    uploaded_at: Mapping[str, float] = Field(default_factory=dict)
    """When they came, Unix time in seconds."""
    reference: ReferenceClip | None = None
    styles: Mapping[Style, ReferenceClip] = Field(default_factory=dict)
    """Manners it offers besides its reference."""
    clips: tuple[TrainingClip, ...] = ()
    pitch_hz: float | None = None
    brightness_hz: float | None = None
    checkpoint: str | None = None
    superseded: tuple[str, ...] = ()
    """Checkpoints it spoke from before, as far as they are still there."""
    trainings: tuple[float, ...] = ()
    """Unix times at which trainings began; they name its checkpoints."""
    events: tuple[VoiceEvent, ...] = ()

    @property
    def voice_id(self) -> str:
        return f"{ENGINE}:{self.slug}"

    @property
    def speakable(self) -> bool:
        return self.reference is not None

    @property
    def languages(self) -> tuple[str, ...]:
        """That of the recordings first; engines speak the other one with the same voice."""
        return (self.lang, *(lang for lang in LANGUAGES if lang != self.lang))

    @property
    def offered(self) -> tuple[Style, ...]:
        """The manners lines can be spoken in, its own first; none before it can be spoken with."""
        return (Style.NEUTRAL, *(style for style in Style if style in self.styles)) if self.speakable else ()

    @property
    def clip_keys(self) -> frozenset[str]:
        """Of what it speaks from."""
        return frozenset(clip.key for clip in (self.reference, *self.styles.values()) if clip is not None)

    @property
    def revision(self) -> str:
        """Of everything the sound depends on; two owners' voices of one name never share a cached line."""
        parts = [self.reference.model_dump_json() if self.reference else "", self.checkpoint or ""]
        # Of a voice without manners as it was before there were any: its cached lines are still found.
        parts += [f"{style}\0{self.styles[style].model_dump_json()}" for style in Style if style in self.styles]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def voice(self) -> Voice:
        """What the synthesizer gets. Only for speakable voices."""
        assert self.reference is not None, "a voice without a reference cannot be spoken with"
        return Voice(
            id=self.voice_id,
            revision=self.revision,
            references={Style.NEUTRAL: self.reference, **self.styles},
            pitch_hz=self.pitch_hz,
            brightness_hz=self.brightness_hz,
            checkpoint=self.checkpoint,
        )

    def listed(self) -> ListedVoice:
        """What a voice pack may name. Only for speakable voices."""
        return ListedVoice(self.voice(), self.name, self.pitch_hz or USUAL_PITCH_HZ, self.languages)

    def speaking_from(self, checkpoint: str | None) -> VoiceManifest:
        """With another checkpoint, or with none."""
        before = (self.checkpoint,) if self.checkpoint is not None else ()
        return self.model_copy(update={"checkpoint": checkpoint, "superseded": (*self.superseded, *before)})

    def offering(self, style: Style, clip: ReferenceClip) -> VoiceManifest:
        """With a clip for a manner, in place of the one before."""
        return self.model_copy(update={"styles": {**self.styles, style: clip}})

    def without(self, style: Style) -> VoiceManifest:
        """Without a manner."""
        return self.model_copy(update={"styles": {key: clip for key, clip in self.styles.items() if key is not style}})

    def as_of(self, now: float) -> VoiceManifest:
        """The voice as it stands now: work that has told nothing for too long has ended with its process."""
        if self.status not in SILENT_S or now - self.events[-1].at <= SILENT_S[self.status]:
            return self
        return self.moved(VoiceStatus.FAILED, self.events[-1].at + SILENT_S[self.status], detail=_BROKEN_OFF[self.status])

    def moved(self, status: VoiceStatus, at: float, *, detail: str | None = None, progress: float | None = None) -> VoiceManifest:
        """The next step of its life; `detail` of a failure becomes the reason."""
        reason = detail if status is VoiceStatus.FAILED else None
        after = self.model_copy(update={"status": status, "reason": reason})
        return after.told(at, detail, progress=progress)

    def told(self, at: float, detail: str | None, *, progress: float | None = None) -> VoiceManifest:
        """As it is, with an event that says something about it."""
        seq = self.events[-1].seq + 1 if self.events else 1
        event = VoiceEvent(seq=seq, at=at, status=self.status, detail=detail, progress=progress)
        return self.model_copy(update={"events": (*self.events, event)[-MOST_EVENTS:]})


def slug_of(name: str) -> str:
    """The id of a name (see `shown_name`) within its engine: lower-case letters, digits and hyphens.

    What of a name cannot be written with those is told by a digest, so that names of other scripts have ids of their own.
    """
    spelled = unicodedata.normalize("NFKD", name)
    plain = spelled.encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_SLUG].strip("-")
    lost = any(char.isalnum() and not char.isascii() for char in spelled)
    if not lost and any(char.isalpha() for char in slug):
        return slug
    digest = hashlib.sha256(unicodedata.normalize("NFKC", name).encode()).hexdigest()[:8]
    if not any(char.isalpha() for char in slug):
        slug = f"voice-{slug}" if slug else "voice"
    return f"{slug}-{digest}"


def shown_name(name: str) -> str:
    """A voice's name as it is kept. Raises InvalidRequest: nothing of it can be shown."""
    try:
        return clean_name(name)
    except ValueError:
        raise InvalidRequest(
            "A voice's name is some visible text without control characters.", (("/name", "is not a usable name"),)
        ) from None
