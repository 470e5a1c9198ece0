"""Reference clips as the engine wants them: files named by content, measured once, few enough to keep.

The engine caches what it derives from a clip by path and for ever. Here a clip's path is its content (with its transcript), and when
a clip has not been used for longest it is dropped, with what the engine derived from it.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from numpy.typing import NDArray

from backend.acoustics import HOP_S, Samples, active_frames, levels_db, log_bands, usual_pitch_hz
from backend.errors import SpeechFailed
from backend.synthesizers.sovits.pieces import readable, units

SHORTEST_S, LONGEST_S = 3.0, 10.0
"""Length of a clip the engine may be given; outside it speaks the clip itself, or nonsense."""
LEAST_SPEECH_S = 1.0
SECONDS_A_UNIT = 0.025, 2.0
"""Of a mora or letter; nobody talks faster or slower, so what is outside has the transcript of another clip."""
_TOLERANCE_S = 0.1


@dataclass(frozen=True, slots=True)
class ClipBytes:
    """A reference clip as it is stored: mono FLAC, what is said in it and in which language."""

    data: bytes
    transcript: str
    lang: str

    @property
    def content_hash(self) -> str:
        digest = hashlib.sha256(self.data)
        digest.update(f"\0{self.lang}\0{self.transcript}".encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Reference:
    """A clip in place, with what the checks compare takes to."""

    path: str
    transcript: str
    lang: str
    seconds_per_unit: float
    """Of a mora or letter, rests not counted: how fast this voice talks."""
    pitch_hz: float | None
    """None for a whisper, among others."""
    bands: NDArray[np.float64]
    """`log_bands` of the clip, to recognise the clip itself when it is spoken instead of a line."""


class Derived(Protocol):
    """The engine's caches of what it derives from clips."""

    def cache_spk_audio(self, *spk_audio_paths: str, sovits_model: str) -> None: ...

    def cache_prompt_audio(self, prompt_audio_paths: str, prompt_audio_texts: str, prompt_language: str) -> None: ...

    def del_spk_audio(self, *spk_audio_list: str) -> None: ...

    def del_prompt_audio(self, *prompt_audio_list: str) -> None: ...


class Conditioning:
    """The clips in use, at most `most` of them. Used by one thread."""

    def __init__(self, engine: Derived, most: int = 64) -> None:
        self._engine = engine
        self._most = most
        self._folder = Path(tempfile.mkdtemp(prefix="tanoshi-sovits-"))
        self._remove_folder = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._placed: OrderedDict[str, Reference] = OrderedDict()
        self._derived: dict[str, set[str]] = {}
        """Path -> what has been derived from it: SoVITS models for its timbre, "" for its manner."""

    def __len__(self) -> int:
        return len(self._placed)

    def place(self, clip: ClipBytes) -> Reference:
        """The clip as a file, measured; the same clip is placed once.

        Raises:
            SpeechFailed: the clip is not sound, not 3 to 10 s long, without speech, or not what its transcript says.
        """
        key = clip.content_hash
        if (known := self._placed.get(key)) is not None:
            self._placed.move_to_end(key)
            return known
        samples, sample_rate = _decode(clip.data)
        duration_s = len(samples) / sample_rate
        if not SHORTEST_S - _TOLERANCE_S <= duration_s <= LONGEST_S + _TOLERANCE_S:
            raise SpeechFailed(f"The voice's reference clip is {duration_s:.1f} s long; it must be 3 to 10 s.")
        amount = units(clip.transcript, clip.lang)
        if amount < 1:
            raise SpeechFailed("The voice's reference clip has no transcript.")
        speech_s = float(active_frames(levels_db(samples, sample_rate)).sum()) * HOP_S
        if speech_s < LEAST_SPEECH_S:
            raise SpeechFailed("There is hardly any speech in the voice's reference clip.")
        if not SECONDS_A_UNIT[0] <= speech_s / amount <= SECONDS_A_UNIT[1]:
            raise SpeechFailed("The transcript of the voice's reference clip cannot be what is said in it.")
        path = self._folder / f"{key}.flac"
        path.write_bytes(clip.data)
        reference = Reference(
            path=str(path),
            transcript=readable(clip.transcript, clip.lang),
            lang=clip.lang,
            seconds_per_unit=speech_s / amount,
            pitch_hz=usual_pitch_hz(samples, sample_rate),
            bands=log_bands(samples, sample_rate),
        )
        self._placed[key] = reference
        return reference

    def derive(self, timbre: Reference, manner: Reference, sovits: str) -> None:
        """Has the engine hear both clips, once. Apart from speaking, because it may draw random numbers, which would make the first
        call with a voice sound unlike later ones.
        """
        if sovits not in self._derived.setdefault(timbre.path, set()):
            self._engine.cache_spk_audio(timbre.path, sovits_model=sovits)
            self._derived[timbre.path].add(sovits)
        if "" not in self._derived.setdefault(manner.path, set()):
            self._engine.cache_prompt_audio(manner.path, manner.transcript, manner.lang)
            self._derived[manner.path].add("")

    def forget_model(self, sovits: str) -> None:
        """The engine has unloaded a checkpoint, and what it derived with it."""
        for models in self._derived.values():
            models.discard(sovits)

    def trim(self) -> None:
        """Drops the clips used longest ago. Between calls, never during one: a call may need more voices than are kept."""
        while len(self._placed) > self._most:
            _, dropped = self._placed.popitem(last=False)
            models = self._derived.pop(dropped.path, set())
            if models - {""}:
                self._engine.del_spk_audio(dropped.path)
            if "" in models:
                self._engine.del_prompt_audio(dropped.path)
            Path(dropped.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Removes the files."""
        self._placed.clear()
        self._remove_folder()


def _decode(data: bytes) -> tuple[Samples, int]:
    try:
        with av.open(io.BytesIO(data), "r", format="flac") as container:
            sample_rate = container.streams.audio[0].rate
            resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
            parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    except (av.FFmpegError, LookupError) as error:
        raise SpeechFailed("The voice's reference clip cannot be decoded.") from error
    if not parts:
        raise SpeechFailed("The voice's reference clip cannot be decoded.")
    return np.concatenate(parts).astype(np.float32), sample_rate
