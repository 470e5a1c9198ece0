"""A random MAGI v2 of the published size: config, vocabulary and a checkpoint with exactly the 1,287 published names and shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from backend.weights.magi import published_tensors

_POOL = 64_000_000
"""Random numbers that all tensors are cut from: 515 million would take half a minute. The largest tensor has 51 million."""

CONFIG: dict[str, Any] = {
    "model_type": "magiv2",
    "detection_image_preprocessing_config": {"size": {"shortest_edge": 800, "longest_edge": 1333}},
    "crop_embedding_image_preprocessing_config": {"size": {"height": 224, "width": 224}},
    "ocr_pretrained_processor_path": "tokenizer",
    "detection_model_config": {
        "activation_function": "relu",
        "backbone": "resnet50",
        "d_model": 256,
        "encoder_layers": 6,
        "decoder_layers": 6,
        "encoder_attention_heads": 8,
        "decoder_attention_heads": 8,
        "encoder_ffn_dim": 2048,
        "decoder_ffn_dim": 2048,
        "num_queries": 305,
        "position_embedding_type": "sine",
        "id2label": {str(number): f"LABEL_{number}" for number in range(4)},
    },
    "crop_embedding_model_config": {"hidden_size": 768, "image_size": 224, "qkv_bias": True},
    "ocr_model_config": {
        "encoder": {"model_type": "vit", "hidden_size": 768, "image_size": 384, "qkv_bias": False},
        "decoder": {
            "model_type": "trocr",
            "activation_function": "gelu",
            "d_model": 1024,
            "decoder_layers": 12,
            "decoder_attention_heads": 16,
            "decoder_ffn_dim": 4096,
            "cross_attention_hidden_size": 768,
            "max_position_embeddings": 512,
            "vocab_size": 50265,
            "tie_word_embeddings": True,
        },
    },
}


def write_random_model(directory: Path, seed: int = 0, dtype: str = "float16") -> Path:
    """Writes the whole directory in about two seconds; returns the weights file (1 GB in float16, 2 GB in float32)."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3} | {
        "a" + "b" * (number % 7) + str(number): number for number in range(4, 50265)
    }
    (directory / "tokenizer").mkdir(exist_ok=True)
    (directory / "tokenizer" / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")

    source = np.random.default_rng(seed)
    pool = (source.standard_normal(_POOL // 16, dtype=np.float32) * 0.02).astype(dtype)
    pool = np.tile(pool, 16)
    ones = np.ones(4096, dtype=dtype)
    shapes = published_tensors()
    item, at, header = pool.itemsize, 0, {}
    for name, shape in shapes.items():
        end = at + int(np.prod(shape)) * item
        header[name] = {"dtype": {"float16": "F16", "float32": "F32"}[dtype], "shape": list(shape), "data_offsets": [at, end]}
        at = end
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    path = directory / "model.safetensors"
    with path.open("wb") as out:
        out.write(len(head).to_bytes(8, "little") + head)
        for number, (name, shape) in enumerate(shapes.items()):
            count = int(np.prod(shape))
            # Norms and variances near one keep the numbers of a random network finite.
            unit = (len(shape) == 1 and name.endswith(("weight", "running_var"))) or name.endswith("cls_token")
            start = number * 7919 % (_POOL - 52_000_000)
            out.write((ones[:count] if unit else pool[start : start + count]).data)
    return path
