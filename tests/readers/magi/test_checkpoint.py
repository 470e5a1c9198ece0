"""Loading is strict: exactly the published tensors, or one sentence that names the one that is wrong."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.errors import ConfigurationError
from backend.readers.magi.checkpoint import check_tensors, stored_shapes
from backend.readers.magi.network import Network
from backend.readers.magi.sizes import MagiSizes
from backend.weights.magi import inspect, published_tensors
from tests.readers.magi.conftest import GOLDEN
from tests.support.magi_model import CONFIG, write_random_model

PROJECTION = "ocr_model.decoder.output_projection.weight"


def test_the_network_has_exactly_the_published_names_and_shapes(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    network = Network.blank(MagiSizes.read(tmp_path / "config.json"))
    assert {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()} == published_tensors()


def test_a_random_model_of_the_published_size_loads(tmp_path):
    path = write_random_model(tmp_path)
    try:
        assert stored_shapes(path) == published_tensors()
        assert inspect(tmp_path).usable
        network = Network.load(tmp_path)
        embedding = network.ocr_model.decoder.model.decoder.embed_tokens.weight
        assert embedding.shape == (50265, 1024)
        assert network.ocr_model.decoder.output_projection.weight is embedding
        assert all(parameter.dtype == torch.float32 for parameter in network.parameters())
        assert network.embed_crops(torch.zeros(1, 3, 224, 224)).isfinite().all()
    finally:
        path.unlink()


@pytest.mark.parametrize(
    "name", ["detection_transformer.backbone.conv_encoder.model.bn1.running_var", "bbox_predictor.layers.2.bias"]
)
def test_of_the_full_table_one_missing_surplus_or_misshapen_tensor_is_named(name, tmp_path):
    table = published_tensors()
    for found, words in (
        ({key: shape for key, shape in table.items() if key != name}, f"lacks the tensor {name}"),
        (table | {name + "_": (1,)}, f"has a tensor too many: {name}_"),
        (table | {name: (*table[name], 1)}, f"{name} has the shape"),
    ):
        with pytest.raises(ConfigurationError) as error:
            check_tensors(found, table, tmp_path)
        assert words in str(error.value)


@pytest.fixture
def broken(tmp_path):
    """Writes the golden model with changed tensors, as either kind of file, and returns the sentence that loading it gives."""

    def attempt(change, kind):
        tensors = load_file(GOLDEN / "model.safetensors")
        change(tensors)
        shutil.copy(GOLDEN / "config.json", tmp_path)
        if kind == "safetensors":
            save_file(tensors, tmp_path / "model.safetensors")
        else:
            torch.save(tensors, tmp_path / "pytorch_model.bin")
        with pytest.raises(ConfigurationError) as error:
            Network.load(tmp_path)
        return str(error.value)

    return attempt


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
class TestStrictness:
    def test_missing(self, broken, kind):
        assert f"lacks the tensor {PROJECTION}." in broken(lambda tensors: tensors.pop(PROJECTION), kind)

    def test_surplus(self, broken, kind):
        assert "a tensor too many: extra.weight." in broken(
            lambda tensors: tensors.update({"extra.weight": torch.zeros(1)}), kind
        )

    def test_misshapen(self, broken, kind):
        said = broken(lambda tensors: tensors.update({PROJECTION: torch.zeros(300, 63)}), kind)
        assert f"{PROJECTION} has the shape (300, 63), not (300, 64)" in said

    def test_of_another_type(self, broken, kind):
        said = broken(lambda tensors: tensors.update({PROJECTION: torch.zeros(300, 64, dtype=torch.int64)}), kind)
        assert f"{PROJECTION} holds torch.int64" in said


def test_a_pickled_checkpoint_loads_and_computes_the_same(tmp_path, golden):
    shutil.copy(GOLDEN / "config.json", tmp_path)
    tensors = load_file(GOLDEN / "model.safetensors")
    tensors[PROJECTION] = tensors["ocr_model.decoder.model.decoder.embed_tokens.weight"]
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    pixels = torch.rand(1, 3, 224, 224)
    assert torch.equal(Network.load(tmp_path).embed_crops(pixels), golden.network.embed_crops(pixels))


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("never",)

    shutil.copy(GOLDEN / "config.json", tmp_path)
    torch.save({"weight": Evil()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ConfigurationError, match="holds more than tensors"):
        Network.load(tmp_path)


@pytest.mark.parametrize(
    ("section", "change", "words"),
    [
        ("", {"model_type": "bert"}, "not MAGI v2"),
        ("", {"detection_model_config": {}}, "num_queries"),
        ("", {"detection_model_config": []}, "not the configuration of a MAGI v2 model"),
        ("", {"detection_image_preprocessing_config": {"size": 800}}, "not the configuration of a MAGI v2 model"),
        ("", {"ocr_model_config": {"encoder": {"hidden_act": "relu"}, "decoder": {}}}, "hidden_act is 'relu'"),
        ("detection_model_config", {"backbone": "resnet101"}, "backbone is 'resnet101'"),
        ("detection_model_config", {"position_embedding_type": "learned"}, "position_embedding_type is 'learned'"),
        ("detection_model_config", {"dilation": True}, "dilation is True"),
        ("detection_model_config", {"backbone_kwargs": {"output_stride": 16}}, "output_stride is 16"),
        ("detection_model_config", {"decoder_attention_heads": 7}, "64 cannot be shared out among 7"),
        ("crop_embedding_model_config", {"num_attention_heads": 5}, "48 cannot be shared out among 5"),
        ("crop_embedding_model_config", {"image_size": 112}, "height is 224; this program computes only 112"),
        ("detection_image_preprocessing_config", {"resample": 3}, "resample is 3"),
        ("detection_image_preprocessing_config", {"do_normalize": False}, "do_normalize is False"),
        ("crop_embedding_image_preprocessing_config", {"image_mean": [0.5, 0.5, 0.5]}, "image_mean is"),
    ],
)
def test_a_config_this_program_does_not_compute_is_refused(tmp_path, section, change, words):
    """None of these shows in the shapes of the tensors: what was not refused would give slightly wrong numbers, or fail page by page."""
    config = json.loads((GOLDEN / "config.json").read_text())
    (config[section] if section else config).update(change)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigurationError, match=words):
        MagiSizes.read(tmp_path / "config.json")
