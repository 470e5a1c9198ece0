"""Greedy decoding of many texts at once, to their end.

Texts that have ended leave the batch, so a long bubble costs only itself. There is no cut at a fixed length: a text ends with its end
token, where the model has no more positions, or where it has begun to go in circles (a model that lost its place repeats one phrase until
it is stopped; what it said before that is kept).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

_BLOCK = 32
"""Keys and values are stored in blocks of this many tokens, so that most steps write in place."""
_LONGEST_PERIOD = 24
_CIRCLES = 4
_SHORTEST_LOOP = 32
"""A loop is `_CIRCLES` equal stretches of up to `_LONGEST_PERIOD` tokens that cover at least this many: "NOOOOOOO" is none."""


class Memory:
    """What a decoder has computed of a batch of texts: keys and values, of the picture and of the tokens so far."""

    def __init__(self, picture: list[tuple[Tensor, Tensor]]) -> None:
        self.picture = picture
        self.length = 0
        self._past: list[tuple[Tensor, Tensor] | None] = [None] * len(picture)

    def grow(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Appends one token's (batch, heads, 1, head width) and returns all so far."""
        at, past = self.length, self._past[layer]
        if past is None or past[0].shape[2] == at:
            room = [x.new_empty(*x.shape[:2], at + _BLOCK, x.shape[3]) for x in (key, value)]
            if past is not None:
                for new, old in zip(room, past, strict=True):
                    new[:, :, :at] = old
            past = self._past[layer] = (room[0], room[1])
        past[0][:, :, at : at + 1] = key
        past[1][:, :, at : at + 1] = value
        return past[0][:, :, : at + 1], past[1][:, :, : at + 1]

    def keep(self, rows: Tensor) -> None:
        """Forgets all texts but `rows`."""
        self.picture = [(key[rows], value[rows]) for key, value in self.picture]
        self._past = [None if past is None else (past[0][rows], past[1][rows]) for past in self._past]


class Decoder(Protocol):
    """A text decoder that keeps what it has computed."""

    positions: int
    start: int
    end: int

    def look(self, picture: Tensor) -> Memory: ...

    def step(self, tokens: Tensor, memory: Memory) -> Tensor: ...


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
def write(decoder: Decoder, picture: Tensor, longest: int | None = None, patience: int = 1) -> list[Written]:
    """Decodes one text for every row of `picture` (batch, tokens, width).

    Args:
        longest: most new tokens; None: as many as the decoder has positions for.
        patience: steps between two looks at which texts have ended. Each look waits for the device: 1 on a CPU, more on a GPU.
    """
    texts = [Written() for _ in range(len(picture))]
    if not texts:
        return texts
    limit = min(longest or decoder.positions, decoder.positions)
    memory = decoder.look(picture)
    open_rows = list(range(len(texts)))
    tokens = torch.full((len(texts),), decoder.start, dtype=torch.long, device=picture.device)
    done = 0
    while open_rows and done < limit:
        chosen, scores = [], []
        for _ in range(min(patience, limit - done)):
            logits = decoder.step(tokens, memory).float()
            best, tokens = logits.max(dim=-1)
            chosen.append(tokens)
            scores.append(best - logits.logsumexp(dim=-1))
        done += len(chosen)
        still = []
        for row, ids, logs in zip(open_rows, torch.stack(chosen, 1).tolist(), torch.stack(scores, 1).tolist(), strict=True):
            _extend(texts[row], ids, logs, decoder.end)
            still.append(not (texts[row].ended or texts[row].looped))
        if not all(still):
            rows = torch.tensor([at for at, go in enumerate(still) if go], dtype=torch.long, device=picture.device)
            open_rows = [row for row, go in zip(open_rows, still, strict=True) if go]
            memory.keep(rows)
            tokens = tokens[rows]
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
