"""A page's playlist plays everywhere: RFC 8216 to the letter, sound at the announced time, duration as announced."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest

from backend.narration.hls import FRAME, HlsAudio, WindowPage, encode_hls, window_playlist
from backend.narration.mix import mix
from tests.support.audio import (
    announced_s,
    as_speech,
    between,
    decode,
    decode_hls,
    is_silent,
    main_frequency,
    padded,
    segment_durations,
    segment_names,
    speech_like,
    tone,
)
from tests.support.lines import script_line

RATES = pytest.mark.parametrize("rate", [24_000, 32_000])


def quiet_start(samples: np.ndarray, rate: int) -> np.ndarray:
    return padded(samples, rate, head_s=0.15)


def target_duration(playlist: str) -> int:
    (found,) = re.findall(r"^#EXT-X-TARGETDURATION:(\d+)$", playlist, re.MULTILINE)
    return int(found)


@RATES
@pytest.mark.parametrize("seconds", [0.01, 0.8, 2.0, 7.3])
def test_the_playlist_is_complete_and_names_every_segment_once(rate: int, seconds: float) -> None:
    audio = encode_hls(quiet_start(speech_like(seconds, rate), rate), rate)
    lines = audio.playlist.splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[1] == "#EXT-X-VERSION:3"
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert "#EXT-X-INDEPENDENT-SEGMENTS" in lines[: lines.index("#EXT-X-MEDIA-SEQUENCE:0") + 1]
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in lines
    assert segment_names(audio.playlist) == list(audio.segments)
    assert all(re.fullmatch(r"segment-\d{3,}\.ts", name) for name in audio.segments)
    assert all(round(extinf) <= target_duration(audio.playlist) for extinf in segment_durations(audio.playlist))
    assert all(extinf >= 1.9 for extinf in segment_durations(audio.playlist)[:-1])


@RATES
@pytest.mark.parametrize("seconds", [0.8, 1.37, 6.0, 10.004])
def test_announced_listed_and_decoded_duration_are_the_same(rate: int, seconds: float) -> None:
    samples = quiet_start(speech_like(seconds, rate), rate)
    audio = encode_hls(samples, rate)
    decoded, decoded_rate = decode_hls(audio.playlist, audio.segments)
    assert decoded_rate == rate
    assert len(decoded) == round(audio.duration_s * rate)
    assert announced_s(audio.playlist) == pytest.approx(audio.duration_s, abs=1e-3)
    assert 0 <= len(decoded) - len(samples) < FRAME


@RATES
def test_the_sound_comes_out_where_it_was_put_in(rate: int) -> None:
    samples = padded(tone(600, 0.5, rate), rate, head_s=2.3, tail_s=1.0)
    audio = encode_hls(samples, rate)
    decoded, _ = decode_hls(audio.playlist, audio.segments)
    assert np.corrcoef(samples, decoded[: len(samples)])[0, 1] > 0.99
    assert is_silent(between(decoded, rate, 0, 2.25))
    assert is_silent(between(decoded, rate, 2.9, 3.8))


@RATES
def test_each_line_of_a_page_is_heard_at_its_cue_after_encoding(rate: int) -> None:
    pitches = [300.0, 500.0, 700.0, 900.0]
    lines = [(script_line(n), as_speech(tone(hz, 1.1, rate), rate)) for n, hz in enumerate(pitches)]
    track = mix(lines, page_size=(100, 100), sample_rate=rate)
    audio = encode_hls(track.samples, rate)
    decoded, _ = decode_hls(audio.playlist, audio.segments)
    before = 0.0
    for cue, hz in zip(track.cues, pitches, strict=True):
        assert cue.end <= audio.duration_s
        assert main_frequency(between(decoded, rate, cue.start, cue.end), rate) == pytest.approx(hz, abs=3)
        # One frame of the codec, 43 ms at most, is how far a tone may smear past its cue.
        assert is_silent(between(decoded, rate, before + FRAME / rate, cue.start - FRAME / rate))
        before = cue.end


def test_every_segment_decodes_by_itself() -> None:
    audio = encode_hls(quiet_start(tone(440, 7.0, 24_000), 24_000), 24_000)
    for data, extinf in zip(audio.segments.values(), segment_durations(audio.playlist), strict=True):
        decoded, rate = decode(data)
        assert len(decoded) / rate == pytest.approx(extinf, abs=1e-3)
        assert not is_silent(decoded)


@RATES
@pytest.mark.parametrize("seconds", [0.01, 0.8, 2.0, 5.0])
def test_a_page_without_words_is_recognised_and_played_too(rate: int, seconds: float, tmp_path: Path) -> None:
    audio = encode_hls(np.zeros(round(seconds * rate), dtype=np.float32), rate)
    for data in audio.segments.values():
        decode(data)
    for name, data, _ in audio.files():
        (tmp_path / name).write_bytes(data)
    decoded, decoded_rate = decode(tmp_path / "index.m3u8")
    assert decoded_rate == rate
    assert len(decoded) == round(audio.duration_s * rate)
    assert is_silent(decoded)


def test_the_files_carry_their_media_types_and_the_playlist_comes_last() -> None:
    audio = encode_hls(quiet_start(tone(440, 2.5, 24_000), 24_000), 24_000)
    files = list(audio.files())
    assert [(name, kind) for name, _, kind in files] == [
        ("segment-000.ts", "video/mp2t"),
        ("segment-001.ts", "video/mp2t"),
        ("index.m3u8", "application/vnd.apple.mpegurl"),
    ]
    assert files[-1][1].decode() == audio.playlist
    assert all(data[:1] == b"\x47" and len(data) % 188 == 0 for _, data, kind in files if kind == "video/mp2t")


def test_the_container_adds_little_to_the_sound() -> None:
    audio = encode_hls(quiet_start(speech_like(10.0, 24_000), 24_000), 24_000)
    assert sum(map(len, audio.segments.values())) * 8 / audio.duration_s < 80_000


def test_the_same_sound_is_written_as_the_same_bytes() -> None:
    samples = quiet_start(speech_like(3.0, 24_000), 24_000)
    assert encode_hls(samples, 24_000) == encode_hls(samples, 24_000)


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (np.zeros(0, dtype=np.float32), 24_000),
        (np.full(10, np.nan, dtype=np.float32), 24_000),
        (np.zeros((2, 10), dtype=np.float32), 24_000),
        (np.zeros(10, dtype=np.float32), 23_999),
    ],
)
def test_what_is_not_sound_is_not_encoded(samples: np.ndarray, rate: int) -> None:
    with pytest.raises(ValueError, match=r"HLS|AAC"):
        encode_hls(samples, rate)


@pytest.fixture(scope="module")
def two_pages() -> list[HlsAudio]:
    return [encode_hls(quiet_start(tone(hz, seconds, 24_000), 24_000), 24_000) for hz, seconds in ((400, 3.0), (800, 0.4))]


def test_a_window_plays_its_pages_one_after_another(two_pages: list[HlsAudio]) -> None:
    found = window_playlist([WindowPage(f"page-{n}/", page.playlist) for n, page in enumerate(two_pages)], complete=True)
    assert segment_names(found) == ["page-0/segment-000.ts", "page-0/segment-001.ts", "page-1/segment-000.ts"]
    assert announced_s(found) == pytest.approx(sum(page.duration_s for page in two_pages), abs=1e-3)
    lines = found.splitlines()
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    assert lines.index("#EXT-X-DISCONTINUITY") == lines.index("page-0/segment-001.ts") + 1
    assert lines.count("#EXTM3U") == lines.count("#EXT-X-ENDLIST") == 1
    assert all(math.ceil(extinf - 0.5) <= target_duration(found) for extinf in segment_durations(found))


def test_a_window_only_grows_at_its_end_until_it_is_complete(two_pages: list[HlsAudio]) -> None:
    pages = [WindowPage(f"page-{n}/", page.playlist) for n, page in enumerate(two_pages)]
    lists = [window_playlist(pages[:count], complete=False) for count in range(3)]
    for earlier, later in itertools.pairwise(lists):
        assert later.startswith(earlier)
    assert "#EXT-X-ENDLIST" not in lists[-1]
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in lists[-1]
    assert window_playlist(pages, complete=True).replace("VOD", "EVENT") == lists[-1] + "#EXT-X-ENDLIST\n"


@pytest.mark.parametrize("prefix", ["a\nb/", "two words/", "#page/", "ページ/"])
def test_a_prefix_that_is_no_uri_is_refused(prefix: str, two_pages: list[HlsAudio]) -> None:
    with pytest.raises(ValueError, match="not a URI"):
        window_playlist([WindowPage(prefix, two_pages[0].playlist)], complete=True)
