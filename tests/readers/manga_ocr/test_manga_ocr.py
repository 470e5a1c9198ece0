"""manga-ocr's recogniser: the numbers of a tiny random model, computed once with transformers 4.57.1, and what it does with crops."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

torch = pytest.importorskip("torch", reason='torch is not installed; pip install "tanoshi-narration[gpu]"')

from backend.errors import ConfigurationError  # noqa: E402
from backend.readers.magi.recognizers import Text  # noqa: E402
from backend.readers.manga_ocr.network import load_network  # noqa: E402
from backend.readers.manga_ocr.recognizer import MangaOcrRecognizer  # noqa: E402

MODEL = Path(__file__).parents[2] / "data" / "manga_ocr"


def inputs():
    """The five pictures the numbers were computed for."""
    x = (torch.arange(5 * 224 * 224).reshape(5, 1, 224, 224) * 7919 % 256).float().repeat(1, 3, 1, 1) / 127.5 - 1
    return torch.stack([torch.roll(picture, number * 37, 2) * (1 - number * 0.15) for number, picture in enumerate(x)])


def test_the_network_computes_what_transformers_computes():
    network, _ = load_network(MODEL)
    with np.load(MODEL / "expected.npz") as stored, torch.inference_mode():
        hidden, decoder = network.encoder(inputs()), network.decoder
        np.testing.assert_allclose(hidden[:, :3, :8], stored["hidden"], atol=1e-4)
        memory, ids = decoder.look(network.look(inputs())), torch.from_numpy(stored["ids"])
        steps = [decoder.step(ids[:, at], memory) for at in range(40)]
        np.testing.assert_allclose(torch.stack(steps[:6], 1), stored["logits"], atol=1e-4)
        assert torch.equal(torch.stack(steps, 1).argmax(-1), ids[:, 1:])


def crop(seed: int, size=(60, 140)) -> Text:
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for y in range(8, size[1] - 8, 14):
        draw.rectangle((10 + seed * 3 % 20, y, 40, y + 9), fill=(seed * 37) % 128)
    return Text.alone(image)


async def test_a_text_reads_the_same_alone_and_in_a_batch_of_many():
    recognizer = MangaOcrRecognizer(MODEL, "cpu", batch=4)
    crops = [crop(seed) for seed in range(6)]
    together = await recognizer.read(crops)
    alone = [(await recognizer.read([one]))[0] for one in crops]
    assert [words.text for words in together] == [words.text for words in alone]
    assert all(0 <= words.confidence <= 1 for words in together)
    assert await recognizer.read([]) == []
    await recognizer.aclose()


@pytest.mark.parametrize("repeated", ["decoder.cls.predictions.decoder.weight", "decoder.cls.predictions.decoder.bias"])
async def test_tensors_that_repeat_others_may_be_left_out(tmp_path, repeated):
    from safetensors.torch import load_file

    tensors = load_file(MODEL / "model.safetensors")
    del tensors[repeated]
    for name in ("config.json", "vocab.txt"):
        shutil.copy(MODEL / name, tmp_path)
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    whole, lean = MangaOcrRecognizer(MODEL, "cpu"), MangaOcrRecognizer(tmp_path, "cpu")
    assert await whole.read([crop(1)]) == await lean.read([crop(1)])
    await whole.aclose()
    await lean.aclose()


async def test_a_missing_directory_is_one_clear_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="There is no directory"):
        await MangaOcrRecognizer(tmp_path / "nowhere", "cpu").load()


async def test_a_tensor_of_another_model_is_named(tmp_path):
    from safetensors.torch import load_file, save_file

    tensors = load_file(MODEL / "model.safetensors")
    tensors["decoder.bert.embeddings.word_embeddings.weight"] = torch.zeros(3, 24)
    for name in ("config.json", "vocab.txt"):
        shutil.copy(MODEL / name, tmp_path)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ConfigurationError, match=r"word_embeddings.weight has the shape \(3, 24\), not \(145, 24\)"):
        await MangaOcrRecognizer(tmp_path, "cpu").load()
