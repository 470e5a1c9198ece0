"""The ResNet that turns a page into a feature map, with frozen batch norms, under the tensor names of the published model.

`fold_batch_norms` melts each frozen norm into the convolution before it: the same function, one pass over memory less.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from backend.readers.magi.sizes import BackboneSizes

_EPS = 1e-5


class FrozenBatchNorm(nn.Module):
    """Batch norm whose statistics never change; all four vectors are loaded, none is learned."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.empty(channels))

    def affine(self) -> tuple[Tensor, Tensor]:
        """(scale, shift) of each channel."""
        weight, bias, mean, var = (self.get_buffer(name) for name in ("weight", "bias", "running_mean", "running_var"))
        scale = weight * torch.rsqrt(var + _EPS)
        return scale, bias - mean * scale

    def forward(self, x: Tensor) -> Tensor:
        scale, shift = self.affine()
        return x * scale[:, None, None] + shift[:, None, None]


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride), 1x1, each with its norm, and the shortcut."""

    def __init__(self, inputs: int, width: int, stride: int, shortcut: bool) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1: nn.Module = FrozenBatchNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2: nn.Module = FrozenBatchNorm(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3: nn.Module = FrozenBatchNorm(outputs)
        self.downsample: nn.Module | None = None
        if shortcut:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), FrozenBatchNorm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.downsample is None else self.downsample(x)
        x = F.relu_(self.bn1(self.conv1(x)))
        x = F.relu_(self.bn2(self.conv2(x)))
        return F.relu_(self.bn3(self.conv3(x)) + kept)


class ResNet(nn.Module):
    """(batch, 3, height, width) -> (batch, channels, ceil(height / 32), ceil(width / 32))."""

    def __init__(self, sizes: BackboneSizes) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, sizes.stem, 7, stride=2, padding=3, bias=False)
        self.bn1: nn.Module = FrozenBatchNorm(sizes.stem)
        inputs = sizes.stem
        self.stages: list[str] = []
        for number, (blocks, width) in enumerate(zip(sizes.blocks, sizes.widths, strict=True), start=1):
            stage = []
            for block in range(blocks):
                stride = 2 if block == 0 and number > 1 else 1
                stage.append(Bottleneck(inputs, width, stride, shortcut=block == 0))
                inputs = 4 * width
            self.add_module(f"layer{number}", nn.Sequential(*stage))
            self.stages.append(f"layer{number}")
        self.channels = inputs

    def forward(self, pixels: Tensor) -> Tensor:
        x = F.relu_(self.bn1(self.conv1(pixels)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        return x


def fold_batch_norms(module: nn.Module) -> None:
    """Replaces every convolution and the frozen norm after it by one convolution with a bias, in place."""
    children = dict(module.named_children())
    names = list(children)
    for first, second in pairwise(names):
        conv, norm = children[first], children[second]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, FrozenBatchNorm):
            scale, shift = norm.affine()
            conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None], requires_grad=False)
            conv.bias = nn.Parameter(shift, requires_grad=False)
            setattr(module, second, nn.Identity())
    for child in module.children():
        fold_batch_norms(child)
