"""`tanoshi weights magi` and what doctor says of its directory; the hub is a local one and the model the tiny golden one."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason='torch is not installed; pip install "tanoshi-narration[gpu]"')

from safetensors.torch import load_file  # noqa: E402

from backend.cli import doctor  # noqa: E402
from backend.errors import ConfigurationError  # noqa: E402
from backend.readers.magi.licence import LICENCE_NOTICE  # noqa: E402
from backend.readers.magi.network import Network  # noqa: E402
from backend.settings import Settings  # noqa: E402
from backend.weights import magi  # noqa: E402
from tests.support.hub import local_hub  # noqa: E402

GOLDEN = Path(__file__).parents[1] / "data" / "magi"
REPOSITORY, WORDS = "somebody/magi", "somebody/words"


@pytest.fixture(scope="module")
def tensors():
    return load_file(GOLDEN / "model.safetensors")


@pytest.fixture
def tiny_table(monkeypatch, tensors):
    """The tiny model is what is published, for these tests."""
    table = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    monkeypatch.setattr(magi, "published_tensors", lambda: table)


@pytest.fixture
def hub(tensors):
    """As published: a pickled checkpoint whose token embedding is one tensor under two names; the vocabulary in a repository of its own."""
    tied = dict(tensors)
    tied["ocr_model.decoder.output_projection.weight"] = tied["ocr_model.decoder.model.decoder.embed_tokens.weight"]
    pickled = io.BytesIO()
    torch.save(tied, pickled)
    config = json.loads((GOLDEN / "config.json").read_text()) | {"ocr_pretrained_processor_path": WORDS}
    vocabulary = (GOLDEN / "tokenizer" / "vocab.json").read_bytes()
    files = {"config.json": json.dumps(config).encode(), "pytorch_model.bin": pickled.getvalue(), "other.py": b"raise SystemExit"}
    with local_hub({REPOSITORY: files, WORDS: {"vocab.json": vocabulary}}) as running:
        yield running


def fetch(hub, to, **how):
    said = []
    result = magi.fetch(to, endpoint=hub.url, repository=REPOSITORY, say=said.append, **how)
    return result, said


def test_fetching_makes_a_directory_the_reader_loads(tiny_table, hub, tmp_path, tensors):
    result, said = fetch(hub, tmp_path)
    assert result.usable
    assert said[0] == LICENCE_NOTICE
    assert LICENCE_NOTICE in said[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors", "source.json", "tokenizer"]
    converted = load_file(tmp_path / "model.safetensors")
    assert converted.keys() == tensors.keys()
    assert all(torch.equal(converted[name], tensor) for name, tensor in tensors.items())
    Network.load(tmp_path)


def test_running_it_again_fetches_nothing_and_keeps_the_commit(tiny_table, hub, tmp_path):
    fetch(hub, tmp_path)
    served = len(hub.served)
    result, said = fetch(hub, tmp_path)
    assert result.usable
    assert len(hub.served) == served
    assert any(hub.commit in line for line in said)


def test_a_run_that_was_cut_off_is_taken_up(tiny_table, hub, tmp_path):
    hub.cut_after = 1_000_000
    assert fetch(hub, tmp_path)[0].usable
    assert ("pytorch_model.bin", 0) in hub.served
    assert any(name == "pytorch_model.bin" and first > 0 for name, first in hub.served)


def test_safetensors_are_preferred_where_the_hub_has_them(tiny_table, hub, tmp_path):
    hub.repositories[REPOSITORY]["model.safetensors"] = (GOLDEN / "model.safetensors").read_bytes()
    assert fetch(hub, tmp_path)[0].usable
    assert "pytorch_model.bin" not in [name for name, _ in hub.served]


def test_a_checkpoint_with_other_tensors_is_refused(hub, tmp_path):
    with pytest.raises(ConfigurationError, match="another model"):
        fetch(hub, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_the_published_checkpoint_is_asked_for_by_its_commit_and_known_by_its_checksum(tiny_table, hub, tmp_path, monkeypatch):
    files = hub.repositories[magi.REPOSITORY] = hub.repositories[REPOSITORY]
    monkeypatch.setattr(magi, "CHECKSUM", hashlib.sha256(files["pytorch_model.bin"]).hexdigest())
    with pytest.raises(ConfigurationError, match="answers with commit"):
        magi.fetch(tmp_path, endpoint=hub.url)
    hub.commit = magi.COMMIT
    assert magi.fetch(tmp_path, endpoint=hub.url).usable
    monkeypatch.setattr(magi, "CHECKSUM", "0" * 64)
    with pytest.raises(ConfigurationError, match="not the file we know"):
        magi.fetch(tmp_path / "again", endpoint=hub.url)


def test_of_the_pinned_commit_the_file_we_know_is_fetched_whatever_else_there_is(tiny_table, hub, tmp_path, monkeypatch):
    files = hub.repositories[magi.REPOSITORY] = {**hub.repositories[REPOSITORY], "model.safetensors": b"of nobody we know"}
    monkeypatch.setattr(magi, "CHECKSUM", hashlib.sha256(files["pytorch_model.bin"]).hexdigest())
    hub.commit = magi.COMMIT
    assert magi.fetch(tmp_path, endpoint=hub.url).usable
    assert "model.safetensors" not in [name for name, _ in hub.served]


def test_a_run_that_ends_at_the_vocabulary_does_not_fetch_the_weights_again(tiny_table, hub, tmp_path):
    words = hub.repositories.pop(WORDS)
    with pytest.raises(ConfigurationError, match="no somebody/words"):
        fetch(hub, tmp_path)
    hub.repositories[WORDS] = words
    assert fetch(hub, tmp_path)[0].usable
    assert [name for name, _ in hub.served].count("pytorch_model.bin") == 1


@pytest.mark.parametrize("where", ["file", "file/magi"])
def test_a_folder_that_cannot_be_made_is_a_sentence(hub, tmp_path, where):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match=rf"{where} cannot be written: "):
        fetch(hub, tmp_path / where)


def test_a_folder_filled_from_another_commit_stays_with_it(tiny_table, hub, tmp_path):
    hub.repositories[magi.REPOSITORY] = hub.repositories[REPOSITORY]
    magi.fetch(tmp_path, endpoint=hub.url, revision=hub.commit)
    assert magi.fetch(tmp_path, endpoint=hub.url).usable
    assert json.loads((tmp_path / "source.json").read_text())["commit"] == hub.commit != magi.COMMIT


def test_the_published_table():
    table = magi.published_tensors()
    assert len(table) == 1287
    assert sum(torch.Size(shape).numel() for shape in table.values()) == pytest.approx(515.8e6, rel=1e-3)


class TestInspect:
    @pytest.fixture
    def directory(self, tiny_table, tmp_path):
        shutil.copytree(GOLDEN, tmp_path / "magi")
        return tmp_path / "magi"

    def test_a_good_directory_states_the_licence(self, directory):
        found = magi.inspect(directory)
        assert found.usable
        assert "387 tensors" in found.sentence
        assert found.sentence.endswith(LICENCE_NOTICE)

    def test_no_directory(self, tmp_path):
        assert magi.inspect(tmp_path / "nowhere") == magi.Inspection(False, f"There is no directory {tmp_path / 'nowhere'}.")

    def test_an_empty_directory(self, tmp_path):
        assert magi.inspect(tmp_path).sentence == f"{tmp_path} holds neither model.safetensors nor pytorch_model.bin."

    def test_a_truncated_file(self, directory):
        path = directory / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
        found = magi.inspect(directory)
        assert not found.usable
        assert "cut short or damaged" in found.sentence

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
    def test_a_truncated_pickle(self, directory, tensors, share):
        (directory / "model.safetensors").unlink()
        torch.save(tensors, directory / "pytorch_model.bin")
        whole = (directory / "pytorch_model.bin").read_bytes()
        (directory / "pytorch_model.bin").write_bytes(whole[: int(len(whole) * share)])
        found = magi.inspect(directory)
        assert not found.usable
        assert "cut short" in found.sentence

    def test_another_model(self, directory):
        config = json.loads((directory / "config.json").read_text()) | {"model_type": "llama"}
        (directory / "config.json").write_text(json.dumps(config))
        assert "'llama', not MAGI v2" in magi.inspect(directory).sentence

    def test_weights_of_another_model(self, directory, monkeypatch):
        monkeypatch.undo()
        assert "another model" in magi.inspect(directory).sentence

    def test_a_missing_vocabulary(self, directory):
        shutil.rmtree(directory / "tokenizer")
        assert "lacks tokenizer/vocab.json" in magi.inspect(directory).sentence


class TestDoctor:
    """What `tanoshi doctor` says of MAGI_DIR: one sentence, and the licence once, whatever is in it."""

    @staticmethod
    def said(directory) -> list[str]:
        return [f"{finding.verdict} {finding.sentence}" for finding in doctor.folders_of_weights(Settings(magi_dir=directory))]

    def test_a_good_directory(self, tiny_table):
        (sentence,) = self.said(GOLDEN)
        assert "387 tensors" in sentence
        assert sentence.count(LICENCE_NOTICE) == 1
        assert sentence.startswith(str(doctor.Verdict.GOOD))

    def test_no_directory(self, tmp_path):
        wrong, licence = self.said(tmp_path / "nowhere")
        assert wrong == f"{doctor.Verdict.BAD} There is no directory {tmp_path / 'nowhere'}."
        assert licence.endswith(LICENCE_NOTICE)

    def test_a_truncated_file(self, tiny_table, tmp_path):
        shutil.copytree(GOLDEN, tmp_path / "magi")
        path = tmp_path / "magi" / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
        wrong, _ = self.said(tmp_path / "magi")
        assert wrong.startswith(str(doctor.Verdict.BAD))
        assert "model.safetensors" in wrong
        assert "cut short or damaged" in wrong
        assert "\n" not in wrong

    def test_a_checkpoint_of_another_model(self):
        wrong, _ = self.said(GOLDEN)
        assert wrong.startswith(str(doctor.Verdict.BAD))
        assert "holds the weights of another model: 900 of 1287 tensors are not in it." in wrong

    def test_manga_ocr_beside_it_is_looked_at_too(self, tiny_table, tmp_path):
        shutil.copytree(GOLDEN, tmp_path / "magi")
        shutil.copytree(GOLDEN.parent / "manga_ocr", tmp_path / "magi" / "manga-ocr")
        (tmp_path / "magi" / "manga-ocr" / "vocab.txt").unlink()
        good, wrong = self.said(tmp_path / "magi")
        assert good.startswith(str(doctor.Verdict.GOOD))
        assert wrong.startswith(str(doctor.Verdict.BAD))
        assert "vocab.txt is missing" in wrong


def test_the_readme_states_the_licence_of_the_weights():
    readme = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())
    assert "MAGI v2 weights are for academic research and non-commercial use only" in readme
    assert "academic research and non-commercial use only" in LICENCE_NOTICE
