"""What a CUDA device would be asked to do, told without one: on tensors that know their device, type and shape and have no numbers.

Torch refuses to mix devices and types of such tensors exactly as it would on a GPU, so the networks of the published size run through
here; and what a step of the decoder asks for is looked at, because a CUDA graph cannot hold everything.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from backend.readers.magi import fixed, pixels
from backend.readers.magi.backbone import fold_batch_norms
from backend.readers.magi.network import Network
from backend.readers.magi.sizes import MagiSizes, VitSizes
from backend.readers.manga_ocr.decoder import BertSizes
from backend.readers.manga_ocr.network import Network as MangaOcr
from tests.support.magi_model import CONFIG

CUDA = torch.device("cuda", 0)
HALF = torch.float16
VIT = VitSizes(image=224, patch=16, width=768, layers=12, heads=12, ffn=3072, qkv_bias=True, norm_eps=1e-12)
BERT = BertSizes(width=768, layers=2, heads=12, ffn=3072, vocabulary=6144, positions=512, kinds=2, norm_eps=1e-12, start=2, end=3)


class Watch(TorchDispatchMode):
    """Names of the operations that ran, and what of them met a tensor that is not on the device."""

    def __init__(self):
        super().__init__()
        self.names, self.elsewhere = set(), []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.names.add(func.name().removeprefix("aten::"))
        tensors = [x for x in tree_leaves((args, kwargs, out)) if isinstance(x, torch.Tensor)]
        self.elsewhere += [(func.name(), x.device) for x in tensors if x.device != CUDA]
        return out


class Unguarded(TorchFunctionMode):
    """`x[...]`, `x[...] = y` and `x.copy_(y)` out of the operations that they stand for.

    These alone ask for the device before they dispatch, and a torch that was built for CPUs has none that it could tell of.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.__getitem__:
            x, chosen = subscript(*args)
            return torch.ops.aten.index(x, chosen) if chosen else x
        if func is torch.Tensor.__setitem__:
            *where, value = args
            x, chosen = subscript(*where)
            value = torch.as_tensor(value, dtype=x.dtype, device=getattr(value, "device", x.device))
            torch.ops.aten.index_put_(x, chosen, value) if chosen else torch.ops.aten.copy_(x, value)
            return None
        if func is torch.Tensor.copy_:
            func = torch.ops.aten.copy_
        return func(*args, **(kwargs or {}))


def subscript(x: torch.Tensor, at) -> tuple[torch.Tensor, list[torch.Tensor | None]]:
    """What `x[at]` looks at: the view for its numbers, slices, None and ellipsis, and what its tensors choose of that."""
    at = list(at) if isinstance(at, tuple) else [at]
    for place, part in enumerate(at):
        if part is Ellipsis:
            at[place : place + 1] = [slice(None)] * (x.dim() - sum(other is not None for other in at) + 1)
            break
    dim, chosen = 0, []
    for part in at:
        if part is None:
            x = x.unsqueeze(dim)
        elif isinstance(part, int):
            x = x.select(dim, part)
            continue
        elif isinstance(part, slice):
            x = torch.ops.aten.slice(x, dim, part.start, part.stop, part.step or 1)
        else:
            chosen += [None] * (dim - len(chosen)) + [torch.as_tensor(part, device=getattr(part, "device", x.device))]
        dim += 1
    return x, chosen


WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "item", "is_nonzero", "equal", "unique", "_unique2"}
"""What makes the host wait for the device."""


@pytest.fixture
def nowhere():
    """Tensors without numbers."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, torch.inference_mode(), Unguarded():
        yield mode


def to_gpu(module: nn.Module) -> None:
    """As `module.to(CUDA, HALF)`, which cannot swap parameters that have no numbers."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(parameter.to(CUDA, HALF), requires_grad=False))
        for name, buffer in part.named_buffers(recurse=False):
            setattr(part, name, buffer.to(CUDA, HALF))


@pytest.fixture
def network(nowhere) -> Network:
    """The published size, set up as `Network.load` sets it up for a GPU: its heads stay where they are."""
    network = Network(MagiSizes.parse(CONFIG, Path("config.json"))).requires_grad_(False).eval()
    network.ocr_model.encoder.forget_pooler()
    fold_batch_norms(network.detection_transformer.backbone)
    network.detection_transformer.where_queries_look()
    for part in (network.detection_transformer, network.crop_embedding_model, network.ocr_model):
        to_gpu(part)
    network.ocr_model.decoder.tie()
    return network


def seen(height: int, width: int, count: int = 2) -> torch.Tensor:
    return torch.zeros(count, 3, height, width, dtype=HALF, device=CUDA)


def test_subscripts_mean_here_what_they_mean_to_torch():
    x = torch.arange(120).reshape(2, 3, 4, 5)
    rows, mask = torch.tensor([1, 0, 1]), torch.tensor([True, False, True])
    views = (1, -1, slice(1, None), (0, 2), (..., 1), (slice(None), None, -1), (None, ..., slice(0, 4, 2)))
    for at in (*views, rows, (0, mask), (..., rows)):
        mine, theirs = x.clone(), x.clone()
        theirs[at] = -7
        with Unguarded():
            assert mine[at].shape == x[at].shape
            seen = mine[at].clone()
            mine[at] = -7
        assert torch.equal(seen, x[at])
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("padded", [False, True])
def test_the_detector_runs_through_in_half_precision_without_leaving_the_device(network, padded):
    inside = torch.ones(2, 800, 568, dtype=torch.bool, device=CUDA) if padded else None
    network.detection_transformer(seen(800, 568), inside)  # the first time, where queries look moves over
    with Watch() as watch:
        said = network.detection_transformer(seen(800, 568), inside)
    assert (said.queries.device, said.queries.dtype, tuple(said.queries.shape)) == (CUDA, HALF, (2, 305, 256))
    assert said.reference.dtype == torch.float32
    assert watch.elsewhere == []
    assert not watch.names & WAITING


def test_what_crosses_back_meets_the_heads_in_float32(network):
    objects = network.detection_transformer(seen(320, 256)).queries.float().cpu()[:, :300]
    assert network.class_labels_classifier(objects).dtype == torch.float32
    assert network.boxes(objects, network.detection_transformer.where_queries_look().cpu()[:300]).shape == (2, 300, 4)
    crops = network.embed_crops(seen(224, 224, 3))
    assert (crops.device, crops.dtype) == (CUDA, HALF)
    assert network.same_character(objects[0, :3], crops.float().cpu(), objects[0, 9]).shape == (3, 3)


def test_images_become_numbers_on_the_device(nowhere):
    pages = [np.zeros((20, 30), np.uint8), np.zeros((25, 30), np.uint8)]
    x, inside = pixels.to_device(pages, pixels.IMAGENET, CUDA, HALF)
    assert (x.device, x.dtype, tuple(x.shape)) == (CUDA, HALF, (2, 3, 25, 30))
    assert inside.device == CUDA


@pytest.mark.parametrize("whose", ["TrOCR", "manga-ocr"])
def test_a_step_of_the_decoder_asks_for_nothing_that_a_graph_cannot_hold(nowhere, request, monkeypatch, whose):
    monkeypatch.setattr(fixed, "ROOMS", (2, 4))
    if whose == "TrOCR":
        network = request.getfixturevalue("network")
        picture, decoder = network.read_words(seen(384, 384, 5)), network.ocr_model.decoder
    else:
        network = MangaOcr(VIT, BERT).requires_grad_(False).eval()
        to_gpu(network)
        network.decoder.tie()
        picture, decoder = network.look(seen(224, 224, 5)), network.decoder
    steps = []

    def capture(step, undo):
        with Watch() as watch:
            step()
            undo()
        steps.append(watch)
        return step

    writing = fixed.FixedShapes(decoder, 32, capture).begin(picture)
    for _ in range(3):
        tokens, scores = writing.advance()
    assert (tokens.device, tokens.dtype, scores.dtype) == (CUDA, torch.int64, torch.float32)
    assert writing.keep([0, 2]) == [0, 1]
    writing.advance()
    assert len(steps) == 3, "eight rows in the first room and in the second, four rows there"
    for watch in steps:
        assert watch.elsewhere == []
        assert not watch.names & WAITING


def test_graphs_are_practised_and_captured_on_one_stream_of_the_reader_s_own_device(monkeypatch):
    told = []

    class Stream:
        def wait_stream(self, other):
            told.append("waits")

    class Graph:
        def replay(self):
            told.append("replay")

    @contextmanager
    def noted(*what, **how):
        told.append((*what, *how.items()))
        yield

    device, streams = torch.device("cuda", 1), []
    monkeypatch.setattr(torch.cuda, "device", noted)
    monkeypatch.setattr(torch.cuda, "stream", noted)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, **how: noted("graph", **how))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: streams.append(Stream()) or streams[-1])
    graphs = fixed._Graphs(device)
    for _ in range(2):
        graphs(lambda: told.append("step"), lambda: told.append("undo"))()
    (stream,) = streams
    how = (("pool", "pool"), ("stream", stream), ("capture_error_mode", "thread_local"))
    practice = ["waits", (stream,), "step", "undo", "step", "undo", "waits"]
    assert told == [(device,), *practice, ("graph", *how), "step", "replay"] * 2
