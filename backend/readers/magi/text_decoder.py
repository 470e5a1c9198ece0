"""TrOCR's text decoder (Li et al., arXiv:2109.10282), one token at a time with everything computed before kept.

The keys and values of the picture are projected once a text and not once a token; that is most of what upstream spends.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from backend.readers.magi.decoding import GrowingMemory, Memory
from backend.readers.magi.detector import split_heads
from backend.readers.magi.sizes import TextDecoderSizes

_POSITIONS_OFFSET = 2
"""The first two rows of the position table are never looked up (an inheritance of BART)."""


class _Attention(nn.Module):
    def __init__(self, width: int, memory_width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj, self.v_proj = nn.Linear(memory_width, width), nn.Linear(memory_width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def keys_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, heads, tokens, head width) each."""
        return split_heads(self.k_proj(x), self.heads), split_heads(self.v_proj(x), self.heads)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        mixed = F.scaled_dot_product_attention(split_heads(self.q_proj(x), self.heads), keys, values, attn_mask=mask)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class _Layer(nn.Module):
    def __init__(self, sizes: TextDecoderSizes) -> None:
        super().__init__()
        width = sizes.width
        self.self_attn = _Attention(width, width, sizes.heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_attn = _Attention(width, sizes.memory_width, sizes.heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, sizes.ffn), nn.Linear(sizes.ffn, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def look(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the picture."""
        return self.encoder_attn.keys_and_values(picture)

    def forward(self, x: Tensor, number: int, memory: Memory) -> Tensor:
        past = memory.grow(number, *self.self_attn.keys_and_values(x))
        x = self.self_attn_layer_norm(x + self.self_attn(x, *past))
        x = self.encoder_attn_layer_norm(x + self.encoder_attn(x, *memory.picture[number]))
        return self.final_layer_norm(x + self.fc2(F.gelu(self.fc1(x))))  # type: ignore[no-any-return]


class _Layers(nn.Module):
    def __init__(self, sizes: TextDecoderSizes) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(sizes.vocabulary, sizes.width)
        self.embed_positions = nn.Embedding(sizes.positions + _POSITIONS_OFFSET, sizes.width)
        self.layernorm_embedding = nn.LayerNorm(sizes.width)
        self.layers = nn.ModuleList(_Layer(sizes) for _ in range(sizes.layers))

    def each(self) -> list[_Layer]:
        return [layer for layer in self.layers if isinstance(layer, _Layer)]


class _Model(nn.Module):
    def __init__(self, sizes: TextDecoderSizes) -> None:
        super().__init__()
        self.decoder = _Layers(sizes)


class TextDecoder(nn.Module):
    """Implements `decoding.Decoder`."""

    def __init__(self, sizes: TextDecoderSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.positions = sizes.positions
        self.start, self.end = sizes.start, sizes.end
        self.model = _Model(sizes)
        self.output_projection = nn.Linear(sizes.width, sizes.vocabulary, bias=False)

    def tie(self) -> None:
        """Makes the output projection the token embedding where the model says so; the file stores it twice."""
        if self.sizes.tied:
            self.output_projection.weight = self.model.decoder.embed_tokens.weight

    def look(self, picture: Tensor) -> GrowingMemory:
        """Begins texts: one for each row of (batch, tokens, memory width)."""
        return GrowingMemory([layer.look(picture) for layer in self.model.decoder.each()])

    def step(self, tokens: Tensor, memory: Memory) -> Tensor:
        """Logits (batch, vocabulary) of the token after `tokens` (batch,), which are appended to the memory."""
        body = self.model.decoder
        x = body.embed_tokens(tokens[:, None]) + body.embed_positions.weight[memory.length + _POSITIONS_OFFSET]
        x = body.layernorm_embedding(x)
        for number, layer in enumerate(body.layers):
            x = layer(x, number, memory)
        memory.length += 1
        return self.output_projection(x[:, 0])  # type: ignore[no-any-return]
