"""Reference clips: from whatever a person uploads to the mono FLAC of 3 to 10 s a voice is cloned from, or a reason why not.

A clip longer than 10 s is cut at pauses to its best part. The trap: cloning needs the exact transcript of what remains, so a cut clip is
only accepted when its transcript can be cut with it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.acoustics import (
    HOP_S,
    QUIETEST_DB,
    Samples,
    Stretch,
    active_frames,
    brightness_hz,
    levels_db,
    median_pitch_hz,
    stretches,
    usual_pitch_hz,
)
from backend.errors import InvalidRequest
from backend.flac import to_flac
from backend.voices.recordings import SAMPLE_RATE, Recording, decode
from backend.voices.speakers import TWO_PEOPLE, division_score

SHORTEST_S, LONGEST_S = 3.0, 10.0
"""Length of a stored clip."""
PAUSE_S = 0.18
"""A rest this long is between phrases, not inside a word."""
EDGE_S = 0.12
"""Rest kept at both ends, so that no consonant is cut."""
MOST_CLIPPED = 0.002
LEAST_SPEECH_S = 1.8
LETTERS_A_SECOND = (0.5, 30.0)
"""Of speech, in any script: outside, the transcript is of something else, and the engine would speak the clip itself or babble."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a clip must have to be cloned from; it depends on how it is said."""

    quiet_db: float
    """Level of the sounding parts under which it is too quiet."""
    contrast_db: float
    """Between the sounding parts and the rests; less means noise or music behind the voice."""
    voiced: bool = True
    """Whether speech is known by its pitch."""


SPOKEN = Limits(quiet_db=-42.0, contrast_db=12.0)
WHISPERED = Limits(quiet_db=-52.0, contrast_db=8.0, voiced=False)
"""Breath: ten to twenty decibels below speech, and nearer to the room's own noise."""


@dataclass(frozen=True, slots=True)
class PreparedReference:
    """A clip fit for cloning."""

    flac: bytes
    """Mono, 32 kHz, 16 bits."""
    transcript: str
    """Of exactly this clip, also where the upload was cut."""
    duration_s: float
    content_hash: str
    """sha256 of `flac`, hexadecimal; the clip is stored under it."""
    pitch_hz: float | None
    brightness_hz: float
    kept: Stretch
    """Which part of the upload this is."""


def prepare_reference(data: bytes, transcript: str, limits: Limits = SPOKEN) -> PreparedReference:
    """Decodes, checks and cuts an uploaded recording. CPU work of about 0.2 s: call it in a worker thread.

    Args:
        data: a whole file.
        transcript: every word that is said in it, nothing else.

    Raises:
        InvalidRequest: with a reason a person understands and can act on.
    """
    transcript = " ".join(transcript.split())
    if not re.search(r"\w", transcript):
        raise InvalidRequest("The transcript is empty; write down exactly what is said in the recording.")
    recording = decode(data)
    kept, transcript = _best_part(recording, transcript)
    clip = recording.part(kept)
    if recording.clipped_share(kept) > MOST_CLIPPED:
        raise InvalidRequest("The recording is distorted: its peaks are cut off; record it again at a lower level.")
    check(clip, limits)
    _check_transcript(transcript, clip)
    clip = _raised(clip)
    flac = encode(clip)
    return PreparedReference(
        flac=flac,
        transcript=transcript,
        duration_s=len(clip) / SAMPLE_RATE,
        content_hash=hashlib.sha256(flac).hexdigest(),
        pitch_hz=median_pitch_hz(clip, SAMPLE_RATE),
        brightness_hz=brightness_hz(clip, SAMPLE_RATE),
        kept=kept,
    )


def encode(samples: Samples) -> bytes:
    """Mono 16-bit FLAC at 32 kHz; the same samples give the same bytes."""
    return to_flac(samples, SAMPLE_RATE)


def check(clip: Samples, limits: Limits = SPOKEN) -> None:
    """Raises InvalidRequest unless `clip` (mono, 32 kHz) is loud, clean and spoken enough, by one voice, to clone from."""
    duration_s = len(clip) / SAMPLE_RATE
    if duration_s < SHORTEST_S:
        raise InvalidRequest(f"Only {duration_s:.1f} s of the recording are speech; at least {SHORTEST_S:.0f} s are needed.")
    levels = levels_db(clip, SAMPLE_RATE)
    active = active_frames(levels)
    loudness_db = _loudness_db(clip)
    if loudness_db < limits.quiet_db:
        raise InvalidRequest(f"The recording is almost silent ({loudness_db:.0f} dB); record louder or closer.")
    if active.sum() * HOP_S < LEAST_SPEECH_S or (limits.voiced and median_pitch_hz(clip, SAMPLE_RATE) is None):
        raise InvalidRequest("There is too little speech in the recording.")
    contrast_db = loudness_db - float(np.percentile(levels, 3))
    if contrast_db < limits.contrast_db:
        raise InvalidRequest("There is noise or music behind the voice; record it in a quiet place.")
    # Of a whisper it would compare stray pitches.
    told_apart = limits.voiced or usual_pitch_hz(clip, SAMPLE_RATE) is not None
    if told_apart and division_score(clip, SAMPLE_RATE) > TWO_PEOPLE:
        raise InvalidRequest(
            "More than one person seems to speak in the recording, or one in very different voices; send 3 to 10 s of one voice."
        )


def _raised(clip: Samples) -> Samples:
    """What was taken although it is quieter than speech, brought up to where speech begins: the engine speaks as softly as its clip."""
    missing_db = SPOKEN.quiet_db - _loudness_db(clip)
    if missing_db <= 0:
        return clip
    return np.asarray(clip * min(10 ** (missing_db / 20), 0.99 / float(np.abs(clip).max())), dtype=np.float32)


def _loudness_db(clip: Samples) -> float:
    """Of the sounding parts."""
    levels = levels_db(clip, SAMPLE_RATE)
    active = active_frames(levels)
    return float(np.median(levels[active])) if active.any() else QUIETEST_DB


def _check_transcript(transcript: str, clip: Samples) -> None:
    """Raises InvalidRequest when nobody could say `transcript` in `clip`, however slowly or fast."""
    letters = len(re.findall(r"\w", transcript))
    slowest, fastest = (rate * _speech_s(clip) for rate in LETTERS_A_SECOND)
    if not slowest <= letters <= fastest:
        more_or_less = "more" if letters > fastest else "less"
        raise InvalidRequest(
            f"The transcript says far {more_or_less} than is heard in {len(clip) / SAMPLE_RATE:.1f} s; write down exactly what is said."
        )


def _best_part(recording: Recording, transcript: str) -> tuple[Stretch, str]:
    """The part to keep, and what is said in it."""
    samples = recording.samples
    levels = levels_db(samples, SAMPLE_RATE)
    phrases = _phrases(levels)
    if not phrases:
        raise InvalidRequest("The recording is almost silent.")
    whole = _with_edges(phrases[0], phrases[-1], len(samples) / SAMPLE_RATE)
    if whole.duration_s <= LONGEST_S:
        return whole, transcript
    sentences = [part for part in re.split(r"(?<=[。．！？!?.…])\s*", transcript) if re.search(r"\w", part)]
    runs = list(_runs(phrases, sentences, len(samples) / SAMPLE_RATE))
    if not runs:
        raise InvalidRequest(
            f"The recording is longer than {LONGEST_S:.0f} s and its pauses do not match the transcript; send 3 to 10 s of it."
        )
    return max(runs, key=lambda run: _merit(recording, run[0]))


def _phrases(levels: NDArray[np.float64]) -> list[Stretch]:
    """Stretches of sound between pauses; shorter rests are closed, clicks under 60 ms dropped."""
    phrases: list[Stretch] = []
    for sound in stretches(active_frames(levels)):
        if phrases and sound.start_s - phrases[-1].end_s < PAUSE_S:
            phrases[-1] = Stretch(phrases[-1].start_s, sound.end_s)
        elif sound.duration_s >= 0.06:
            phrases.append(sound)
    return phrases


def _runs(phrases: list[Stretch], sentences: list[str], end_s: float) -> Iterator[tuple[Stretch, str]]:
    """Runs of whole sentences that are 3 to 10 s long.

    A sentence's share of the letters predicts when it ends; the pause nearest to that moment is taken for its end. The match
    counts only if every sentence finds a pause of its own, near enough: a word too many in a transcript is a word the engine says.
    """
    spoken = np.cumsum([phrase.duration_s for phrase in phrases])
    letters = np.cumsum([len(re.findall(r"\w", sentence)) for sentence in sentences])
    predicted = letters / letters[-1] * spoken[-1]
    ends = [int(np.argmin(np.abs(spoken - moment))) for moment in predicted]
    near = np.abs(spoken[ends] - predicted) <= np.maximum(0.6, 0.1 * predicted)
    if len(sentences) < 2 or len(set(ends)) < len(ends) or not near.all():
        return
    for first in range(len(sentences)):
        for last in range(first, len(sentences)):
            part = _with_edges(phrases[ends[first - 1] + 1 if first else 0], phrases[ends[last]], end_s)
            if SHORTEST_S <= part.duration_s <= LONGEST_S:
                joint = "" if re.search(r"[぀-ヿ一-鿿]", sentences[first]) else " "
                yield part, joint.join(sentences[first : last + 1])


def _with_edges(first: Stretch, last: Stretch, end_s: float) -> Stretch:
    return Stretch(max(0.0, first.start_s - EDGE_S), min(end_s, last.end_s + EDGE_S))


def _merit(recording: Recording, part: Stretch) -> float:
    """Seconds of speech in a part, less when it is clipped; longer is better, because more of the voice is heard."""
    return _speech_s(recording.part(part)) - 2000 * recording.clipped_share(part)


def _speech_s(clip: Samples) -> float:
    return float(active_frames(levels_db(clip, SAMPLE_RATE)).sum()) * HOP_S
