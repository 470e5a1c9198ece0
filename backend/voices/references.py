"""Reference clips: from whatever a person uploads to the mono FLAC of 3 to 10 s a voice is cloned from, or a reason why not.

WAV, FLAC, MP3 and M4A are decoded here, never by the engine. A clip longer than 10 s is cut at pauses to its best part. The trap:
cloning needs the exact transcript of what remains, so a cut clip is only accepted when its transcript can be cut with it.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from backend.acoustics import (
    HOP_S,
    Samples,
    Stretch,
    active_frames,
    brightness_hz,
    clipped_share,
    levels_db,
    median_pitch_hz,
    stretches,
)
from backend.errors import InvalidRequest
from backend.flac import to_flac
from backend.voices.speakers import TWO_PEOPLE, division_score

SAMPLE_RATE = 32_000
"""Hz, of every stored clip: what GPT-SoVITS v2ProPlus listens to."""
SHORTEST_S, LONGEST_S = 3.0, 10.0
"""Length of a stored clip."""
LONGEST_UPLOAD_S = 30.0
MAX_BYTES = 20_000_000
FORMATS = frozenset({"wav", "flac", "mp3", "mov", "mp4", "m4a"})
"""FFmpeg's names of the containers we take; everything else stays closed."""
PAUSE_S = 0.18
"""A rest this long is between phrases, not inside a word."""
EDGE_S = 0.12
"""Rest kept at both ends, so that no consonant is cut."""
QUIET_DB = -42.0
"""Level of the sounding parts under which a clip is too quiet to clone from."""
MOST_CLIPPED = 0.002
LEAST_SPEECH_S = 1.8
LETTERS_A_SECOND = (0.5, 30.0)
"""Of speech, in any script: outside, the transcript is of something else, and the engine would speak the clip itself or babble."""
LEAST_CONTRAST_DB = 12.0
"""Between the sounding parts and the rests; less means noise or music behind the voice."""


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


def prepare_reference(data: bytes, transcript: str) -> PreparedReference:
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
    samples = decode(data)
    kept, transcript = _best_part(samples, transcript)
    clip = samples[round(kept.start_s * SAMPLE_RATE) : round(kept.end_s * SAMPLE_RATE)]
    check(clip)
    _check_transcript(transcript, clip)
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


def decode(data: bytes) -> Samples:
    """A WAV, FLAC, MP3 or M4A file as mono float32 at 32 kHz; never more than 30 s of it are decoded.

    Raises:
        InvalidRequest: empty, too large, another format, cut short, or longer than 30 s.
    """
    if not data:
        raise InvalidRequest("The recording has no bytes.")
    if len(data) > MAX_BYTES:
        raise InvalidRequest(f"The recording is larger than {MAX_BYTES // 1_000_000} MB; 3 to 30 seconds are enough.")
    if _cut_short(data):
        raise InvalidRequest("The file ends before the recording does; send all of it.")
    try:
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as container:
            if not FORMATS & set(container.format.name.split(",")) or not container.streams.audio:
                raise InvalidRequest("The recording is not WAV, FLAC, MP3 or M4A sound.")
            if container.streams.audio[0].codec_context is None:
                raise InvalidRequest("The recording's sound is coded in a way that is not known here; save it as WAV or FLAC.")
            stereo = np.concatenate(list(_decoded(container)), axis=1)
    except InvalidRequest:
        raise
    except (av.FFmpegError, ValueError, UnicodeDecodeError) as error:
        raise InvalidRequest("The recording cannot be decoded; send a whole WAV, FLAC, MP3 or M4A file.") from error
    stereo = np.nan_to_num(stereo, posinf=0.0, neginf=0.0)
    # Floats may exceed full scale unharmed, which the 16 bits they are stored in may not.
    return _mono(stereo / max(1.0, float(np.abs(stereo).max(initial=0.0))))


def encode(samples: Samples) -> bytes:
    """Mono 16-bit FLAC at 32 kHz; the same samples give the same bytes."""
    return to_flac(samples, SAMPLE_RATE)


def check(clip: Samples) -> None:
    """Raises InvalidRequest unless `clip` (mono, 32 kHz) is loud, clean and spoken enough, by one voice, to clone from."""
    duration_s = len(clip) / SAMPLE_RATE
    if duration_s < SHORTEST_S:
        raise InvalidRequest(f"Only {duration_s:.1f} s of the recording are speech; at least {SHORTEST_S:.0f} s are needed.")
    levels = levels_db(clip, SAMPLE_RATE)
    active = active_frames(levels)
    loudness_db = float(np.median(levels[active])) if active.any() else -120.0
    if loudness_db < QUIET_DB:
        raise InvalidRequest(f"The recording is almost silent ({loudness_db:.0f} dB); record louder or closer.")
    if clipped_share(clip) > MOST_CLIPPED:
        raise InvalidRequest("The recording is distorted: its peaks are cut off; record it again at a lower level.")
    if active.sum() * HOP_S < LEAST_SPEECH_S or median_pitch_hz(clip, SAMPLE_RATE) is None:
        raise InvalidRequest("There is too little speech in the recording.")
    contrast_db = loudness_db - float(np.percentile(levels, 3))
    if contrast_db < LEAST_CONTRAST_DB:
        raise InvalidRequest("There is noise or music behind the voice; record it in a quiet place.")
    if division_score(clip, SAMPLE_RATE) > TWO_PEOPLE:
        raise InvalidRequest(
            "More than one person seems to speak in the recording, or one in very different voices; send 3 to 10 s of one voice."
        )


_RIFF_SLACK: Final = 8
"""Some encoders count the header that the length does not include."""


def _cut_short(data: bytes) -> bool:
    """Whether a WAV file is shorter than it says; FFmpeg takes what is there. Writers to pipes say 0 or a length no file has."""
    if data[:4] != b"RIFF":
        return False
    announced = int.from_bytes(data[4:8], "little") + 8
    return len(data) + _RIFF_SLACK < announced < 0x7FFF_0000


def _check_transcript(transcript: str, clip: Samples) -> None:
    """Raises InvalidRequest when nobody could say `transcript` in `clip`, however slowly or fast."""
    letters = len(re.findall(r"\w", transcript))
    slowest, fastest = (rate * _speech_s(clip) for rate in LETTERS_A_SECOND)
    if not slowest <= letters <= fastest:
        more_or_less = "more" if letters > fastest else "less"
        raise InvalidRequest(
            f"The transcript says far {more_or_less} than is heard in {len(clip) / SAMPLE_RATE:.1f} s; write down exactly what is said."
        )


def _decoded(container: av.container.InputContainer) -> Iterator[Samples]:
    """Float frames, shape [1 or 2, samples], of at most `LONGEST_UPLOAD_S` together."""
    stream = container.streams.audio[0]
    layout = "mono" if stream.channels == 1 else "stereo"
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE)
    seen = 0
    for frame in (*_frames(container), None):
        for resampled in resampler.resample(frame):
            seen += resampled.samples
            yield resampled.to_ndarray().astype(np.float32)
    if not seen:
        raise InvalidRequest("The recording has no sound in it.")


def _frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    """Decoded frames, whatever the header promises; none that are too long, for a frame of one sample a second becomes gigabytes."""
    seen_s = 0.0
    for frame in container.decode(audio=0):
        seen_s += frame.samples / max(1, frame.sample_rate)
        if seen_s > LONGEST_UPLOAD_S + 0.5:
            raise InvalidRequest(f"The recording is longer than {LONGEST_UPLOAD_S:.0f} s; send its best 3 to 10 seconds.")
        yield frame


def _mono(stereo: Samples) -> Samples:
    """The mean of the channels; the louder one where they cancel out (one side recorded in opposite phase) or one is empty."""
    if len(stereo) == 1:
        return np.asarray(stereo[0])
    mean = stereo.mean(axis=0)
    loudest = stereo[int(np.argmax(np.square(stereo).sum(axis=1)))]
    mixed_well = np.sqrt(np.square(mean).mean()) > 0.6 * np.sqrt(np.square(loudest).mean())
    return np.asarray(mean if mixed_well else loudest, dtype=np.float32)


def _best_part(samples: Samples, transcript: str) -> tuple[Stretch, str]:
    """The part to keep, and what is said in it."""
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
    return max(runs, key=lambda run: _merit(samples, run[0]))


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


def _merit(samples: Samples, part: Stretch) -> float:
    """Seconds of speech in a part, less when it is clipped; longer is better, because more of the voice is heard."""
    clip = samples[round(part.start_s * SAMPLE_RATE) : round(part.end_s * SAMPLE_RATE)]
    return _speech_s(clip) - 2000 * clipped_share(clip)


def _speech_s(clip: Samples) -> float:
    return float(active_frames(levels_db(clip, SAMPLE_RATE)).sum()) * HOP_S
