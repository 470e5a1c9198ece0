"""SOVITS_DIR: everything the GPT-SoVITS engine needs, fetched once, checked, converted; and what `tanoshi doctor` says of it.

Three sources, each pinned to a commit and each file to a checksum of ours: the weights (a model hub), the English word lists (upstream's
repository) and the tagger (NLTK's data). The network for unknown English words comes with the package g2p-en. The published checkpoints
are pickles; they are read without running code, written as safetensors, and deleted. Nothing is fetched while serving.

The built-in voices' reference clips are spoken here by the embedded synthesizer, so they are nobody's recording and their transcript is
exact; every installation has them.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import io
import shutil
import wave
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import httpx
import numpy as np

from backend.errors import ConfigurationError, Unavailable
from backend.files import told_what_cannot_be_written, whole
from backend.synthesizers.base import Speech, Style, Synthesizer, Utterance, Voice
from backend.synthesizers.sovits import checkpoints
from backend.synthesizers.sovits import directory as layout
from backend.synthesizers.sovits.builtin import voice_folder
from backend.voices.references import prepare_reference
from backend.weights.hub import Hub, Progress
from backend.weights.magi import Inspection, Say
from backend.weights.source import known_commit, write_source

REPOSITORY: Final = "lj1995/GPT-SoVITS"
COMMIT: Final = "336b2ec4e8d4ac74740798dd40af44e74659ecaf"
RAW_ENDPOINT: Final = "https://raw.githubusercontent.com"
HUBERT_PICKLE: Final = "chinese-hubert-base/pytorch_model.bin"
GPT_PICKLE: Final = "s1v3.ckpt"
SOVITS_PICKLE: Final = "v2Pro/s2Gv2ProPlus.pth"
WEIGHTS: Final = {
    "chinese-hubert-base/config.json": "c3e5060a1277e0f078cc6be9da4528a605dba6ece93018981fe2c820e5c7b103",
    "chinese-hubert-base/preprocessor_config.json": "dcd684124d06722947939d41ea6ae58dbf10968c60a11a29f23ddc602c64a29b",
    HUBERT_PICKLE: "24164f129c66499d1346e2aa55f183250c223161ec2770c0da3d3b08cf432d3c",
    layout.SPEAKER_ENCODER: "4f5a0bf73c61eb41b174e1bb54e7ee3c83233892be8e0af1f187024e8e581a35",
    GPT_PICKLE: "87133414860ea14ff6620c483a3db5ed07b44be42e2c3fcdad65523a729a745a",
    SOVITS_PICKLE: "d42a22bbbf65fb2bbdd45ad6a66841156977db45c7aabe0a6992ff378d9c7d3b",
}
"""File of the commit -> its sha256."""
_WORDS: Final = "RVC-Boss/GPT-SoVITS/48b1a0169a28582a8984402f82cf438d3bfa6aca/GPT_SoVITS/text"
WORD_LISTS: Final = {
    f"{_WORDS}/cmudict.rep": "0e601d017d6e6f958443d41cd8922b4cd7598b3ba2056253a33f3e5a35f38494",
    f"{_WORDS}/cmudict-fast.rep": "53bfef0f27d7dd74d1ba74563d1e076d3e0672ce3596cb2d6c0d52ac9ad01f6d",
    f"{_WORDS}/engdict-hot.rep": "1c80418fe6fe5d537302ae67afd3612478997b35f2cf37cff52f959ed4334a71",
}
_TAGGERS: Final = "nltk/nltk_data/550b6625bcef1f2abff2ff770a5a0d272c9c6b2a/packages/taggers"
TAGGER: Final = (
    f"{_TAGGERS}/averaged_perceptron_tagger_eng.zip",
    "6025f530624335c67d6547d44757b357b4e79bae030a0383e9887a92c1718f0b",
)
LICENCE_NOTICE: Final = (
    "GPT-SoVITS v2ProPlus: MIT, by RVC-Boss; English words by its lists, made from CMUdict, and by NLTK's tagger."
)
_TAGGER_FILES: Final = tuple(name for name in layout.LEXICON_FILES if name.startswith(layout.TAGGER))
UNKNOWN_WORDS: Final = ("checkpoint20.npz", "homographs.en")
"""Files of the package g2p-en, which pip has pinned and checked."""
CLIP_TEXTS: Final = {
    "ja": "静かな朝でした。駅前の商店街を抜けて、古い図書館まで歩いていきます。",
    "en": "It was a quiet morning. I walked past the old shops near the station, all the way to the library.",
}
"""What the built-in voices say in their reference clips, five to seven seconds; our own words."""


def fetch(
    to: Path,
    *,
    endpoint: str | None = None,
    raw_endpoint: str = RAW_ENDPOINT,
    voices: Iterable[str] = (),
    speaker: Synthesizer | None = None,
    say: Say = lambda _: None,
    progress: Progress | None = None,
) -> Inspection:
    """Makes `to` a SOVITS_DIR. Safe to run again: what is there is not fetched twice, and an operator's own clips are left alone.

    Args:
        endpoint: base URL of the model hub; None: see `Hub`.
        raw_endpoint: where files of public repositories are served by commit.
        voices: ids of the built-in voices that need reference clips.
        speaker: speaks those clips; None: they are not made.
        say: told each step, the licence first.

    Raises:
        ConfigurationError: a source has another file than we know, or the extra [gpu] is not installed.
        Unavailable: a source does not answer; what arrived is kept for the next run.
    """
    say(LICENCE_NOTICE)
    with told_what_cannot_be_written(to):
        to.mkdir(parents=True, exist_ok=True)
        _fetch_weights(to, endpoint, say, progress)
        _fetch_lexicon(to / layout.LEXICON, raw_endpoint, say)
        if speaker is not None:
            made = asyncio.run(make_clips(to / layout.VOICES, voices, speaker))
            say(f"{made} reference clips of built-in voices were spoken")
    result = inspect(to)
    say(result.sentence)
    return result


def inspect(directory: Path) -> Inspection:
    """One sentence about a directory. Looks for files, loads nothing."""
    if absent := layout.missing(directory):
        return Inspection(False, f"{directory} lacks {len(absent)} files of GPT-SoVITS, {absent[0]} among them")
    commit = (known_commit(directory) or "")[:12] or "installed by hand"
    clips = len(list((directory / layout.VOICES).glob("*/*.flac")))
    return Inspection(True, f"GPT-SoVITS v2ProPlus ({commit}) with {clips} reference clips of built-in voices")


async def make_clips(folder: Path, voice_ids: Iterable[str], speaker: Synthesizer) -> int:
    """Has `speaker` speak the neutral clip of every voice and language that has none yet; how many were made.

    Raises:
        ConfigurationError: a clip could not be spoken.
    """
    made = 0
    for voice_id in voice_ids:
        for lang, text in CLIP_TEXTS.items():
            clip = voice_folder(folder, voice_id) / f"{Style.NEUTRAL.value}.{lang}.flac"
            if clip.is_file():
                continue
            (speech,) = await speaker.speak([Utterance(text=text, lang=lang, voice=Voice(id=voice_id))])
            if not isinstance(speech, Speech):
                raise ConfigurationError(f"The reference clip of {voice_id} ({lang}) could not be spoken: {speech}")
            prepared = prepare_reference(_wav(speech), text)
            clip.parent.mkdir(parents=True, exist_ok=True)
            # The transcript first: a clip without one is not used.
            clip.with_suffix(".txt").write_text(prepared.transcript + "\n", encoding="utf-8")
            with whole(clip) as path:
                path.write_bytes(prepared.flac)
            made += 1
    return made


def _fetch_weights(to: Path, endpoint: str | None, say: Say, progress: Progress | None) -> None:
    if not [name for name in layout.WEIGHTS if not (to / name).is_file()]:
        return
    published = to / "published"
    with Hub(endpoint) as hub:
        commit = hub.resolve(REPOSITORY, COMMIT)
        say(f"{REPOSITORY} at {commit.commit}")
        for name, sha256 in WEIGHTS.items():
            path = (published if name in (GPT_PICKLE, SOVITS_PICKLE) else to) / name
            hub.fetch(commit, name, path, progress)
            _check(path, sha256)
    say("converting the checkpoints to safetensors")
    checkpoints.convert_gpt(published / GPT_PICKLE, to / layout.GPT)
    checkpoints.convert_sovits(published / SOVITS_PICKLE, to / layout.SOVITS)
    checkpoints.convert_hubert((to / HUBERT_PICKLE).parent)
    (to / HUBERT_PICKLE).unlink()
    shutil.rmtree(published)
    write_source(to, commit)


def _fetch_lexicon(to: Path, endpoint: str, say: Say) -> None:
    to.mkdir(parents=True, exist_ok=True)
    with httpx.Client(timeout=60, follow_redirects=True) as client:
        for name, sha256 in WORD_LISTS.items():
            _fetch_raw(client, f"{endpoint}/{name}", sha256, to / Path(name).name)
        archive = to / "tagger.zip"
        # An archive that is still there was not unpacked to its end: its last file may be half written.
        if archive.is_file() or not all((to / name).is_file() for name in _TAGGER_FILES):
            _fetch_raw(client, f"{endpoint}/{TAGGER[0]}", TAGGER[1], archive)
            _unpack_tagger(archive, to / layout.TAGGER)
            archive.unlink()
    package = importlib.util.find_spec("g2p_en")
    if package is None or package.origin is None:
        raise ConfigurationError("The English lexicon needs the extra [gpu]: the package g2p-en is not installed")
    (to / "g2p_en").mkdir(exist_ok=True)
    for name in UNKNOWN_WORDS:
        shutil.copyfile(Path(package.origin).parent / name, to / "g2p_en" / name)
    say("the English lexicon is in place")


def _fetch_raw(client: httpx.Client, url: str, sha256: str, to: Path) -> None:
    if to.is_file() and hashlib.sha256(to.read_bytes()).hexdigest() == sha256:
        return
    try:
        reply = client.get(url)
        reply.raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable(f"{url} cannot be fetched ({type(error).__name__}); run it again.") from error
    with whole(to) as path:
        path.write_bytes(reply.content)
        _check(path, sha256)


def _unpack_tagger(archive: Path, to: Path) -> None:
    """The three files we know by name, wherever in the archive they lie."""
    to.mkdir(parents=True, exist_ok=True)
    wanted = {Path(name).name for name in _TAGGER_FILES}
    with zipfile.ZipFile(archive) as packed:
        for name in packed.namelist():
            if Path(name).name in wanted:
                (to / Path(name).name).write_bytes(packed.read(name))


def _check(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        path.unlink()
        raise ConfigurationError(f"{path.name} is not the file we know (sha256 {found[:12]}...); it was thrown away")


def _wav(speech: Speech) -> bytes:
    """As a recording: with a rest at both ends, which a synthesizer trims away and by which a recording's noise is measured."""
    rest = np.zeros(round(0.2 * speech.sample_rate), dtype=np.float32)
    samples = np.concatenate([rest, np.clip(speech.samples, -1, 1), rest])
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.sample_rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return out.getvalue()
