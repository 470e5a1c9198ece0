"""A SOVITS_DIR with the real layout and random weights, small enough to speak on a CPU within a test.

Every part goes through the code that handles the real thing: the checkpoints are pickled as upstream publishes them, converted by
`checkpoints.py`, and loaded by the engine's own loader. What comes out is noise of the right shape and about the right length: the
"end" token is made likely enough that a line ends after a second or so.

The speaker encoder's architecture is fixed in the library at 53 million parameters; all its tensors share one short storage, so the
file stays at a few kB.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.synthesizers.sovits import directory as layout
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.checkpoints import convert_gpt, convert_sovits


@dataclass(frozen=True, slots=True)
class Size:
    """What differs between the tiny model and one of the published size."""

    hidden: int = 64
    heads: int = 4
    layers: int = 2
    spread: float = 0.3
    """Times the random weights that score tokens: how unequal tokens are."""
    end_logit: float = 1.6
    """Of the end token, where the fifteen likeliest others lie near 0.4: about one step in five."""
    vocoder: int = 32
    """Channels at the start of the upsampling; also of the condition, unless `condition` says otherwise."""
    condition: int = 32
    filter: int = 32
    encoder_layers: int = 2
    hubert_layers: int = 0
    hubert_filter: int = 8
    hubert_convolution: int = 32


TINY = Size()
PUBLISHED = Size(512, 16, 24, 3.5, 4.8, 768, 1024, 768, 6, 12, 3072, 512)
"""v2ProPlus; an end every thirty steps or so, a line of one to two seconds."""
LOUDER = 300.0
"""Times the vocoder's random output, which would be silence to every check."""
_BLOCK_NAMES = {
    "qkv.weight": "self_attn.in_proj_weight",
    "qkv.bias": "self_attn.in_proj_bias",
    "out_proj.weight": "self_attn.out_proj.weight",
    "out_proj.bias": "self_attn.out_proj.bias",
    "mlp.0.weight": "linear1.weight",
    "mlp.0.bias": "linear1.bias",
    "mlp.2.weight": "linear2.weight",
    "mlp.2.bias": "linear2.bias",
}
"""The library's names of a block's tensors -> those in published checkpoints."""


def build(root: Path, seed: int = 0, size: Size = TINY) -> None:
    """Fills `root` with everything the engine needs."""
    gsv.prepare_import()
    torch.manual_seed(seed)
    write_hubert(root / "chinese-hubert-base", size)
    write_speaker_encoder(root / layout.SPEAKER_ENCODER)
    write_lexicon(root / layout.LEXICON)
    published = root / "published"
    published.mkdir(parents=True)
    write_gpt(published / "s1v3.ckpt", size)
    write_sovits(published / "s2Gv2ProPlus.pth", size)
    convert_gpt(published / "s1v3.ckpt", root / layout.GPT)
    convert_sovits(published / "s2Gv2ProPlus.pth", root / layout.SOVITS)


def write_checkpoint(folder: Path, seed: int) -> None:
    """A few-shot checkpoint as our trainer leaves it."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True)
    write_gpt(folder / "gpt.ckpt")
    write_sovits(folder / "sovits.pth")
    convert_gpt(folder / "gpt.ckpt", folder / "gpt")
    convert_sovits(folder / "sovits.pth", folder / "sovits")


def write_gpt(path: Path, size: Size = TINY) -> None:
    """An s1 checkpoint: half precision, upstream's names, pickled."""
    model = {
        "vocab_size": 1025, "phoneme_vocab_size": 732, "embedding_dim": size.hidden, "hidden_dim": size.hidden,
        "head": size.heads, "linear_units": size.hidden * 4, "n_layer": size.layers, "dropout": 0, "EOS": 1024, "random_bert": 0,
    }  # fmt: skip
    config = {"data": {"max_sec": 54}, "model": model, "inference": {"top_k": 15}}
    decoder = import_module("gsv_tts.GPT_SoVITS.GPT.t2s_model").Text2SemanticDecoder(config)
    with torch.no_grad():
        # The last norm adds a constant to one channel, and only the end token reads that channel.
        constant = torch.zeros(size.hidden)
        constant[0] = 4.0
        decoder.t2s_transformer.blocks[-1].norm2.weight[0] = 0.1
        decoder.t2s_transformer.blocks[-1].norm2.bias.copy_(constant)
        decoder.ar_predict_layer.weight.mul_(size.spread)
        decoder.ar_predict_layer.weight[:, 0] = 0
        decoder.ar_predict_layer.weight[1024] = 0
        decoder.ar_predict_layer.weight[1024, 0] = size.end_logit / 4
    weights = {_published(name): tensor.half() for name, tensor in decoder.state_dict().items()}
    torch.save({"weight": weights, "config": config, "info": "tiny"}, path)


def write_sovits(path: Path, size: Size = TINY) -> None:
    """An s2G v2ProPlus checkpoint: half precision, pickled, the version written over the zip signature."""
    model: dict[str, Any] = {
        "inter_channels": 192, "hidden_channels": 192, "filter_channels": size.filter, "n_heads": 2,
        "n_layers": size.encoder_layers, "kernel_size": 3, "p_dropout": 0.0, "resblock": "1",
        "resblock_kernel_sizes": [3, 7, 11], "resblock_dilation_sizes": [[1, 3, 5]] * 3,
        "upsample_rates": [10, 8, 2, 2, 2], "upsample_initial_channel": size.vocoder, "upsample_kernel_sizes": [20, 16, 8, 2, 2],
        "n_layers_q": 3, "use_spectral_norm": False, "gin_channels": size.condition,
        "semantic_frame_rate": "25hz", "freeze_quantizer": True, "version": "v2ProPlus",
    }  # fmt: skip
    data = {
        "sampling_rate": 32000, "filter_length": 2048, "hop_length": 640, "win_length": 2048, "n_mel_channels": 128,
        "mel_fmin": 0.0, "mel_fmax": None, "add_blank": True, "n_speakers": 300, "max_wav_value": 32768.0, "cleaned_text": True,
    }  # fmt: skip
    config = {"train": {"segment_size": 20480}, "data": data, "model": model}
    trainer = import_module("gsv_tts.GPT_SoVITS.SoVITS.models").SynthesizerTrn
    with gsv.without_warnings():
        generator = trainer(2048 // 2 + 1, 20480 // 640, n_speakers=300, **model)
    with torch.no_grad():
        generator.dec.conv_post.weight.mul_(LOUDER)
        for name, buffer in generator.named_buffers():
            if name.endswith("_codebook.inited"):
                buffer.fill_(1)
            if name.endswith("_codebook.embed"):
                buffer.normal_()
    weights = {name: tensor.half() for name, tensor in generator.state_dict().items()}
    torch.save({"weight": weights, "config": config, "info": "tiny"}, path)
    path.write_bytes(b"06" + path.read_bytes()[2:])


def write_hubert(folder: Path, size: Size = TINY) -> None:
    """The content encoder without its transformer layers; its width of 768 is fixed."""
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    config = HubertConfig(
        hidden_size=768, num_hidden_layers=size.hubert_layers, num_attention_heads=12, intermediate_size=size.hubert_filter,
        conv_dim=(size.hubert_convolution,) * 7,
        num_conv_pos_embeddings=2, num_conv_pos_embedding_groups=16,
    )  # fmt: skip
    HubertModel(config).save_pretrained(folder)
    extractor: Any = Wav2Vec2FeatureExtractor
    extractor().save_pretrained(folder)


def write_speaker_encoder(path: Path) -> None:
    """All large tensors are views with overlapping strides of one storage, which `torch.save` writes once."""
    network = import_module("gsv_tts.GPT_SoVITS.SV.sv").ERes2NetV2(baseWidth=24, scale=4, expansion=4)
    base = torch.randn(4096) * 0.02
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: _view(base, tensor) for name, tensor in network.state_dict().items()}, path)


def write_lexicon(folder: Path) -> None:
    """A dictionary of a few words, a tagger that calls everything a noun, and a network that guesses unknown words at random."""
    words = {"the": "DH AH0", "sea": "S IY1", "is": "IH1 Z", "wide": "W AY1 D", "hello": "HH AH0 L OW1", "there": "DH EH1 R"}
    letters = dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "B IY1")
    (folder / "g2p_en").mkdir(parents=True)
    tagger = folder / layout.TAGGER
    tagger.mkdir(parents=True)
    lines = [f"{word.upper()}  {phonemes}" for word, phonemes in (words | letters).items()]
    (folder / "cmudict.rep").write_text("\n".join([*[";;; notes"] * 56, *lines]) + "\n")
    (folder / "cmudict-fast.rep").write_text("WORLD W ER1 L D\n")
    (folder / "engdict-hot.rep").write_text("OKAY OW1 K EY1\n")
    (folder / "g2p_en" / "homographs.en").write_text("# none\nREAD|R IY1 D|R EH1 D|VBP\n")
    for part, content in {"weights": {}, "tagdict": {}, "classes": ["NN"]}.items():
        (tagger / f"averaged_perceptron_tagger_eng.{part}.json").write_text(json.dumps(content))
    chance = np.random.default_rng(0)
    shapes = {
        "enc_emb": (29, 64), "enc_w_ih": (384, 64), "enc_w_hh": (384, 128), "enc_b_ih": (384,), "enc_b_hh": (384,),
        "dec_emb": (74, 64), "dec_w_ih": (384, 64), "dec_w_hh": (384, 128), "dec_b_ih": (384,), "dec_b_hh": (384,),
        "fc_w": (74, 128), "fc_b": (74,),
    }  # fmt: skip
    arrays: dict[str, Any] = {name: chance.normal(size=shape).astype(np.float32) * 0.1 for name, shape in shapes.items()}
    np.savez(folder / "g2p_en" / "checkpoint20.npz", **arrays)


def _published(name: str) -> str:
    if not name.startswith("t2s_transformer.blocks."):
        return f"model.{name}"
    number, _, rest = name.removeprefix("t2s_transformer.blocks.").partition(".")
    return f"model.h.layers.{number}.{_BLOCK_NAMES.get(rest, rest)}"


def _view(base: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """`tensor`'s shape over `base`'s storage where it is large; the tensor itself where it is small or counts something."""
    if not tensor.dtype.is_floating_point or tensor.numel() <= len(base):
        return tensor.clone()
    room, strides = len(base), []
    for size in tensor.shape:
        stride = 1 if size > 1 and room >= size else 0
        room -= (size - 1) * stride
        strides.append(stride)
    return base.as_strided(tensor.shape, strides)
