"""Images into what the models see. Pillow on the CPU resizes, in worker threads; the device turns bytes into numbers.

Every image is grey: one byte a pixel crosses to the device and becomes three normalised channels there, a twelfth of what floats would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.readers.base import Box

if TYPE_CHECKING:
    import torch

Grey = NDArray[np.uint8]
"""(height, width)."""

IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: Final = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SMALLEST_CROP: Final = 10
"""Pixels; crops are grown to this in both directions."""


def page_size(width: int, height: int, shortest: int, longest: int) -> tuple[int, int]:
    """(width, height) a page is shown at: the short side `shortest`, unless the long side would pass `longest`.

    All roundings are those of the published model's pre-processing: short side to nearest under the limit, long side down, and a page
    whose short side is already right is shown as it is, be its long side a few pixels off the limit.
    """
    short, long = min(width, height), max(width, height)
    limited = long / short * shortest > longest
    exact: float = longest * short / long if limited else shortest
    new_short = round(exact)
    new_long = long if new_short == short else max(1, int(exact * long / short))
    new_short = max(1, new_short)
    return (new_short, new_long) if width <= height else (new_long, new_short)


def grey(image: Image.Image) -> Image.Image:
    """The page as the models know it."""
    return image if image.mode == "L" else image.convert("L")


def resized(image: Image.Image, size: tuple[int, int]) -> Grey:
    """A grey image at (width, height), anti-aliased bilinear."""
    return np.array(image.resize(size, Image.Resampling.BILINEAR), dtype=np.uint8)


def crop_bounds(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Whole pixels a box is cut out at (half open): cut to integers, clipped to the page, grown to `SMALLEST_CROP`."""
    x0, y0, x1, y1 = (int(value) for value in box)
    left, right = _grown(x0, x1, width)
    top, bottom = _grown(y0, y1, height)
    return left, top, right, bottom


def _grown(low: int, high: int, end: int) -> tuple[int, int]:
    low, high = (min(max(0, value), end) for value in (low, high))
    if high - low >= SMALLEST_CROP:
        return low, high
    if end - low > SMALLEST_CROP:
        return low, low + SMALLEST_CROP
    return max(0, high - SMALLEST_CROP), max(high, min(end, SMALLEST_CROP))


def cut(page: Image.Image, bounds: tuple[int, int, int, int], side: int) -> Grey:
    """A crop squashed to a square."""
    return resized(page.crop(bounds), (side, side))


def to_device(
    images: Sequence[Grey],
    norm: tuple[tuple[float, float, float], tuple[float, float, float]],
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Stacks images on the device.

    Returns:
        (batch, 3, height, width) normalised, zero outside an image; and which pixels are inside, (batch, height, width),
        or None if all images are of one size.
    """
    import torch  # noqa: PLC0415 - belongs to the extra

    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    same = all(image.shape == (height, width) for image in images)
    pinned = device.type == "cuda"
    stack = torch.zeros(len(images), height, width, dtype=torch.uint8, pin_memory=pinned)
    inside = None if same else torch.zeros(len(images), height, width, dtype=torch.bool, pin_memory=pinned)
    for at, image in enumerate(images):
        stack[at, : image.shape[0], : image.shape[1]] = torch.from_numpy(image)
        if inside is not None:
            inside[at, : image.shape[0], : image.shape[1]] = True
    raw = stack.to(device, non_blocking=True)
    shade = raw.float() / 255
    # Plain numbers need not cross to the device; a tensor of them would, and the host would wait for it.
    pixels = torch.stack([(shade - mean) / std for mean, std in zip(*norm, strict=True)], 1)
    if inside is not None:
        inside = inside.to(device, non_blocking=True)
        pixels = pixels * inside[:, None]
    return pixels.to(dtype), inside
