"""The whole MAGI v2 network under its published tensor names, loaded from a directory and set on its devices."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from backend.readers.magi.backbone import fold_batch_norms
from backend.readers.magi.checkpoint import find_weights, load_into
from backend.readers.magi.detector import Detector
from backend.readers.magi.heads import Heads
from backend.readers.magi.sizes import MagiSizes
from backend.readers.magi.text_decoder import TextDecoder
from backend.readers.magi.vit import Vit


class _WordReader(nn.Module):
    def __init__(self, sizes: MagiSizes) -> None:
        super().__init__()
        self.encoder = Vit(sizes.words, pooler=True)
        self.decoder = TextDecoder(sizes.text)


class Network(Heads):
    """Three big models and the heads between them. The heads stay on the CPU in float32, wherever the big ones go."""

    def __init__(self, sizes: MagiSizes) -> None:
        super().__init__(sizes.detector.width, sizes.crops.width, sizes.detector.classes)
        self.sizes = sizes
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self.detection_transformer = Detector(sizes.detector)
        self.crop_embedding_model = Vit(sizes.crops)
        self.ocr_model = _WordReader(sizes)

    @classmethod
    def load(cls, directory: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Network:
        """Reads config and weights; what is published but never used is dropped, frozen norms are folded, and the three big models move.

        Raises:
            ConfigurationError: see `checkpoint.load_into` and `MagiSizes.read`.
        """
        find_weights(directory)  # a folder that is not there is said as that, not as a file that is not in it
        network = cls.blank(MagiSizes.read(directory / "config.json"))
        load_into(network, directory)
        network.ocr_model.encoder.forget_pooler()
        network.ocr_model.decoder.tie()
        with torch.no_grad():
            fold_batch_norms(network.detection_transformer.backbone)
            network.detection_transformer.where_queries_look()
        network.device, network.dtype = torch.device(device), dtype
        for part in (network.detection_transformer, network.crop_embedding_model, network.ocr_model):
            part.to(network.device, dtype)
        # Convolutions are faster on pixels that lie side by side, on CPUs and on tensor cores alike.
        network.detection_transformer.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    @classmethod
    def blank(cls, sizes: MagiSizes) -> Network:
        """The network without any weights: names and shapes only, no memory."""
        with torch.device("meta"):
            return cls(sizes)

    @torch.inference_mode()
    def read_words(self, pixels: Tensor) -> Tensor:
        """What the text decoder looks at: (batch, tokens, width) from normalised crops (batch, 3, side, side)."""
        return self.ocr_model.encoder(pixels)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def embed_crops(self, pixels: Tensor) -> Tensor:
        """(batch, width) appearance of figures from normalised crops, not unit length."""
        return self.crop_embedding_model(pixels)[:, 0]  # type: ignore[no-any-return]
