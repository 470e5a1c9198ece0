"""HTTP Live Streaming (RFC 8216): a page's sound as a playlist with AAC segments, and one playlist over several pages.

Written by FFmpeg's muxer in this process, in memory: no file, no other program. Pure CPU work: call it in a worker thread.

The trap is the encoder's priming. An AAC encoder begins with a packet that only fills the overlap of the transform: 1,024
samples of delay. MPEG-TS has no field that tells players to drop them, so every cue would be late by 43 ms at 24 kHz and the
sound longer than announced. The packet is therefore not written. Players then decode the page from its first sample on; the
overlap that packet would have carried is missing in the first 1,024 samples only, and there `mix.LEAD_IN_S` is silence.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

PLAYLIST_NAME: Final = "index.m3u8"
PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
SEGMENT_TYPE: Final = "video/mp2t"
"""Media type of MPEG-TS, whether it carries a picture or not."""
SEGMENT_S: Final = 2
"""Segments end with the first AAC frame at or after this many seconds."""
BIT_RATE: Final = 64_000
FRAME: Final = 1024
"""Samples in an AAC-LC frame."""
_NULL_PACKET: Final = b"\x47\x1f\xff\x10" + b"\xff" * 184
"""A packet of MPEG-TS that every player skips (ISO/IEC 13818-1, 2.4.1)."""
_RECOGNISED_PACKETS: Final = 16
"""FFmpeg, and what is built on it, takes fewer than ten packets for something else; 0.8 s of silence are six."""
AAC_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True, slots=True)
class HlsAudio:
    """A page's sound as files: one playlist that is complete, and its segments in order."""

    playlist: str
    segments: dict[str, bytes]
    """Name as in the playlist -> MPEG-TS bytes. Names are of the form segment-000.ts."""
    duration_s: float
    """What a player measures: whole AAC frames, so up to one frame more than the samples handed in."""

    def files(self) -> Iterator[tuple[str, bytes, str]]:
        """(name, bytes, media type) of all files; the playlist last, so that whoever can read it can read the rest."""
        for name, data in self.segments.items():
            yield name, data, SEGMENT_TYPE
        yield PLAYLIST_NAME, self.playlist.encode("ascii"), PLAYLIST_TYPE


@dataclass(frozen=True, slots=True)
class WindowPage:
    """One page of a window's playlist: its own playlist, and the URI its segments are relative to ("page-3/")."""

    prefix: str
    playlist: str


def encode_hls(samples: NDArray[np.float32], sample_rate: int) -> HlsAudio:
    """Mono float32 samples in -1..1, shape [n], as HLS with AAC-LC at 64 kb/s.

    Raises:
        ValueError: no samples, samples that are not finite, or a rate AAC does not have.
    """
    if samples.ndim != 1 or not len(samples) or not np.isfinite(samples).all():
        raise ValueError("HLS needs mono samples that are numbers.")
    if sample_rate not in AAC_RATES:
        raise ValueError(f"AAC has no sample rate of {sample_rate} Hz.")
    frames = -(-len(samples) // FRAME)
    whole = np.zeros((1, frames * FRAME), dtype=np.float32)
    whole[0, : len(samples)] = samples
    files = _mux(whole, sample_rate)
    playlist = files.pop(PLAYLIST_NAME).decode("ascii")
    # FFmpeg writes this line for lists with pictures only; every AAC frame can be decoded by itself.
    playlist = playlist.replace("#EXT-X-TARGETDURATION", "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION", 1)
    return HlsAudio(playlist, files, frames * FRAME / sample_rate)


def window_playlist(pages: Sequence[WindowPage], *, complete: bool) -> str:
    """One playlist over the pages in order, so that a locked phone plays on by itself.

    Until it is `complete` the list is of type EVENT: pages are only ever added at its end, and players reload it. Each page is
    encoded by itself, hence a discontinuity between pages.

    Raises:
        ValueError: a prefix that could not stand in a playlist.
    """
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        # RFC 8216, 6.2.1: this may not change when the list grows; no segment of ours rounds to more.
        f"#EXT-X-TARGETDURATION:{max([SEGMENT_S, *(_target_duration(page.playlist) for page in pages)])}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if complete else 'EVENT'}",
        # Without it a player joins an unfinished list at its end, as it would a live broadcast.
        "#EXT-X-START:TIME-OFFSET=0",
    ]
    for number, page in enumerate(pages):
        if not page.prefix.isascii() or not page.prefix.isprintable() or " " in page.prefix or page.prefix.startswith("#"):
            raise ValueError("The prefix of a page is not a URI.")
        if number:
            lines.append("#EXT-X-DISCONTINUITY")
        for line in page.playlist.splitlines():
            if line.startswith("#EXTINF:"):
                lines.append(line)
            elif line and not line.startswith("#"):
                lines.append(page.prefix + line)
    if complete:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _target_duration(playlist: str) -> int:
    for line in playlist.splitlines():
        if line.startswith("#EXT-X-TARGETDURATION:"):
            return int(line.partition(":")[2])
    raise ValueError("A page's playlist has no target duration.")


def _mux(samples: NDArray[np.float32], sample_rate: int) -> dict[str, bytes]:
    """Encodes whole frames, shape [1, n], and returns the files FFmpeg wrote, by name, in the order they were begun."""
    files: dict[str, _File] = {}

    def open_file(name: str, _flags: int, _options: dict[str, str]) -> _File:
        files[name] = _File()
        return files[name]

    options = {
        "hls_time": str(SEGMENT_S),
        "hls_list_size": "0",
        "hls_playlist_type": "vod",
        "hls_segment_type": "mpegts",
        "hls_segment_filename": "segment-%03d.ts",
        # Microseconds. Without it the clock runs level with the sound, which leaves decoders no time, and every AAC frame gets a
        # packet header of its own: 89 instead of 62 kb/s.
        "max_delay": "700000",
    }
    with av.open(PLAYLIST_NAME, "w", format="hls", io_open=open_file, options=options) as container:
        stream = container.add_stream("aac", rate=sample_rate, layout="mono", bit_rate=BIT_RATE)
        sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        sound.sample_rate = sample_rate
        sound.pts = 0
        for packet in [*stream.encode(sound), *stream.encode(None)]:
            if packet.pts is not None and packet.pts >= 0:  # the priming packet stands before the beginning of time
                container.mux(packet)
    return {name: file.written if name == PLAYLIST_NAME else _recognisable(file.written) for name, file in files.items()}


def _recognisable(segment: bytes) -> bytes:
    """The segment, long enough that players which look at the bytes see what it is, however little is heard in it."""
    return segment + _NULL_PACKET * max(0, _RECOGNISED_PACKETS - len(segment) // len(_NULL_PACKET))


class _File(io.BytesIO):
    """A file in memory that can still be read after FFmpeg has closed it."""

    written: bytes = b""

    def close(self) -> None:
        if not self.closed:
            self.written = self.getvalue()
        super().close()
