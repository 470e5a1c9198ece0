"""The whole manga-ocr network under its published tensor names: a vision transformer, a BERT that writes, a bridge where widths differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from backend.errors import ConfigurationError
from backend.readers.magi.checkpoint import find_weights, load_into
from backend.readers.magi.sizes import VitSizes, read_json, vit_sizes
from backend.readers.magi.vit import Vit
from backend.readers.magi.vocabulary import CharacterVocabulary
from backend.readers.manga_ocr.decoder import REPEATED, BertDecoder, BertSizes


class Network(nn.Module):
    """Holds both halves; `decoder` writes what `look` has seen."""

    def __init__(self, vision: VitSizes, text: BertSizes) -> None:
        super().__init__()
        self.encoder, self.decoder = Vit(vision, pooler=True), BertDecoder(text)
        self.enc_to_dec_proj: nn.Linear | None = None
        if vision.width != text.width:
            self.enc_to_dec_proj = nn.Linear(vision.width, text.width)

    @torch.inference_mode()
    def look(self, pixels: Tensor) -> Tensor:
        """What the decoder looks at: (batch, tokens, width) from normalised crops (batch, 3, side, side)."""
        seen: Tensor = self.encoder(pixels)
        return seen if self.enc_to_dec_proj is None else self.enc_to_dec_proj(seen)


def load_network(directory: Path) -> tuple[Network, CharacterVocabulary]:
    """The network and its vocabulary from config.json, vocab.txt and the weights, on the CPU in float32.

    Raises:
        ConfigurationError: see `checkpoint.load_into`; or the config is another model's.
    """
    find_weights(directory)
    path = directory / "config.json"
    config = read_json(path)
    if config.get("model_type") != "vision-encoder-decoder":
        raise ConfigurationError(f"{path} describes a model of type {config.get('model_type')!r}, not manga-ocr.")
    vocabulary = CharacterVocabulary(directory / "vocab.txt")
    vision, text = vit_sizes(config.get("encoder") or {}, path), _bert_sizes(config, vocabulary, path)
    with torch.device("meta"):
        network = Network(vision, text)
    load_into(network, directory, REPEATED | {"encoder.pooler.dense.weight", "encoder.pooler.dense.bias"})
    network.decoder.tie()
    network.encoder.forget_pooler()
    return network, vocabulary


def _bert_sizes(config: Mapping[str, Any], vocabulary: CharacterVocabulary, path: Path) -> BertSizes:
    bert = config.get("decoder") or {}
    if bert.get("hidden_act", "gelu") != "gelu" or bert.get("position_embedding_type", "absolute") != "absolute":
        raise ConfigurationError(f"{path} asks for an activation or positions that this program does not compute.")
    size = int(bert.get("vocab_size", 6144))
    if len(vocabulary) != size:
        raise ConfigurationError(f"{path} speaks of {size} tokens, vocab.txt beside it has {len(vocabulary)}.")
    return BertSizes(
        width=int(bert.get("hidden_size", 768)),
        layers=int(bert.get("num_hidden_layers", 12)),
        heads=int(bert.get("num_attention_heads", 12)),
        ffn=int(bert.get("intermediate_size", 3072)),
        vocabulary=size,
        positions=int(bert.get("max_position_embeddings", 512)),
        kinds=int(bert.get("type_vocab_size", 2)),
        norm_eps=float(bert.get("layer_norm_eps", 1e-12)),
        start=vocabulary.number("[CLS]"),
        end=vocabulary.number("[SEP]"),
    )
