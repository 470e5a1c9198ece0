"""How large each part of a MAGI v2 model is, read from the `config.json` that stands beside its weights.

Not the weights: shapes are checked when those are loaded. The trap: number of heads, epsilons, activations, strides and the colours an
image is normalised by leave no trace in the shapes, so what this program computes in one way only is refused here if the file asks for
another, instead of giving slightly wrong numbers later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.errors import ConfigurationError
from backend.readers.magi.pixels import IMAGENET

_BILINEAR: Final = 2
"""Pillow's number for it."""


@dataclass(frozen=True, slots=True)
class BackboneSizes:
    """A bottleneck ResNet: blocks and inner width of each stage; a stage puts out four times its inner width."""

    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    stem: int = 64


@dataclass(frozen=True, slots=True)
class DetectorSizes:
    """Conditional DETR."""

    backbone: BackboneSizes
    width: int
    encoder_layers: int
    decoder_layers: int
    encoder_heads: int
    decoder_heads: int
    encoder_ffn: int
    decoder_ffn: int
    queries: int
    """Objects and special tokens together."""
    classes: int


@dataclass(frozen=True, slots=True)
class VitSizes:
    """A vision transformer with a class token."""

    image: int
    """Side of the square input in pixels."""
    patch: int
    width: int
    layers: int
    heads: int
    ffn: int
    qkv_bias: bool
    norm_eps: float

    @property
    def tokens(self) -> int:
        return (self.image // self.patch) ** 2 + 1


@dataclass(frozen=True, slots=True)
class TextDecoderSizes:
    """TrOCR's text decoder."""

    width: int
    layers: int
    heads: int
    ffn: int
    vocabulary: int
    positions: int
    """Longest text in tokens, the start token counted."""
    memory_width: int
    """Width of the encoder it attends to."""
    start: int
    end: int
    tied: bool
    """The output projection is the token embedding."""


@dataclass(frozen=True, slots=True)
class MagiSizes:
    """The whole model and the size its pages are shown at."""

    detector: DetectorSizes
    crops: VitSizes
    words: VitSizes
    text: TextDecoderSizes
    shortest_edge: int
    longest_edge: int
    tokenizer: str
    """Folder of the vocabulary, relative to the checkpoint."""

    @classmethod
    def read(cls, path: Path) -> MagiSizes:
        """Reads `config.json`.

        Raises:
            ConfigurationError: the file is missing, not JSON, or of another kind of model.
        """
        return cls.parse(read_json(path), path)

    @classmethod
    def parse(cls, config: Mapping[str, Any], path: Path) -> MagiSizes:
        """What `read` does with the file's content; `path` is for the messages."""
        if config.get("model_type") != "magiv2":
            raise ConfigurationError(f"{path} describes a model of type {config.get('model_type')!r}, not MAGI v2.")
        try:
            ocr = config["ocr_model_config"]
            shown = _shown(config["detection_image_preprocessing_config"], path)
            words = vit_sizes(ocr["encoder"], path)
            crops = vit_sizes(config["crop_embedding_model_config"], path)
            square = _shown(config.get("crop_embedding_image_preprocessing_config") or {}, path)
            _only(square, "height", crops.image, path)
            _only(square, "width", crops.image, path)
            return cls(
                detector=_detector(config["detection_model_config"], path),
                crops=crops,
                words=words,
                text=_text(ocr["decoder"], words.width, path),
                shortest_edge=int(shown["shortest_edge"]),
                longest_edge=int(shown["longest_edge"]),
                tokenizer=str(config.get("ocr_pretrained_processor_path", ".")),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{path} is not the configuration of a MAGI v2 model: {error!r}.") from error


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`, or a ConfigurationError that says what is wrong with the file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{path} is missing.") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigurationError(f"{path} is not a JSON file that can be read ({error}).") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path} does not hold a JSON object.")
    return found


def vit_sizes(config: Mapping[str, Any], path: Path) -> VitSizes:
    """Sizes of a vision transformer from its section of a config file, with the base model's numbers as defaults."""
    _only(config, "hidden_act", "gelu", path)
    width, heads = int(config.get("hidden_size", 768)), int(config.get("num_attention_heads", 12))
    _shared_out(width, heads, path)
    return VitSizes(
        image=int(config.get("image_size", 224)),
        patch=int(config.get("patch_size", 16)),
        width=width,
        layers=int(config.get("num_hidden_layers", 12)),
        heads=heads,
        ffn=int(config.get("intermediate_size", 3072)),
        qkv_bias=bool(config.get("qkv_bias", True)),
        norm_eps=float(config.get("layer_norm_eps", 1e-12)),
    )


def _detector(config: Mapping[str, Any], path: Path) -> DetectorSizes:
    _only(config, "activation_function", "relu", path)
    _only(config, "position_embedding_type", "sine", path)
    _only(config, "backbone", "resnet50", path)
    _only(config, "dilation", False, path)
    own = config.get("backbone_kwargs") or {}
    _only(own, "output_stride", 32, path)
    plain = BackboneSizes()
    blocks, widths = own.get("layers", plain.blocks), own.get("channels", plain.widths)
    width = int(config.get("d_model", 256))
    encoder_heads, decoder_heads = (int(config.get(f"{part}_attention_heads", 8)) for part in ("encoder", "decoder"))
    _shared_out(width, encoder_heads, path)
    _shared_out(width, decoder_heads, path)
    return DetectorSizes(
        backbone=BackboneSizes(_four(blocks), _four(widths)),
        width=width,
        encoder_layers=int(config.get("encoder_layers", 6)),
        decoder_layers=int(config.get("decoder_layers", 6)),
        encoder_heads=encoder_heads,
        decoder_heads=decoder_heads,
        encoder_ffn=int(config.get("encoder_ffn_dim", 2048)),
        decoder_ffn=int(config.get("decoder_ffn_dim", 2048)),
        queries=int(config["num_queries"]),
        classes=len(config.get("id2label") or range(4)),
    )


def _shown(config: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The size images are shown at, of a section whose other entries are those this program computes."""
    mean, std = (list(values) for values in IMAGENET)
    for key, expected in (("resample", _BILINEAR), ("rescale_factor", 1 / 255), ("image_mean", mean), ("image_std", std)):
        _only(config, key, expected, path)
    for key in ("do_resize", "do_rescale", "do_normalize", "do_pad"):
        _only(config, key, True, path)
    size: Mapping[str, Any] = config.get("size") or {}
    return size


def _four(values: Sequence[int]) -> tuple[int, int, int, int]:
    first, second, third, fourth = map(int, values)
    return first, second, third, fourth


def _text(config: Mapping[str, Any], memory_width: int, path: Path) -> TextDecoderSizes:
    _only(config, "activation_function", "gelu", path)
    for key, expected in (("scale_embedding", False), ("use_learned_position_embeddings", True), ("layernorm_embedding", True)):
        _only(config, key, expected, path)
    width, heads = int(config.get("d_model", 1024)), int(config.get("decoder_attention_heads", 16))
    _shared_out(width, heads, path)
    return TextDecoderSizes(
        width=width,
        layers=int(config.get("decoder_layers", 12)),
        heads=heads,
        ffn=int(config.get("decoder_ffn_dim", 4096)),
        vocabulary=int(config.get("vocab_size", 50265)),
        positions=int(config.get("max_position_embeddings", 512)),
        memory_width=int(config.get("cross_attention_hidden_size") or memory_width),
        start=int(config.get("decoder_start_token_id", 2)),
        end=int(config.get("eos_token_id", 2)),
        tied=bool(config.get("tie_word_embeddings", True)),
    )


def _only(config: Mapping[str, Any], key: str, expected: object, path: Path) -> None:
    found = config.get(key, expected)
    if found != expected:
        raise ConfigurationError(f"{path}: {key} is {found!r}; this program computes only {expected!r}.")


def _shared_out(width: int, heads: int, path: Path) -> None:
    if heads < 1 or width % heads:
        raise ConfigurationError(f"{path}: a width of {width} cannot be shared out among {heads} attention heads.")
