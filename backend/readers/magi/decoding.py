"""Greedy decoding of many texts at once, to their end.

Texts that have ended leave the batch, so a long bubble costs only itself. There is no cut at a fixed length: a text ends with its end
token, where the model has no more positions, or where it has begun to go in circles (a model that lost its place repeats one phrase until
it is stopped; what it said before that is kept).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

import torch
from torch import Tensor

_BLOCK = 32
"""Keys and values are stored in blocks of this many tokens, so that most steps write in place."""
_LONGEST_PERIOD = 24
_CIRCLES = 4
_SHORTEST_LOOP = 32
"""A loop is `_CIRCLES` equal stretches of up to `_LONGEST_PERIOD` tokens that cover at least this many: "NOOOOOOO" is none."""


class Memory(Protocol):
    """What a decoder has computed of a batch of texts: keys and values, of the picture and of the tokens so far."""

    picture: list[tuple[Tensor, Tensor]]
    length: int | Tensor
    """Tokens so far; a decoder looks positions up by it and adds one in place."""

    def grow(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Appends one token's (batch, heads, 1, head width) and returns all so far, and which of them count (None: all)."""
        ...


class GrowingMemory:
    """A memory that grows with the tokens, block by block, and can forget texts."""

    def __init__(self, picture: list[tuple[Tensor, Tensor]]) -> None:
        self.picture = picture
        self.length: int | Tensor = 0
        self._past: list[tuple[Tensor, Tensor] | None] = [None] * len(picture)

    def grow(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        at, past = int(self.length), self._past[layer]
        if past is None or past[0].shape[2] == at:
            room = [x.new_empty(*x.shape[:2], at + _BLOCK, x.shape[3]) for x in (key, value)]
            if past is not None:
                for new, old in zip(room, past, strict=True):
                    new[:, :, :at] = old
            past = self._past[layer] = (room[0], room[1])
        past[0][:, :, at : at + 1] = key
        past[1][:, :, at : at + 1] = value
        return past[0][:, :, : at + 1], past[1][:, :, : at + 1], None

    def keep(self, rows: Tensor) -> None:
        """Forgets all texts but `rows`."""
        self.picture = [(key[rows], value[rows]) for key, value in self.picture]
        self._past = [None if past is None else (past[0][rows], past[1][rows]) for past in self._past]


class Decoder(Protocol):
    """A text decoder that keeps what it has computed."""

    positions: int
    start: int
    end: int

    def look(self, picture: Tensor) -> GrowingMemory: ...

    def step(self, tokens: Tensor, memory: Memory) -> Tensor: ...


class Writing(Protocol):
    """A batch of texts being written, token by token."""

    def advance(self) -> tuple[Tensor, Tensor]:
        """The next token of every row and its log-probability, (batch,) each, on the device."""
        ...

    def keep(self, rows: Sequence[int]) -> list[int]:
        """Says that only `rows` go on; returns at which rows they are from now on."""
        ...


Begin = Callable[[Tensor], Writing]
"""Starts one text for every row of a picture (batch, tokens, width)."""


class Growing:
    """Writing in shapes that grow with the tokens and shrink with the texts that end."""

    def __init__(self, decoder: Decoder, picture: Tensor) -> None:
        self._decoder, self._memory = decoder, decoder.look(picture)
        self._tokens = torch.full((len(picture),), decoder.start, dtype=torch.long, device=picture.device)

    @classmethod
    def begin(cls, decoder: Decoder) -> Callable[[Tensor], Self]:
        return lambda picture: cls(decoder, picture)

    def advance(self) -> tuple[Tensor, Tensor]:
        logits = self._decoder.step(self._tokens, self._memory).float()
        best, self._tokens = logits.max(dim=-1)
        return self._tokens, best - logits.logsumexp(dim=-1)

    def keep(self, rows: Sequence[int]) -> list[int]:
        chosen = torch.tensor(rows, dtype=torch.long, device=self._tokens.device)
        self._memory.keep(chosen)
        self._tokens = self._tokens[chosen]
        return list(range(len(rows)))


@dataclass(slots=True)
class Written:
    """One decoded text."""

    ids: list[int] = field(default_factory=list)
    """New tokens, the end token too if it was reached."""
    log_probability: float = 0.0
    """Sum over `ids`."""
    ended: bool = False
    looped: bool = False
    """It went in circles; `ids` ends after the first round."""

    @property
    def confidence(self) -> float:
        """Geometric mean of the tokens' probabilities; halved for a text that did not end by itself."""
        mean = float(torch.tensor(self.log_probability / max(1, len(self.ids))).exp())
        return min(1.0, mean if self.ended else mean / 2)


def circle(ids: list[int]) -> int | None:
    """Where the circle begins that `ids` ends in, or None: an index of `ids`."""
    for period in range(1, _LONGEST_PERIOD + 1):
        span = max(_CIRCLES, -(-_SHORTEST_LOOP // period)) * period
        if len(ids) >= span and all(ids[-k] == ids[-k - period] for k in range(1, span - period + 1)):
            begin = len(ids) - span
            while begin > 0 and ids[begin - 1] == ids[begin - 1 + period]:
                begin -= 1
            return begin + period
    return None


@torch.inference_mode()
def write(
    decoder: Decoder, picture: Tensor, longest: int | None = None, patience: int = 1, begin: Begin | None = None
) -> list[Written]:
    """Decodes one text for every row of `picture` (batch, tokens, width).

    Args:
        longest: most new tokens; None: as many as the decoder has positions for.
        patience: steps between two looks at which texts have ended. Each look waits for the device: 1 on a CPU, more on a GPU.
        begin: how it is done (see `fixed.begin_for`); None: in shapes that grow.
    """
    texts = [Written() for _ in range(len(picture))]
    if not texts:
        return texts
    limit = min(longest or decoder.positions, decoder.positions)
    writing = (begin or Growing.begin(decoder))(picture)
    open_texts, rows = texts, list(range(len(texts)))
    done = 0
    while open_texts and done < limit:
        chosen, scores = zip(*(writing.advance() for _ in range(min(patience, limit - done))), strict=True)
        done += len(chosen)
        # Ids are exact in float64, so tokens and scores cross from the device as one table.
        table = torch.stack([*(ids.double() for ids in chosen), *(logs.double() for logs in scores)], 1).tolist()
        for text, row in zip(open_texts, rows, strict=True):
            _extend(text, [int(token) for token in table[row][: len(chosen)]], table[row][len(chosen) :], decoder.end)
        still = [at for at, text in enumerate(open_texts) if not (text.ended or text.looped)]
        if len(still) < len(open_texts):
            open_texts = [open_texts[at] for at in still]
            rows = writing.keep([rows[at] for at in still]) if still else []
    return texts


def _extend(text: Written, ids: list[int], logs: list[float], end: int) -> None:
    for token, log in zip(ids, logs, strict=True):
        text.ids.append(token)
        text.log_probability += log
        if token == end:
            text.ended = True
            return
        begin = circle(text.ids)
        if begin is not None:
            text.log_probability *= begin / len(text.ids)
            del text.ids[begin:]
            text.looped = True
            return
