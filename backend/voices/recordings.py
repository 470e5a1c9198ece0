"""Sound files as people upload them, decoded: WAV, FLAC, MP3 and M4A, by us and never by an engine, whatever their headers promise."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from backend.acoustics import AT_PEAK, LEAST_CLIPPED_PEAK, Samples, Stretch, flat_tops
from backend.errors import InvalidRequest

SAMPLE_RATE: Final = 32_000
"""Hz, of what becomes of every recording: what GPT-SoVITS v2ProPlus listens to."""
LONGEST_UPLOAD_S: Final = 30.0
MAX_BYTES: Final = 20_000_000
FORMATS: Final = frozenset({"wav", "flac", "mp3", "mov", "mp4", "m4a"})
"""FFmpeg's names of the containers we take; everything else stays closed."""
_RIFF_SLACK: Final = 8
"""Some encoders count the header that the length does not include."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What was decoded."""

    samples: Samples
    """Mono, at `SAMPLE_RATE`."""
    clipped: NDArray[np.float64]
    """Share of samples on a flat top, per `_FlatTops.BIN_S`, as they were recorded: resampling makes waves of what was flat."""

    def part(self, where: Stretch) -> Samples:
        return self.samples[round(where.start_s * SAMPLE_RATE) : round(where.end_s * SAMPLE_RATE)]

    def clipped_share(self, where: Stretch) -> float:
        """Share of a part's samples whose peaks are cut off, in the channel that has most of them."""
        bins = self.clipped[int(where.start_s / _FlatTops.BIN_S) : int(np.ceil(where.end_s / _FlatTops.BIN_S))]
        return float(bins.mean()) if len(bins) else 0.0


def decode(data: bytes) -> Recording:
    """A WAV, FLAC, MP3 or M4A file; never more than 30 s of it are decoded.

    Raises:
        InvalidRequest: empty, too large, another format, cut short, or longer than 30 s.
    """
    if not data:
        raise InvalidRequest("The recording has no bytes.")
    if len(data) > MAX_BYTES:
        raise InvalidRequest(f"The recording is larger than {MAX_BYTES // 1_000_000} MB; 3 to 30 seconds are enough.")
    if _cut_short(data):
        raise InvalidRequest("The file ends before the recording does; send all of it.")
    tops = _FlatTops()
    try:
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as container:
            if not FORMATS & set(container.format.name.split(",")) or not container.streams.audio:
                raise InvalidRequest("The recording is not WAV, FLAC, MP3 or M4A sound.")
            if container.streams.audio[0].codec_context is None:
                raise InvalidRequest("The recording's sound is coded in a way that is not known here; save it as WAV or FLAC.")
            stereo = np.concatenate(list(_decoded(container, tops)), axis=1)
    except InvalidRequest:
        raise
    except (av.FFmpegError, ValueError, UnicodeDecodeError) as error:
        raise InvalidRequest("The recording cannot be decoded; send a whole WAV, FLAC, MP3 or M4A file.") from error
    stereo = np.nan_to_num(stereo, posinf=0.0, neginf=0.0)
    # Floats may exceed full scale unharmed, which the 16 bits they are stored in may not.
    return Recording(_mono(stereo / max(1.0, float(np.abs(stereo).max(initial=0.0)))), tops.shares())


class _FlatTops:
    """Where the peaks of a recording are cut off, found while it is decoded: its own samples are never all in memory."""

    BIN_S: Final = 0.01
    SHORTEST_S: Final = 3 / 32_000
    """A flat top: three samples, and no shorter at higher rates, where the top of a low voice's wave is as flat as that."""
    FRAME: Final = 4096
    """Samples looked at together."""

    def __init__(self) -> None:
        # Channels side by side, because planes of eight and more crash PyAV; frames of one size, because files may have tiny ones.
        self._as_float = av.AudioResampler(format="flt", frame_size=self.FRAME)
        self._peak = np.zeros(0)
        self._bins = np.zeros((0, round(LONGEST_UPLOAD_S / self.BIN_S) + 200))
        """Samples on a flat top, shape [channels, bins]."""
        self._bin_samples = 1.0
        self._seen = 0

    def add(self, frame: av.AudioFrame | None) -> None:
        """The next frame; None: that was the last."""
        for plain in self._as_float.resample(frame):
            channels = plain.to_ndarray().reshape(plain.samples, -1).T
            self._count(np.nan_to_num(channels, posinf=0.0, neginf=0.0), plain.sample_rate)

    def shares(self) -> NDArray[np.float64]:
        """Per bin, of the channel that has most."""
        if not len(self._bins):
            return np.zeros(0)
        loud = self._bins[self._peak >= LEAST_CLIPPED_PEAK]
        worst = loud[int(loud.sum(axis=1).argmax())] if len(loud) else np.zeros(self._bins.shape[1])
        return np.asarray(worst / self._bin_samples)

    def _count(self, channels: Samples, rate: int) -> None:
        if len(self._peak) != len(channels):  # the first frame
            self._peak = np.zeros(len(channels))
            self._bins = np.zeros((len(channels), self._bins.shape[1]))
        self._bin_samples = rate * self.BIN_S
        length = max(3, round(self.SHORTEST_S * rate))
        for which, samples in enumerate(channels):
            highest = float(np.abs(samples).max(initial=0.0))
            if highest * AT_PEAK > self._peak[which]:  # what was flat below was no peak
                self._bins[which] = 0
            self._peak[which] = max(self._peak[which], highest)
            if self._peak[which] >= LEAST_CLIPPED_PEAK:
                flat = np.flatnonzero(flat_tops(samples, self._peak[which], length))
                places = ((flat + self._seen) / self._bin_samples).astype(np.int64)
                self._bins[which] += np.bincount(places, minlength=self._bins.shape[1])[: self._bins.shape[1]]
        self._seen += channels.shape[1]


def _cut_short(data: bytes) -> bool:
    """Whether a WAV file is shorter than it says; FFmpeg takes what is there. Writers to pipes say 0 or a length no file has."""
    if data[:4] != b"RIFF":
        return False
    announced = int.from_bytes(data[4:8], "little") + 8
    return len(data) + _RIFF_SLACK < announced < 0x7FFF_0000


def _decoded(container: av.container.InputContainer, tops: _FlatTops) -> Iterator[Samples]:
    """Float frames, shape [1 or 2, samples], of at most `LONGEST_UPLOAD_S` together."""
    stream = container.streams.audio[0]
    layout = "mono" if stream.channels == 1 else "stereo"
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE)
    seen = 0
    for frame in chain(_frames(container), (None,)):
        tops.add(frame)
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
