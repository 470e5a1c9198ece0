"""Conditional DETR (Meng et al., ICCV 2021, arXiv:2108.06152): a page becomes object queries with features, classes and boxes.

The last five of the queries are no objects: two of them are read by the association heads (see `heads.py`). The trap: padding a page
to the size of its neighbours changes its numbers in the first digits, so pages of one size are run together, never mixed by default.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from backend.readers.magi.backbone import ResNet
from backend.readers.magi.sizes import DetectorSizes

_TURN = 2 * math.pi


@dataclass(frozen=True, slots=True)
class Detected:
    """What the transformer says about a batch of pages."""

    queries: Tensor
    """(batch, queries, width): last decoder state, special tokens too."""
    reference: Tensor
    """(queries, 2): where each query looks, x then y, 0..1."""
    memory: Tensor
    """(batch, height * width of the map, width): the encoder's output."""


class MLP(nn.Module):
    """Linear layers with ReLU between them; names `layers.N`."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)  # type: ignore[no-any-return]


def sine_waves(turns: Tensor, width: int) -> Tensor:
    """Interleaved sine and cosine of `turns` (radians) at `width` / 2 frequencies; adds one axis of length `width`."""
    step = torch.arange(width, dtype=torch.float32, device=turns.device)
    wave = turns[..., None] / 10000 ** (2 * torch.div(step, 2, rounding_mode="floor") / width)
    return torch.stack((wave[..., 0::2].sin(), wave[..., 1::2].cos()), dim=-1).flatten(-2)


def map_positions(mask: Tensor, width: int) -> Tensor:
    """Position of each cell of the feature map, normalised by the page's own extent in it.

    Args:
        mask: (batch, height, width) bool, True where the page is.

    Returns:
        (batch, height * width, `width`): y waves, then x waves.
    """
    inside = mask.float()
    y, x = inside.cumsum(1), inside.cumsum(2)
    y = y / (y[:, -1:, :] + 1e-6) * _TURN
    x = x / (x[:, :, -1:] + 1e-6) * _TURN
    return torch.cat((sine_waves(y, width // 2), sine_waves(x, width // 2)), dim=-1).flatten(1, 2)


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """Multi-head attention of (batch, tokens, width) tensors; the width of q and k may differ from that of v."""
    q, k, v = (split_heads(x, heads) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(batch, tokens, width) -> (batch, heads, tokens, width / heads)."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        placed = x + positions
        mixed = attend(self.q_proj(placed), self.k_proj(placed), self.v_proj(x), self.heads, mask)
        return self.out_proj(mixed)  # type: ignore[no-any-return]


class _EncoderLayer(nn.Module):
    def __init__(self, sizes: DetectorSizes) -> None:
        super().__init__()
        width = sizes.width
        self.self_attn = _Attention(width, sizes.encoder_heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, sizes.encoder_ffn), nn.Linear(sizes.encoder_ffn, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        x = self.self_attn_layer_norm(x + self.self_attn(x, positions, mask))
        return self.final_layer_norm(x + self.fc2(F.relu(self.fc1(x))))  # type: ignore[no-any-return]


class _Output(nn.Module):
    """Holds only the output projection of an attention whose inputs are projected by the layer itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out_proj = nn.Linear(width, width)


class _DecoderLayer(nn.Module):
    def __init__(self, sizes: DetectorSizes, first: bool) -> None:
        super().__init__()
        width, self.heads = sizes.width, sizes.decoder_heads
        names = ["sa_qcontent", "sa_qpos", "sa_kcontent", "sa_kpos", "sa_v"]
        names += ["ca_qcontent", "ca_kcontent", "ca_kpos", "ca_v", "ca_qpos_sine"] + ["ca_qpos"] * first
        for name in names:
            self.add_module(f"{name}_proj", nn.Linear(width, width))
        self.first = first
        self.self_attn, self.encoder_attn = _Output(width), _Output(width)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, sizes.decoder_ffn), nn.Linear(sizes.decoder_ffn, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def _project(self, name: str, x: Tensor) -> Tensor:
        return self.get_submodule(f"{name}_proj")(x)  # type: ignore[no-any-return]

    def forward(  # noqa: PLR0917 - the six things a query looks at
        self, x: Tensor, memory: Tensor, positions: Tensor, queries: Tensor, sine: Tensor, mask: Tensor | None
    ) -> Tensor:
        p = self._project
        mixed = attend(
            p("sa_qcontent", x) + p("sa_qpos", queries), p("sa_kcontent", x) + p("sa_kpos", queries), p("sa_v", x), self.heads
        )
        x = self.self_attn_layer_norm(x + self.self_attn.out_proj(mixed))

        q, k, place = p("ca_qcontent", x), p("ca_kcontent", memory), p("ca_kpos", positions)
        if self.first:
            q, k = q + p("ca_qpos", queries), k + place
        # Content and place are compared side by side in every head, hence queries and keys twice as wide as values.
        q = _side_by_side(q, p("ca_qpos_sine", sine), self.heads)
        k = _side_by_side(k, place.expand(len(k), -1, -1), self.heads)
        mixed = attend(q, k, p("ca_v", memory), self.heads, mask)
        x = self.encoder_attn_layer_norm(x + self.encoder_attn.out_proj(mixed))
        return self.final_layer_norm(x + self.fc2(F.relu(self.fc1(x))))  # type: ignore[no-any-return]


def _side_by_side(a: Tensor, b: Tensor, heads: int) -> Tensor:
    """Two (batch, tokens, width) tensors as one of twice the width, next to each other in every head."""
    parts = [x.view(*x.shape[:2], heads, -1) for x in (a, b)]
    return torch.cat(parts, dim=-1).flatten(2)


class _Encoder(nn.Module):
    def __init__(self, sizes: DetectorSizes) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_EncoderLayer(sizes) for _ in range(sizes.encoder_layers))


class _Decoder(nn.Module):
    def __init__(self, sizes: DetectorSizes) -> None:
        super().__init__()
        width = sizes.width
        self.layers = nn.ModuleList(_DecoderLayer(sizes, first=number == 0) for number in range(sizes.decoder_layers))
        self.layernorm = nn.LayerNorm(width)
        self.query_scale = MLP(width, width, width)
        self.ref_point_head = MLP(width, width, 2)


class _ConvEncoder(nn.Module):
    def __init__(self, sizes: DetectorSizes) -> None:
        super().__init__()
        self.model = ResNet(sizes.backbone)


class _Backbone(nn.Module):
    def __init__(self, sizes: DetectorSizes) -> None:
        super().__init__()
        self.conv_encoder = _ConvEncoder(sizes)


class Detector(nn.Module):
    """The transformer without its prediction heads."""

    def __init__(self, sizes: DetectorSizes) -> None:
        super().__init__()
        self.width = sizes.width
        self.backbone = _Backbone(sizes)
        self.input_projection = nn.Conv2d(4 * sizes.backbone.widths[-1], sizes.width, 1)
        self.query_position_embeddings = nn.Embedding(sizes.queries, sizes.width)
        self.encoder = _Encoder(sizes)
        self.decoder = _Decoder(sizes)
        self._reference: Tensor | None = None

    def features(self, pixels: Tensor) -> Tensor:
        """The last feature map of the backbone."""
        return self.backbone.conv_encoder.model(pixels)  # type: ignore[no-any-return]

    def where_queries_look(self) -> Tensor:
        """(queries, 2) in float32, x then y, 0..1. The same for every page: computed once, before anything is made half precision."""
        if self._reference is None:
            self._reference = self.decoder.ref_point_head(self.query_position_embeddings.weight).float().sigmoid()
        if self._reference.device != self.query_position_embeddings.weight.device:
            self._reference = self._reference.to(self.query_position_embeddings.weight.device)
        return self._reference

    def forward(self, pixels: Tensor, inside: Tensor | None = None) -> Detected:
        """Runs a batch.

        Args:
            pixels: (batch, 3, height, width), normalised, zero where there is no page.
            inside: (batch, height, width) bool, True where the page is; None: everywhere.
        """
        found = self.input_projection(self.features(pixels))
        batch, _, height, width = found.shape
        if inside is None:
            cells = torch.ones(1, height, width, dtype=torch.bool, device=found.device)
            mask = None
        else:
            cells = F.interpolate(inside[:, None].float(), size=(height, width))[:, 0].bool()
            mask = cells.flatten(1)[:, None, None, :]
        positions = map_positions(cells, self.width).to(found.dtype)

        memory = found.flatten(2).transpose(1, 2)
        for layer in self.encoder.layers:
            memory = layer(memory, positions, mask)

        decoder, queries = self.decoder, self.query_position_embeddings.weight
        reference = self.where_queries_look()
        x_waves, y_waves = (sine_waves(reference[:, axis] * _TURN, self.width // 2) for axis in (0, 1))
        sine = torch.cat((y_waves, x_waves), dim=-1).to(memory.dtype)
        queries = queries.to(memory.dtype).expand(batch, -1, -1)
        x = torch.zeros_like(queries)
        for number, layer in enumerate(decoder.layers):
            scaled = sine if number == 0 else sine * decoder.query_scale(x)
            x = layer(x, memory, positions, queries, scaled.expand(batch, -1, -1), mask)
        return Detected(decoder.layernorm(x), reference, memory)
