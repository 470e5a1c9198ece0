"""BERT as a text decoder with cross-attention (Devlin et al., arXiv:1810.04805), under the tensor names of a vision-encoder-decoder model.

The output layer shares its matrix with the token embedding and its bias with the prediction head; files may or may not repeat them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from backend.readers.magi.decoding import GrowingMemory, Memory
from backend.readers.magi.detector import split_heads

REPEATED: Final = frozenset(
    {"decoder.cls.predictions.decoder.weight", "decoder.cls.predictions.decoder.bias", "decoder.bert.embeddings.position_ids"}
)
"""Names a published file may hold or leave out: copies of other tensors, and a buffer that only counts."""


@dataclass(frozen=True, slots=True)
class BertSizes:
    """A BERT decoder."""

    width: int
    layers: int
    heads: int
    ffn: int
    vocabulary: int
    positions: int
    kinds: int
    norm_eps: float
    start: int
    end: int


class _Projected(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))


class _Output(nn.Module):
    """A dense layer, the shortcut, a norm."""

    def __init__(self, inputs: int, sizes: BertSizes) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, sizes.width)
        self.LayerNorm = nn.LayerNorm(sizes.width, eps=sizes.norm_eps)

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x) + kept)  # type: ignore[no-any-return]


class _Attention(nn.Module):
    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        # "self" is the published name of the projections, for attention to the picture too.
        self.add_module("self", _Projected(sizes.width))
        self.output = _Output(sizes.width, sizes)

    @property
    def _projections(self) -> _Projected:
        found = self.get_submodule("self")
        assert isinstance(found, _Projected)
        return found

    def keys_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        inner = self._projections
        return split_heads(inner.key(x), self.heads), split_heads(inner.value(x), self.heads)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        mixed = F.scaled_dot_product_attention(split_heads(self._projections.query(x), self.heads), keys, values, attn_mask=mask)
        return self.output(mixed.transpose(1, 2).flatten(2), x)  # type: ignore[no-any-return]


class _Dense(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)


class _Layer(nn.Module):
    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.attention, self.crossattention = _Attention(sizes), _Attention(sizes)
        self.intermediate = _Dense(sizes.width, sizes.ffn)
        self.output = _Output(sizes.ffn, sizes)

    def forward(self, x: Tensor, number: int, memory: Memory) -> Tensor:
        x = self.attention(x, *memory.grow(number, *self.attention.keys_and_values(x)))
        x = self.crossattention(x, *memory.picture[number])
        return self.output(F.gelu(self.intermediate.dense(x)), x)  # type: ignore[no-any-return]


class _Embeddings(nn.Module):
    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(sizes.vocabulary, sizes.width)
        self.position_embeddings = nn.Embedding(sizes.positions, sizes.width)
        self.token_type_embeddings = nn.Embedding(sizes.kinds, sizes.width)
        self.LayerNorm = nn.LayerNorm(sizes.width, eps=sizes.norm_eps)


class _Encoder(nn.Module):
    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(sizes) for _ in range(sizes.layers))


class _Bert(nn.Module):
    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.embeddings = _Embeddings(sizes)
        self.encoder = _Encoder(sizes)


class _Transform(nn.Module):
    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.dense = nn.Linear(sizes.width, sizes.width)
        self.LayerNorm = nn.LayerNorm(sizes.width, eps=sizes.norm_eps)


class _Predictions(nn.Module):
    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.transform = _Transform(sizes)
        self.decoder = nn.Linear(sizes.width, sizes.vocabulary)
        self.bias = nn.Parameter(self.decoder.bias.detach().clone())


class _Head(nn.Module):
    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.predictions = _Predictions(sizes)


class BertDecoder(nn.Module):
    """Implements `decoding.Decoder`."""

    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.positions, self.start, self.end = sizes.positions, sizes.start, sizes.end
        self.bert = _Bert(sizes)
        self.cls = _Head(sizes)

    def tie(self) -> None:
        """Makes the output layer what it repeats."""
        predictions = self.cls.predictions
        predictions.decoder.weight = self.bert.embeddings.word_embeddings.weight
        predictions.decoder.bias = predictions.bias

    def look(self, picture: Tensor) -> GrowingMemory:
        """Begins texts: one for each row of (batch, tokens, width)."""
        layers = (layer for layer in self.bert.encoder.layer if isinstance(layer, _Layer))
        return GrowingMemory([layer.crossattention.keys_and_values(picture) for layer in layers])

    def step(self, tokens: Tensor, memory: Memory) -> Tensor:
        """Logits (batch, vocabulary) of the token after `tokens` (batch,), which are appended to the memory."""
        table = self.bert.embeddings
        x = table.word_embeddings(tokens[:, None]) + table.token_type_embeddings.weight[0]
        x = table.LayerNorm(x + table.position_embeddings.weight[memory.length])
        for number, layer in enumerate(self.bert.encoder.layer):
            x = layer(x, number, memory)
        memory.length += 1
        predictions = self.cls.predictions
        x = predictions.transform.LayerNorm(F.gelu(predictions.transform.dense(x[:, 0])))
        return predictions.decoder(x)  # type: ignore[no-any-return]
