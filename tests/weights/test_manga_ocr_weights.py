"""Fetching manga-ocr from a local hub."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import ConfigurationError
from backend.readers.magi.recognizers import Text
from backend.readers.manga_ocr.recognizer import MangaOcrRecognizer
from backend.weights import manga_ocr
from tests.support.hub import local_hub

MODEL = Path(__file__).parents[1] / "data" / "manga_ocr"
FILES = {name: (MODEL / name).read_bytes() for name in ("config.json", "vocab.txt", "model.safetensors")}


async def test_what_is_fetched_can_be_loaded(tmp_path):
    pytest.importorskip("torch", reason='torch is not installed; pip install "tanoshi-narration[gpu]"')
    said = []
    with local_hub({"a/b": dict(FILES)}) as hub:
        result = manga_ocr.fetch(tmp_path, endpoint=hub.url, repository="a/b", revision="main", say=said.append)
    assert result.usable
    assert (said[0], said[-1]) == (manga_ocr.LICENCE_NOTICE, result.sentence)
    recognizer = MangaOcrRecognizer(tmp_path, "cpu")
    assert len(await recognizer.read([Text.alone(Image.new("L", (30, 60), 255))])) == 1
    await recognizer.aclose()


@pytest.mark.parametrize(
    ("missing", "words"),
    [("vocab.txt", "vocab.txt is missing"), ("model.safetensors", "holds neither"), ("config.json", "missing")],
)
def test_what_is_missing_is_said(tmp_path, missing, words):
    for name, content in FILES.items():
        if name != missing:
            (tmp_path / name).write_bytes(content)
    found = manga_ocr.inspect(tmp_path)
    assert not found.usable
    assert words in found.sentence


def test_another_model_is_said(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content if name != "config.json" else b'{"model_type": "bert"}')
    assert "'bert', not manga-ocr" in manga_ocr.inspect(tmp_path).sentence


def test_the_pinned_commit_is_asked_for_and_its_files_are_known_by_checksums_of_ours(tmp_path, monkeypatch):
    published = {**{name: FILES[name] for name in ("config.json", "vocab.txt")}, "pytorch_model.bin": b"pickled" * 20_000}
    monkeypatch.setattr(manga_ocr, "CHECKSUMS", {name: hashlib.sha256(data).hexdigest() for name, data in published.items()})
    with local_hub({manga_ocr.REPOSITORY: {**published, "model.safetensors": b"of nobody we know"}}) as hub:
        with pytest.raises(ConfigurationError, match="answers with commit"):
            manga_ocr.fetch(tmp_path, endpoint=hub.url)
        hub.commit = manga_ocr.COMMIT
        assert manga_ocr.fetch(tmp_path, endpoint=hub.url).usable
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "config.json",
            "pytorch_model.bin",
            "source.json",
            "vocab.txt",
        ]
        hub.repositories[manga_ocr.REPOSITORY]["vocab.txt"] += "ヶ".encode()
        with pytest.raises(ConfigurationError, match=r"vocab\.txt"):
            manga_ocr.fetch(tmp_path / "again", endpoint=hub.url)
