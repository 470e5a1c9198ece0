"""Decoding in fixed shapes, so that a GPU can replay one step as a CUDA graph instead of being told of its hundreds of kernels.

A step of a small decoder is a few hundred kernels of some microseconds each, and launching them costs more than running them. A graph is
launched once, but it bakes in every address and every number that Python knew when it was captured. So whatever changes from step to step
lives in tensors at fixed places: the tokens, how many there are, the keys and values. Shapes are rounded up (texts to a power of two,
tokens to `ROOMS`), and there is one graph for each pair that occurs. Texts that have ended stay in the batch until it fits the next
smaller power of two.

The traps: what lies behind the last token is read too, then masked, and a NaN of an earlier batch would pass any mask, so room is wiped
before it is used. And one object has one batch in work at a time: it belongs to one thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from backend.readers.magi.decoding import Begin, Decoder, Growing

_log = logging.getLogger(__name__)

ROOMS: Final = (64, 128, 256, 512)
"""Tokens there is room for; a decoder with more positions goes on in doubles."""
SMALLEST_BATCH: Final = 4

Program = Callable[[], None]
Capture = Callable[[Program, Program], Program]
"""Given a step and what undoes it: makes a program that does the same to the same tensors when it is called. It may run the step for
practice and leaves no trace of that."""


def begin_for(decoder: Decoder, device: torch.device, batch: int) -> Begin:
    """How texts are best written on a device: as graphs on a CUDA device, else in shapes that grow (on a CPU a fixed room
    costs what is masked, a tenth of the time, and saves nothing)."""
    return FixedShapes(decoder, batch, _Graphs(device)).begin if device.type == "cuda" else Growing.begin(decoder)


class _FixedMemory:
    """Views of the first rows and places of what `FixedShapes` holds."""

    def __init__(
        self, picture: list[tuple[Tensor, Tensor]], past: list[tuple[Tensor, Tensor]], length: Tensor, places: Tensor
    ) -> None:
        self.picture = picture
        self.length: int | Tensor = length
        self._at = length
        self._places = places
        self._fixed = past
        self._mask = (places <= length)[None, None, None]

    def grow(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        keys, values = self._fixed[layer]
        keys.index_copy_(2, self._at, key)
        values.index_copy_(2, self._at, value)
        return keys, values, self._mask


class FixedShapes:
    """One decoder's fixed places and its programs. Implements `decoding.Writing`.

    Args:
        batch: most texts at once; a larger batch makes new places.
        capture: turns a step into a program that is cheaper to run; None: the step itself is run.
    """

    def __init__(self, decoder: Decoder, batch: int, capture: Capture | None = None) -> None:
        self._decoder, self._capture = decoder, capture
        self._most = _rounded(batch)
        self._picture: list[tuple[Tensor, Tensor]] = []
        self._past: dict[int, list[tuple[Tensor, Tensor]]] = {}
        """Keys and values of the tokens, by room; made when first needed, since few texts are long."""
        self._programs: dict[tuple[int, int], Program] = {}

    def begin(self, picture: Tensor) -> FixedShapes:
        """Starts one text for every row of (batch, tokens, width); what was in work before is forgotten."""
        looked = self._decoder.look(picture).picture
        count = len(picture)
        if not self._picture or count > self._most or looked[0][0].shape[1:] != self._picture[0][0].shape[1:]:
            self._make_places(looked, max(self._most, _rounded(count)))
        for mine, new in zip(self._picture, looked, strict=True):
            mine[0][:count], mine[1][:count] = new
        self._batch, self._room, self._done = _rounded(count), 0, 0
        self._tokens.fill_(self._decoder.start)
        self._length.zero_()
        return self

    def advance(self) -> tuple[Tensor, Tensor]:
        if self._done == self._room:
            self._make_room()
        key = self._batch, self._room
        if key not in self._programs:
            self._programs[key] = self._program(*key)
        self._programs[key]()
        self._done += 1
        return self._tokens[: self._batch].clone(), self._scores[: self._batch].clone()

    def keep(self, rows: Sequence[int]) -> list[int]:
        fits = _rounded(len(rows))
        if fits == self._batch:
            return list(rows)
        chosen = torch.tensor(rows, dtype=torch.long, device=self._tokens.device)
        for tensor in (*(side for pair in self._picture for side in pair), *self._used()):
            tensor[: len(rows)] = tensor[chosen]
        self._tokens[: len(rows)] = self._tokens[chosen]
        self._batch = fits
        return list(range(len(rows)))

    def _used(self) -> list[Tensor]:
        return [side for pair in self._past[self._room] for side in pair]

    def _make_places(self, looked: Sequence[tuple[Tensor, Tensor]], most: int) -> None:
        self._most = most
        self._programs.clear()
        self._past.clear()
        rooms = [*ROOMS]
        while rooms[-1] < self._decoder.positions:
            rooms.append(2 * rooms[-1])
        self._rooms = [room for room in rooms if room < self._decoder.positions] + [self._decoder.positions]
        key = looked[0][0]
        self._picture = [(k.new_zeros(most, *k.shape[1:]), v.new_zeros(most, *v.shape[1:])) for k, v in looked]
        self._tokens = torch.zeros(most, dtype=torch.long, device=key.device)
        self._scores = torch.zeros(most, dtype=torch.float32, device=key.device)
        self._length = torch.zeros(1, dtype=torch.long, device=key.device)
        self._places = torch.arange(self._rooms[-1], device=key.device)

    def _make_room(self) -> None:
        """Moves to the next room what there is, and wipes the rest of it."""
        before = self._room
        written = self._used() if before else []
        self._room = next(room for room in self._rooms if room > before)
        if self._room not in self._past:
            key = self._picture[0][0]
            shape = (self._most, key.shape[1], self._room, key.shape[3])
            self._past[self._room] = [(key.new_zeros(shape), key.new_zeros(shape)) for _ in self._picture]
        for side in self._used():
            side[:, :, before:].zero_()
        for side, old in zip(self._used(), written, strict=False):
            side[:, :, :before] = old

    def _program(self, batch: int, room: int) -> Program:
        def first(pairs: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
            return [(keys[:batch], values[:batch]) for keys, values in pairs]

        def step() -> None:
            memory = _FixedMemory(first(self._picture), first(self._past[room]), self._length, self._places[:room])
            logits = self._decoder.step(self._tokens[:batch], memory).float()
            best, tokens = logits.max(dim=-1)
            self._scores[:batch] = best - logits.logsumexp(dim=-1)
            self._tokens[:batch] = tokens

        if self._capture is None:
            return step
        tokens, length = self._tokens.clone(), self._length.clone()

        def undo() -> None:
            """The keys and values that were written lie where the next step writes its own."""
            self._tokens.copy_(tokens)
            self._length.copy_(length)

        try:
            return self._capture(step, undo)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            _log.warning("A decoding step cannot be made a CUDA graph here (%s); texts are written step by step, slower.", error)
            self._capture = None
            undo()
            return step


def _rounded(count: int) -> int:
    """The power of two that holds so many texts."""
    return max(SMALLEST_BATCH, 1 << (count - 1).bit_length())


class _Graphs:
    """Captures CUDA graphs, which share the memory for what lies between their kernels: they never run at once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: Any = None
        self._aside: Any = None

    def __call__(self, step: Program, undo: Program) -> Program:
        with torch.cuda.device(self._device):
            return self._captured(step, undo)

    def _captured(self, step: Program, undo: Program) -> Program:
        # Libraries set themselves up in their first runs, which no graph may contain; those happen on a stream of their own. It is the same
        # one for all graphs, as libraries keep tens of megabytes for each stream; torch's own might be of another device.
        self._aside = aside = self._aside or torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(2):
                step()
                undo()
        torch.cuda.current_stream().wait_stream(aside)
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile (a synthesizer, say): only this thread's calls must be such as a graph can hold.
        with torch.cuda.graph(graph, pool=self._pool, stream=aside, capture_error_mode="thread_local"):
            step()
        return graph.replay
