"""What a person who uploads a recording can rely on."""

from __future__ import annotations

import io
import wave

import av
import numpy as np
import pytest

from backend.acoustics import levels_db, median_pitch_hz, usual_pitch_hz
from backend.errors import InvalidRequest
from backend.voices.recordings import MAX_BYTES, SAMPLE_RATE, decode
from backend.voices.references import SPOKEN, WHISPERED, Limits, prepare_reference
from tests.support.recordings import encoded, phrase, rest, whispered

WORDS = "It was a quiet morning, and nobody had noticed."


def spoken(*lengths_s: float, pitch_hz: float = 180.0) -> np.ndarray:
    """Phrases with rests of 0.4 s between and around them."""
    parts = [rest(0.4)]
    for number, length_s in enumerate(lengths_s):
        parts += [phrase(length_s, pitch_hz, seed=number), rest(0.4)]
    return np.concatenate(parts)


def noise(duration_s: float) -> np.ndarray:
    """Hiss of level 0.1."""
    return np.random.default_rng(1).normal(size=round(duration_s * SAMPLE_RATE)).astype(np.float32) * 0.1


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "m4a"])
def test_every_announced_format_becomes_mono_flac_of_the_engines_rate(kind: str) -> None:
    prepared = prepare_reference(encoded(spoken(2.0, 2.0), kind), WORDS)

    clip = decode(prepared.flac).samples
    assert prepared.flac[:4] == b"fLaC"
    assert len(clip) == pytest.approx(prepared.duration_s * SAMPLE_RATE, abs=2)
    assert 4.0 < prepared.duration_s < 5.0
    assert prepared.transcript == WORDS


def test_other_rates_are_resampled_and_silence_around_the_speech_goes() -> None:
    slow = np.concatenate([rest(2.0, 16_000), phrase(3.5, rate=16_000), rest(2.0, 16_000)])

    prepared = prepare_reference(encoded(slow, "wav", 16_000), WORDS)

    assert prepared.duration_s == pytest.approx(3.74, abs=0.2)
    assert prepared.kept.start_s == pytest.approx(1.9, abs=0.1)


def test_equal_recordings_have_one_content_hash_and_others_another() -> None:
    first, again = (prepare_reference(encoded(spoken(3.5), "wav"), WORDS) for _ in range(2))
    other = prepare_reference(encoded(spoken(3.6), "wav"), WORDS)

    assert first.content_hash == again.content_hash != other.content_hash


@pytest.mark.parametrize("pitch_hz", [95.0, 180.0, 310.0])
def test_pitch_and_brightness_are_measured(pitch_hz: float) -> None:
    prepared = prepare_reference(encoded(spoken(4.0, pitch_hz=pitch_hz), "flac"), WORDS)

    assert prepared.pitch_hz == pytest.approx(pitch_hz, rel=0.06)
    assert 200 < prepared.brightness_hz < 3000


def test_a_higher_voice_measures_brighter_than_the_same_voice_muffled() -> None:
    clear = spoken(4.0)
    muffled = np.convolve(clear, np.ones(24) / 24, "same").astype(np.float32) * 1.5

    bright, dull = (prepare_reference(encoded(samples, "flac"), WORDS).brightness_hz for samples in (clear, muffled))

    assert bright > 1.1 * dull


def test_one_empty_or_opposite_channel_does_not_cost_the_voice() -> None:
    voice = spoken(4.0)
    for right in (np.zeros_like(voice), -voice):
        prepared = prepare_reference(encoded(np.stack([voice, right]), "wav"), WORDS)
        assert median_pitch_hz(decode(prepared.flac).samples, SAMPLE_RATE) == pytest.approx(180, rel=0.06)


@pytest.mark.parametrize("channels", [8, 24])
def test_a_voice_in_many_channels_is_mixed_to_one(channels: int) -> None:
    pcm = np.round(spoken(4.0) * 32767).astype("<i2")
    recording = io.BytesIO()
    with wave.open(recording, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.repeat(pcm, channels).tobytes())

    prepared = prepare_reference(recording.getvalue(), WORDS)

    assert median_pitch_hz(decode(prepared.flac).samples, SAMPLE_RATE) == pytest.approx(180, rel=0.06)


@pytest.mark.parametrize("times", [20.0, 1e30])
def test_floats_beyond_full_scale_are_not_cut_off_when_they_are_stored(times: float) -> None:
    voice = spoken(4.0)

    kept = [decode(prepare_reference(encoded(voice * gain, "float wav"), WORDS).flac).samples for gain in (1.0, times)]

    quiet, loud = (clip / np.abs(clip).max() for clip in kept)
    assert np.abs(quiet - loud).max() < 0.001


def test_samples_that_are_no_numbers_are_silence() -> None:
    voice = spoken(4.0).copy()
    voice[::50_000] = np.nan
    voice[1::50_000] = np.inf

    assert np.isfinite(decode(encoded(voice, "float wav")).samples).all()
    assert prepare_reference(encoded(voice, "float wav"), WORDS).pitch_hz == pytest.approx(180, rel=0.06)


def test_a_long_recording_is_cut_at_pauses_to_whole_sentences_with_their_transcript() -> None:
    sentences = ["I walked along the river for hours.", "Then it rained.", "Nobody came to meet me at the old station, as usual."]
    letters = [len(sentence.replace(" ", "")) for sentence in sentences]
    lengths = [14.0 * count / sum(letters) for count in letters]

    prepared = prepare_reference(encoded(spoken(*lengths), "wav"), " ".join(sentences))

    assert 3.0 <= prepared.duration_s <= 10.0
    kept = [sentence for sentence in sentences if sentence in prepared.transcript]
    assert prepared.transcript == " ".join(kept)
    expected_s = sum(lengths[sentences.index(sentence)] for sentence in kept) + 0.4 * (len(kept) - 1) + 0.24
    assert prepared.duration_s == pytest.approx(expected_s, abs=0.25)


@pytest.mark.parametrize(
    ("lengths", "gains", "kept"),
    [((3.5, 7.5), (1, 1), 1), ((7.5, 3.5), (1, 1), 0), ((6.0, 4.5), (20, 1), 1)],
    ids=["the longer", "the longer, first", "the one that is not distorted"],
)
def test_of_a_long_recording_the_best_part_is_kept(lengths: tuple[float, float], gains: tuple[float, float], kept: int) -> None:
    sentences = ["".join(["a" * round(10 * length_s)]) + "." for length_s in lengths]
    parts = [
        np.clip(phrase(length_s, seed=number) * gain, -1, 1)
        for number, (length_s, gain) in enumerate(zip(lengths, gains, strict=True))
    ]
    recording = np.concatenate([rest(0.4), parts[0], rest(0.4), parts[1], rest(0.4)])

    prepared = prepare_reference(encoded(recording, "wav"), " ".join(sentences))

    assert prepared.transcript == sentences[kept]
    assert prepared.duration_s == pytest.approx(lengths[kept] + 0.24, abs=0.15)


def test_a_long_recording_whose_pauses_do_not_fit_the_transcript_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="do not match the transcript"):
        prepare_reference(encoded(spoken(12.0), "wav"), "One sentence. Two sentences. Three sentences.")


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        pytest.param(rest(5.0), "almost silent", id="nothing said"),
        pytest.param(spoken(2.0), "at least 3 s", id="too short"),
        pytest.param(spoken(4.0) * 0.005, "almost silent", id="hardly there"),
        pytest.param(spoken(4.0) * 0.03, r"almost silent \(-\d\d dB\)", id="too quiet"),
        pytest.param(np.clip(spoken(4.0) * 30, -1, 1), "distorted", id="clipped"),
        pytest.param(
            spoken(4.0) + 0.5 * noise(len(spoken(4.0)) / SAMPLE_RATE),
            "noise or music|too little speech",
            id="noisy",
        ),
        pytest.param(noise(4.0), "too little speech|noise", id="only noise"),
        pytest.param(phrase(31.5), "longer than 30 s", id="too long"),
    ],
)
def test_a_recording_that_cannot_be_cloned_from_is_refused_with_the_reason(recording: np.ndarray, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        prepare_reference(encoded(recording, "flac"), WORDS)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("pitch_hz", [80.0, 180.0])
def test_cut_off_peaks_are_seen_at_any_rate_and_whole_ones_never_taken_for_them(rate: int, pitch_hz: float) -> None:
    voice = np.concatenate([rest(0.4, rate), phrase(4.0, pitch_hz, rate=rate), rest(0.4, rate)])
    loud = (voice * 0.999 / np.abs(voice).max()).astype(np.float32)

    assert prepare_reference(encoded(loud, "flac", rate), WORDS).duration_s == pytest.approx(4.2, abs=0.3)
    for clipped in (np.clip(loud * 6, -1, 1), np.clip(loud * 6, -1, 1) * 0.6, np.stack([loud, np.clip(loud * 6, -1, 1)])):
        with pytest.raises(InvalidRequest, match="distorted"):
            prepare_reference(encoded(clipped, "wav", rate), WORDS)


def test_cut_off_peaks_are_seen_where_a_files_frames_are_shorter_than_they_are() -> None:
    rate = 192_000
    loud = np.clip(phrase(0.3, 80.0, rate=rate) * 20, -1, 1)

    in_frames_of_16, in_usual_frames = (decode(encoded(loud, "flac", rate, block)) for block in (16, None))

    assert in_frames_of_16.clipped.max() > 0.1
    np.testing.assert_array_equal(in_frames_of_16.clipped, in_usual_frames.clipped)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no bytes"),
        (b"not sound at all" * 100, "cannot be decoded"),
        (b"RIFF\x04\x00\x00\x00WAVE", "cannot be decoded|not WAV"),
        (encoded(spoken(4.0), "wav")[:-30_000], "ends before the recording does"),
        (b"\0" * (MAX_BYTES + 1), "larger than 20 MB"),
    ],
)
def test_bytes_that_are_no_recording_are_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        prepare_reference(data, WORDS)


@pytest.mark.parametrize("length", [0, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_wav_written_to_a_pipe_does_not_know_its_length_and_is_taken(length: int) -> None:
    whole = bytearray(encoded(spoken(4.0), "wav"))
    data = whole.index(b"data")
    for place in (4, data + 4):
        whole[place : place + 4] = length.to_bytes(4, "little")
    assert prepare_reference(bytes(whole), WORDS).duration_s == pytest.approx(4.0, abs=0.3)


@pytest.mark.parametrize("rate", [1, 20, 1000])
def test_a_recording_of_few_samples_a_second_is_refused_before_it_becomes_gigabytes(
    rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_s: list[float] = []

    class Watched:
        def __init__(self, **wanted: object) -> None:
            del wanted

        def resample(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
            given_s.append(frame.samples / frame.sample_rate if frame is not None else 0.0)
            return []

    small = encoded(noise(4.0), "flac", rate, block=65_535)
    monkeypatch.setattr(av, "AudioResampler", Watched)

    with pytest.raises(InvalidRequest, match="longer than 30 s"):
        decode(small)
    assert sum(given_s) < 31


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        pytest.param(20, b"\xcd\xab", "coded in a way that is not known", id="unknown codec"),
        pytest.param(34, b"\0\0", "coded in a way that is not known", id="samples of no bits"),
        pytest.param(22, b"\0\0", "cannot be decoded", id="no channels"),
        pytest.param(24, b"\0\0\0\0", "cannot be decoded", id="no samples a second"),
        pytest.param(24, b"\xff\xff\xff\xff", "cannot be decoded", id="four thousand million samples a second"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused_with_the_reason(place: int, value: bytes, reason: str) -> None:
    whole = encoded(spoken(4.0), "wav")
    with pytest.raises(InvalidRequest, match=reason):
        prepare_reference(whole[:place] + value + whole[place + len(value) :], WORDS)


@pytest.mark.parametrize(("transcript", "reason"), [("Oh.", "far less"), (WORDS * 5, "far more")])
def test_a_transcript_that_nobody_could_say_in_the_time_is_refused(transcript: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=f"says {reason} than is heard in 5.. s"):
        prepare_reference(encoded(spoken(5.0), "flac"), transcript)


def test_other_containers_stay_closed() -> None:
    with pytest.raises(InvalidRequest, match="not WAV, FLAC, MP3 or M4A"):
        prepare_reference(encoded(spoken(4.0), "aiff"), WORDS)


def test_a_file_cut_short_is_never_taken_for_a_whole_one_without_speech_enough() -> None:
    whole = encoded(spoken(4.0), "m4a")
    with pytest.raises(InvalidRequest):
        prepare_reference(whole[: len(whole) // 3], WORDS)


def test_a_recording_without_transcript_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="transcript is empty"):
        prepare_reference(encoded(spoken(4.0), "flac"), " … ")


def breath(peak: float = 0.1, room: float = 1e-4) -> np.ndarray:
    """Two whispered phrases in a room with so much noise."""
    said = np.concatenate([rest(0.4), whispered(2.2, 1, peak), rest(0.4), whispered(2.2, 2, peak), rest(0.4)])
    return (said + np.random.default_rng(3).normal(size=len(said)) * room).astype(np.float32)


def hiss() -> np.ndarray:
    """Breath in which nothing is voiced, not even by mistake."""
    return np.concatenate([rest(0.4), noise(2.2), rest(0.4), noise(2.2), rest(0.4)])


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        pytest.param(breath(peak=0.03), "almost silent", id="as quiet as whispers are"),
        pytest.param(breath(room=0.006), "noise or music", id="in a room that is heard"),
        pytest.param(hiss(), "too little speech", id="without a pitch"),
    ],
)
def test_a_whisper_is_taken_for_a_whisper_and_for_nothing_else(recording: np.ndarray, reason: str) -> None:
    assert prepare_reference(encoded(recording, "flac"), WORDS, WHISPERED).duration_s == pytest.approx(5.0, abs=0.3)
    with pytest.raises(InvalidRequest, match=reason):
        prepare_reference(encoded(recording, "flac"), WORDS, SPOKEN)


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        pytest.param(breath(peak=0.008), "almost silent", id="too quiet"),
        pytest.param(breath(room=0.012), "noise or music", id="in a loud room"),
        pytest.param(noise(4.0), "noise or music", id="only noise"),
        pytest.param(np.concatenate([rest(0.4), whispered(2.0), rest(0.4)]), "at least 3 s", id="too short"),
        pytest.param(
            np.concatenate([rest(0.4), whispered(0.6), rest(2.5), whispered(0.6), rest(0.4)]), "too little", id="mostly rests"
        ),
    ],
)
def test_a_whisper_has_limits_too(recording: np.ndarray, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        prepare_reference(encoded(recording, "flac"), WORDS, WHISPERED)


def test_a_quiet_whisper_is_stored_as_loud_as_speech_has_to_be_and_what_is_loud_enough_as_it_is() -> None:
    def loudness_db(recording: np.ndarray, limits: Limits) -> float:
        kept = decode(prepare_reference(encoded(recording, "flac"), WORDS, limits).flac).samples
        return float(np.percentile(levels_db(kept, SAMPLE_RATE), 90))

    quiet, loud = (loudness_db(breath(peak), WHISPERED) for peak in (0.015, 0.1))
    assert -43 < quiet < -35
    assert loud == pytest.approx(float(np.percentile(levels_db(breath(), SAMPLE_RATE), 90)), abs=1)
    assert loudness_db(spoken(4.0) * 0.2, SPOKEN) == pytest.approx(loudness_db(spoken(4.0), SPOKEN) - 14, abs=0.1)


def test_a_whisper_has_no_usual_pitch_though_a_tracker_finds_one_in_it() -> None:
    assert median_pitch_hz(breath(), SAMPLE_RATE) is not None
    assert usual_pitch_hz(breath(), SAMPLE_RATE) is None
    assert usual_pitch_hz(spoken(4.0), SAMPLE_RATE) == median_pitch_hz(spoken(4.0), SAMPLE_RATE)
    assert usual_pitch_hz(rest(2.0) * 0, SAMPLE_RATE) is None
