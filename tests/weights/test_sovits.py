"""`tanoshi weights sovits` against a local hub that serves the tiny model: what arrives is checked, converted, and speaks."""

from __future__ import annotations

import errno
import functools
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from backend.errors import ConfigurationError, SpeechFailed, Unavailable
from backend.synthesizers.base import Speech, Style, Utterance
from backend.synthesizers.sovits import directory as layout
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.builtin import BuiltinVoices
from backend.weights import sovits
from tests.support.hub import LocalHub, local_hub
from tests.support.recordings import phrase

VOICES = ("sovits:narrator-v1", "sovits:mc-v1")


class Narrator:
    """Speaks anything for five seconds, as the embedded synthesizer does."""

    sample_rate = 24_000

    def __init__(self) -> None:
        self.spoken: list[Utterance] = []

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
        self.spoken += utterances
        return [Speech(phrase(5.0, rate=self.sample_rate), self.sample_rate) for _ in utterances]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Name at its source -> bytes, of everything that is fetched."""
    try:
        gsv.require_packages()
    except ConfigurationError as missing:
        pytest.skip(f"{missing} (the test extra brings it)")
    import torch
    from safetensors.torch import load_file

    from tests.support import tiny_gsv

    root = tmp_path_factory.mktemp("published")
    gsv.prepare_import()
    tiny_gsv.write_hubert(root / "chinese-hubert-base")
    tiny_gsv.write_speaker_encoder(root / layout.SPEAKER_ENCODER)
    tiny_gsv.write_gpt(root / sovits.GPT_PICKLE)
    (root / sovits.SOVITS_PICKLE).parent.mkdir()
    tiny_gsv.write_sovits(root / sovits.SOVITS_PICKLE)
    hubert = load_file(root / "chinese-hubert-base" / "model.safetensors")
    torch.save({_as_published(name): tensor for name, tensor in hubert.items()}, root / sovits.HUBERT_PICKLE)
    tiny_gsv.write_lexicon(root / "lexicon")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for path in (root / "lexicon" / layout.TAGGER).iterdir():
            packed.write(path, f"averaged_perceptron_tagger_eng/{path.name}")
        packed.writestr("../../escape.json", "{}")
    lists = {name: (root / "lexicon" / Path(name).name).read_bytes() for name in sovits.WORD_LISTS}
    return {**{name: (root / name).read_bytes() for name in sovits.WEIGHTS}, **lists, sovits.TAGGER[0]: archive.getvalue()}


def _as_published(name: str) -> str:
    """The one convolution with a normed weight had other names when the content encoder was published."""
    return name.replace("parametrizations.weight.original0", "weight_g").replace("parametrizations.weight.original1", "weight_v")


@pytest.fixture
def hub(published: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """A hub on which the tiny model is what is published, by our checksums too."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in published.items()}
    monkeypatch.setattr(sovits, "WEIGHTS", {name: sums[name] for name in sovits.WEIGHTS})
    monkeypatch.setattr(sovits, "WORD_LISTS", {name: sums[name] for name in sovits.WORD_LISTS})
    monkeypatch.setattr(sovits, "TAGGER", (sovits.TAGGER[0], sums[sovits.TAGGER[0]]))
    with local_hub({sovits.REPOSITORY: {name: published[name] for name in sovits.WEIGHTS}}) as hub:
        hub.commit = sovits.COMMIT
        yield hub


@pytest.fixture
def raw(published: dict[str, bytes], tmp_path: Path) -> Iterator[str]:
    """The other two sources."""
    root = tmp_path / "raw"
    for name in (*sovits.WORD_LISTS, sovits.TAGGER[0]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(published[name])

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_one_command_makes_a_directory_that_is_complete_and_holds_no_pickled_model(
    hub: LocalHub, raw: str, tmp_path: Path
) -> None:
    said: list[str] = []
    to, narrator = tmp_path / "sovits", Narrator()

    result = sovits.fetch(to, endpoint=hub.url, raw_endpoint=raw, voices=VOICES, speaker=narrator, say=said.append)  # type: ignore[arg-type]

    assert result.usable, result.sentence
    assert layout.missing(to) == []
    assert json.loads((to / "source.json").read_text())["commit"] == sovits.COMMIT
    assert not [path for path in to.rglob("*") if path.suffix in {".pth", ".bin"} or path.name == "s1v3.ckpt"]
    assert not list(tmp_path.rglob("escape.json"))
    assert (said[0], said[-1]) == (sovits.LICENCE_NOTICE, result.sentence)
    tts = gsv.open_tts(to, "cpu")
    assert tts is not None


def test_a_second_run_fetches_and_speaks_nothing_again(hub: LocalHub, raw: str, tmp_path: Path) -> None:
    to, narrator = tmp_path / "sovits", Narrator()
    for _ in range(2):
        sovits.fetch(to, endpoint=hub.url, raw_endpoint=raw, voices=VOICES, speaker=narrator)  # type: ignore[arg-type]

    assert len(hub.served) == len(sovits.WEIGHTS)
    assert len(narrator.spoken) == len(VOICES) * len(sovits.CLIP_TEXTS)

    for name in layout.LEXICON_FILES:
        (to / layout.LEXICON / name).unlink()
        assert sovits.fetch(to, endpoint=hub.url, raw_endpoint=raw).usable, f"a run that was cut off before {name}"


def test_a_file_that_is_not_the_one_we_know_is_thrown_away(
    hub: LocalHub, raw: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sovits.WEIGHTS, layout.SPEAKER_ENCODER, "0" * 64)
    with pytest.raises(ConfigurationError, match="not the file we know"):
        sovits.fetch(tmp_path / "sovits", endpoint=hub.url, raw_endpoint=raw)
    assert not (tmp_path / "sovits" / layout.SPEAKER_ENCODER).exists()


def test_a_source_that_does_not_answer_is_named(hub: LocalHub, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="run it again"):
        sovits.fetch(tmp_path / "sovits", endpoint=hub.url, raw_endpoint="http://127.0.0.1:9")


@pytest.mark.parametrize("part", [layout.GPT, layout.SOVITS, "chinese-hubert-base"])
def test_a_conversion_that_is_cut_off_is_made_again(
    hub: LocalHub, raw: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    import safetensors.torch

    save = safetensors.torch.save_file

    def cut_off(weights: object, path: Path | str, metadata: object = None) -> None:
        if part in Path(path).parts:
            Path(path).write_bytes(b"half of it")
            raise KeyboardInterrupt
        save(weights, path, metadata)  # type: ignore[arg-type]

    to = tmp_path / "sovits"
    monkeypatch.setattr(safetensors.torch, "save_file", cut_off)
    with pytest.raises(KeyboardInterrupt):
        sovits.fetch(to, endpoint=hub.url, raw_endpoint=raw)
    assert f"{part}/model.safetensors" in layout.missing(to)

    monkeypatch.setattr(safetensors.torch, "save_file", save)
    assert sovits.fetch(to, endpoint=hub.url, raw_endpoint=raw).usable


class DiskFull:
    """Writes half of the files it is asked for, until there is room again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *endings: str) -> None:
        self.write, self.room = Path.write_bytes, False
        monkeypatch.setattr(Path, "write_bytes", lambda path, data: self.written(path, data, endings))

    def written(self, path: Path, data: bytes, endings: tuple[str, ...]) -> int:
        if self.room or not path.name.endswith(endings):
            return self.write(path, data)
        self.write(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("ending", ["classes.json", "weights.json"])
def test_a_lexicon_that_is_cut_off_is_unpacked_again(
    hub: LocalHub, raw: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    to, disk = tmp_path / "sovits", DiskFull(monkeypatch, ending)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        sovits.fetch(to, endpoint=hub.url, raw_endpoint=raw)
    disk.room = True
    assert sovits.fetch(to, endpoint=hub.url, raw_endpoint=raw).usable
    [cut] = (to / layout.LEXICON).rglob(f"*{ending}")
    json.loads(cut.read_text())


async def test_a_clip_that_is_cut_off_is_spoken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = DiskFull(monkeypatch, ".flac", ".partial")
    with pytest.raises(OSError, match="No space"):
        await sovits.make_clips(tmp_path, VOICES[:1], Narrator())  # type: ignore[arg-type]
    disk.room = True
    assert await sovits.make_clips(tmp_path, VOICES[:1], Narrator()) == len(sovits.CLIP_TEXTS)  # type: ignore[arg-type]


def test_doctor_names_what_is_missing(tmp_path: Path) -> None:
    result = sovits.inspect(tmp_path)
    assert not result.usable
    assert "lacks" in result.sentence
    assert "chinese-hubert-base/config.json" in result.sentence


async def test_every_built_in_voice_gets_a_clip_a_language_and_an_operators_own_is_kept(tmp_path: Path) -> None:
    narrator = Narrator()
    own = tmp_path / "sovits-mc-v1" / "neutral.ja.flac"
    own.parent.mkdir()
    own.write_bytes(b"mine")
    own.with_suffix(".txt").write_text("私の声です。", encoding="utf-8")

    made = await sovits.make_clips(tmp_path, VOICES, narrator)  # type: ignore[arg-type]

    assert made == 3
    assert own.read_bytes() == b"mine"
    for voice in VOICES:
        for lang, text in sovits.CLIP_TEXTS.items():
            clip = BuiltinVoices(tmp_path).clips(voice, lang)[Style.NEUTRAL]
            assert clip.lang == lang
            assert clip.transcript == (text if (voice, lang) != (VOICES[1], "ja") else "私の声です。")


async def test_a_voice_speaks_with_its_clip_in_another_language_rather_than_not_at_all(tmp_path: Path) -> None:
    await sovits.make_clips(tmp_path, VOICES[:1], Narrator())  # type: ignore[arg-type]
    (tmp_path / "sovits-narrator-v1" / "neutral.en.flac").unlink()
    assert BuiltinVoices(tmp_path).clips(VOICES[0], "en")[Style.NEUTRAL].lang == "ja"
    assert BuiltinVoices(tmp_path).clips("sovits:nobody", "en") == {}


def test_the_checksums_are_whole_and_the_revisions_are_commits() -> None:
    sums = [*sovits.WEIGHTS.values(), *sovits.WORD_LISTS.values(), sovits.TAGGER[1]]
    assert all(len(value) == 64 and set(value) <= set("0123456789abcdef") for value in sums)
    assert len(set(sums)) == len(sums)
    commits = [sovits.COMMIT, *(name.split("/")[2] for name in (*sovits.WORD_LISTS, sovits.TAGGER[0]))]
    assert all(len(commit) == 40 for commit in commits)
    assert np.unique(commits).size == 3
