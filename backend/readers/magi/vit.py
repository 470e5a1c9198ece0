"""The vision transformer (Dosovitskiy et al., arXiv:2010.11929) behind crop embeddings, TrOCR and manga-ocr.

One class for the three: they differ in size and in whether the attention projections have biases. As a masked autoencoder's encoder it
runs without masking and in order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from backend.readers.magi.detector import attend
from backend.readers.magi.sizes import VitSizes


class _Patches(nn.Module):
    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, sizes.width, sizes.patch, stride=sizes.patch)


class _Embeddings(nn.Module):
    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, sizes.width))
        self.position_embeddings = nn.Parameter(torch.empty(1, sizes.tokens, sizes.width))
        self.patch_embeddings = _Patches(sizes)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.patch_embeddings.projection(pixels).flatten(2).transpose(1, 2)
        return torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1) + self.position_embeddings


class _SelfAttention(nn.Module):
    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(sizes.width, sizes.width, bias=sizes.qkv_bias) for _ in range(3))


class _Dense(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)


class _Attention(nn.Module):
    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.attention = _SelfAttention(sizes)
        self.output = _Dense(sizes.width, sizes.width)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.attention
        mixed = attend(inner.query(x), inner.key(x), inner.value(x), self.heads)
        return self.output.dense(mixed)  # type: ignore[no-any-return]


class _Layer(nn.Module):
    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        self.attention = _Attention(sizes)
        self.intermediate = _Dense(sizes.width, sizes.ffn)
        self.output = _Dense(sizes.ffn, sizes.width)
        self.layernorm_before = nn.LayerNorm(sizes.width, eps=sizes.norm_eps)
        self.layernorm_after = nn.LayerNorm(sizes.width, eps=sizes.norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.layernorm_before(x))
        return x + self.output.dense(F.gelu(self.intermediate.dense(self.layernorm_after(x))))  # type: ignore[no-any-return]


class _Encoder(nn.Module):
    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(sizes) for _ in range(sizes.layers))


class Vit(nn.Module):
    """(batch, 3, side, side) normalised pixels -> (batch, 1 + patches, width) tokens after the final norm, class token first."""

    def __init__(self, sizes: VitSizes, pooler: bool = False) -> None:
        super().__init__()
        self.sizes = sizes
        self.embeddings = _Embeddings(sizes)
        self.encoder = _Encoder(sizes)
        self.layernorm = nn.LayerNorm(sizes.width, eps=sizes.norm_eps)
        if pooler:
            # Published with the model and never used: it is loaded, so that the file is known to be whole, and dropped.
            self.pooler = _Dense(sizes.width, sizes.width)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.embeddings(pixels)
        for layer in self.encoder.layer:
            x = layer(x)
        return self.layernorm(x)  # type: ignore[no-any-return]

    def forget_pooler(self) -> None:
        """Frees the pooler's memory."""
        if hasattr(self, "pooler"):
            del self.pooler
