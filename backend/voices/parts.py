"""The parts of a voice's upload: what they are called, which of them a voice takes, and what the texts among them say. Pure."""

from __future__ import annotations

import json
import re
from typing import Final

from backend.errors import InvalidRequest, NotFound, QuotaExceeded
from backend.synthesizers.base import Style
from backend.voices.manifest import VoiceManifest, VoiceMode

MOST_CLIPS: Final = 300
MOST_UPLOAD_BYTES: Final = 500_000_000
"""Of all clips of a few-shot voice that wait to be checked."""
MOST_LETTERS: Final = 2000
REFERENCE, TRANSCRIPT, TRANSCRIPTS = "reference", "transcript", "transcripts.jsonl"
MANNERS: Final = tuple(style for style in Style if style is not Style.NEUTRAL)
"""What a zero-shot voice may offer besides its reference."""
_CLIP_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def reference_of(style: Style) -> str:
    """The part with the recording of a manner."""
    return f"{REFERENCE}-{style.value}"


def transcript_of(style: Style) -> str:
    """The part that says what is said in it."""
    return f"{TRANSCRIPT}-{style.value}"


def manner_of(manifest: VoiceManifest, part: str) -> Style | None:
    """The manner that a part is about; None for all other parts."""
    if manifest.mode is not VoiceMode.ZERO_SHOT:
        return None
    return next((style for style in MANNERS if part in (reference_of(style), transcript_of(style))), None)


def is_text(manifest: VoiceManifest, part: str) -> bool:
    """Whether a part is written rather than recorded."""
    if manifest.mode is VoiceMode.FEW_SHOT:
        return part == TRANSCRIPTS
    return part == TRANSCRIPT or part in map(transcript_of, MANNERS)


def require_part(manifest: VoiceManifest, part: str) -> None:
    """Raises NotFound for a part this voice does not have; QuotaExceeded when it has taken all it may."""
    if manifest.mode is VoiceMode.ZERO_SHOT:
        if part not in (REFERENCE, TRANSCRIPT) and manner_of(manifest, part) is None:
            raise NotFound(
                "A zero-shot voice has the parts reference and transcript, and both for each of "
                f"{', '.join(MANNERS)}, as in {reference_of(MANNERS[0])}."
            )
        return
    if part == TRANSCRIPT or not _CLIP_NAME.fullmatch(part):
        raise NotFound("A few-shot voice has the part transcripts.jsonl, and clips called like a.wav.")
    clips = {name for name in manifest.uploads if name != TRANSCRIPTS}
    if part not in (*clips, TRANSCRIPTS) and len(clips) >= MOST_CLIPS:
        raise QuotaExceeded(f"A voice has at most {MOST_CLIPS} clips.", retry_after_s=60)
    if sum(manifest.uploads.values()) > MOST_UPLOAD_BYTES:
        raise QuotaExceeded(f"A voice takes at most {MOST_UPLOAD_BYTES // 1_000_000} MB of clips.", retry_after_s=60)


def transcript_from(data: bytes) -> str:
    """What an uploaded transcript says.

    Raises:
        InvalidRequest: no UTF-8, or more than anybody says in a recording.
    """
    text = _text(data)
    if len(text) > MOST_LETTERS:
        raise InvalidRequest(f"A transcript of 30 s has at most {MOST_LETTERS} letters.")
    return text


def transcripts_from(data: bytes, *, text_required: bool = True) -> dict[str, str | None]:
    """Clip name -> what is said in it, from JSON lines {"clip": "a.wav", "text": "..."}; None where a line has no text.

    Raises:
        InvalidRequest: says which line is wrong.
    """
    texts: dict[str, str | None] = {}
    for number, line in enumerate(_text(data).splitlines(), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            name, text = found["clip"], found["text"] if text_required else found.get("text")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            name = text = None
        fits = isinstance(text, str) or (text is None and not text_required)
        if not isinstance(name, str) or not fits or not _CLIP_NAME.fullmatch(name) or name == TRANSCRIPTS:
            raise InvalidRequest(f'Line {number} of {TRANSCRIPTS} is not like {{"clip": "a.wav", "text": "what is said in it"}}.')
        texts[name] = text
    if not texts:
        raise InvalidRequest(f"{TRANSCRIPTS} names no clip.")
    return texts


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest("The text is not UTF-8.") from None
