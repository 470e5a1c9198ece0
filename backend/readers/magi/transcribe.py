"""Crops of texts to tokens, batch by batch: what TrOCR and manga-ocr have in common.

While a batch is on the device a thread resizes the crops of the next one; for a GPU that is as much time as the batch itself takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final, TypeVar

import torch
from PIL import Image
from torch import Tensor

from backend.readers.magi import decoding, fixed, pixels

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE: Final = 8
"""Tokens between two looks at which texts have ended, on a device that works while nobody waits for it."""


class Transcriber:
    """One recogniser's two halves on their device.

    Args:
        encode: (batch, 3, side, side) normalised pixels to what the decoder looks at, (batch, tokens, width).
        side: of the square a text is squashed to, in pixels. batch: most texts at once.
        longest: most tokens of a text; None: as many as the decoder has positions for.
    """

    def __init__(  # noqa: PLR0917 - two halves, and where and how they run
        self,
        encode: Callable[[Tensor], Tensor],
        decoder: decoding.Decoder,
        side: int,
        device: torch.device,
        dtype: torch.dtype,
        batch: int,
        longest: int | None = None,
    ) -> None:
        self.encode, self.decoder, self._side = encode, decoder, side
        self._device, self._dtype = device, dtype
        self._batch, self._longest = batch, longest
        self._patience = 1 if device.type == "cpu" else _PATIENCE
        self._begin = fixed.begin_for(decoder, device, batch)
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="magi-squares")

    def write(self, crops: Sequence[Image.Image]) -> list[decoding.Written]:
        """One result a crop. Blocks; one call at a time."""
        batches = [crops[start : start + self._batch] for start in range(0, len(crops), self._batch)]
        written: list[decoding.Written] = []
        for squares in one_ahead(self._ahead, self._squares, batches):
            x, _ = pixels.to_device(squares, pixels.HALF, self._device, self._dtype)
            written += decoding.write(self.decoder, self.encode(x), self._longest, self._patience, self._begin)
        return written

    def close(self) -> None:
        """Ends the thread."""
        self._ahead.shutdown(wait=False, cancel_futures=True)

    def _squares(self, crops: Sequence[Image.Image]) -> list[pixels.Grey]:
        return [pixels.resized(pixels.grey(crop), (self._side, self._side)) for crop in crops]


def one_ahead(pool: Executor, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """`work` of each item in order; the next is worked on while the caller uses this one."""
    following = [pool.submit(work, item) for item in items[:1]]
    for item in items[1:]:
        (now,), following = following, [pool.submit(work, item)]
        yield now.result()
    for last in following:
        yield last.result()
