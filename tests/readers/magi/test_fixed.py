"""Writing in fixed shapes gives the texts that growing shapes give, also when each step is a recording that knows no Python.

No GPU is needed: `Recorder` does to a step what a CUDA graph does. It keeps the operations and the tensors they touched, and a replay runs
those again and nothing else; whatever number Python held while recording is baked in.
"""

from __future__ import annotations

import logging

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from backend.readers.magi import fixed
from backend.readers.magi.decoding import write
from backend.readers.magi.fixed import FixedShapes
from backend.readers.magi.sizes import TextDecoderSizes
from backend.readers.magi.text_decoder import TextDecoder
from backend.readers.manga_ocr.decoder import BertDecoder, BertSizes


class _Record(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func is not torch.ops.aten._local_scalar_dense.default, "a step must not wait for the device"
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out

    def replay(self):
        for func, args, kwargs, out in self.calls:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(out), tree_leaves(again), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class Recorder:
    """A `fixed.Capture` that behaves like CUDA graphs, practice included."""

    def __init__(self):
        self.recordings = 0

    def __call__(self, step, undo):
        for _ in range(2):
            step()
            undo()
        with _Record() as record:
            step()
        undo()  # a graph is captured without being run
        self.recordings += 1
        return record.replay


def trocr(seed: int, positions: int = 200) -> TextDecoder:
    torch.manual_seed(seed)
    sizes = TextDecoderSizes(
        width=32, layers=2, heads=4, ffn=48, memory_width=24, vocabulary=50, positions=positions, start=2, end=2, tied=True
    )
    return _ending(TextDecoder(sizes), "output_projection")


def bert(seed: int, positions: int = 200) -> BertDecoder:
    torch.manual_seed(seed)
    sizes = BertSizes(
        width=24, layers=2, heads=3, ffn=48, vocabulary=50, positions=positions, kinds=2, norm_eps=1e-12, start=2, end=3
    )
    return _ending(BertDecoder(sizes), "cls.predictions.decoder")


def _ending(decoder, output: str):
    """Sharp, so that rounding tips no choice, and varied, so that texts end early, late and never."""
    decoder.eval().requires_grad_(False)
    for name, parameter in decoder.named_parameters():
        if name.endswith("weight") and parameter.dim() == 2:
            parameter.copy_(torch.randn_like(parameter) * (3.0 if name.startswith(output) else 0.4))
    return decoder


def told(texts):
    return [(text.ids, text.ended, text.looped) for text in texts]


@pytest.mark.parametrize("make", [trocr, bert])
@pytest.mark.parametrize("patience", [1, 8])
@pytest.mark.parametrize("recorded", [False, True])
def test_fixed_shapes_write_what_growing_ones_write(make, patience, recorded):
    decoder, capture = make(1), Recorder() if recorded else None
    shapes = FixedShapes(decoder, 16, capture)
    lengths = set()
    for seed, count in enumerate((13, 1, 16, 5)):
        picture = torch.randn(count, 7, 24, generator=torch.Generator().manual_seed(seed))
        expected = write(decoder, picture, longest=150)
        found = write(decoder, picture, longest=150, patience=patience, begin=shapes.begin)
        assert told(found) == told(expected)
        assert [text.log_probability for text in found] == pytest.approx([text.log_probability for text in expected], abs=1e-3)
        lengths |= {len(text.ids) for text in found}
    assert len(lengths) > 5, "texts of many lengths: rows are moved, rooms are changed"
    if capture is not None:
        assert 2 <= capture.recordings <= 9, "one for each pair of batch and room, however many steps and batches there were"


def test_a_text_longer_than_the_first_rooms_is_written_to_the_last_position():
    decoder = trocr(4, positions=150)
    decoder.end = -1
    picture = torch.randn(3, 7, 24)
    expected = write(decoder, picture)
    assert told(write(decoder, picture, begin=FixedShapes(decoder, 4, Recorder()).begin)) == told(expected)
    assert max(len(text.ids) for text in expected) == 150 or all(text.looped for text in expected)


def test_what_an_earlier_batch_left_behind_is_not_read():
    decoder = trocr(1)
    shapes = FixedShapes(decoder, 4)
    good = torch.randn(2, 7, 24)
    expected = told(write(decoder, good, longest=100))
    write(decoder, torch.full((4, 7, 24), float("nan")), longest=100, begin=shapes.begin)
    assert told(write(decoder, good, longest=100, begin=shapes.begin)) == expected


def test_a_larger_batch_or_picture_makes_new_places():
    decoder = trocr(2)
    shapes = FixedShapes(decoder, 2, Recorder())
    for size in ((2, 7, 24), (9, 7, 24), (3, 11, 24)):
        picture = torch.randn(size, generator=torch.Generator().manual_seed(1))
        assert told(write(decoder, picture, longest=40, begin=shapes.begin)) == told(write(decoder, picture, longest=40))


def test_where_no_graph_can_be_captured_texts_are_written_all_the_same_and_it_is_said_once(caplog):
    def refuse(step, undo):
        step()
        raise RuntimeError("operation not permitted")

    decoder, picture = trocr(1), torch.randn(9, 7, 24)
    with caplog.at_level(logging.WARNING):
        found = write(decoder, picture, longest=100, begin=FixedShapes(decoder, 16, refuse).begin)
    assert told(found) == told(write(decoder, picture, longest=100))
    assert [record.getMessage().count("operation not permitted") for record in caplog.records] == [1]


def test_a_device_without_room_is_no_reason_to_go_on_without_graphs():
    def no_room(step, undo):
        raise torch.OutOfMemoryError("full")

    with pytest.raises(torch.OutOfMemoryError):
        write(trocr(1), torch.randn(2, 7, 24), begin=FixedShapes(trocr(1), 4, no_room).begin)


def test_graphs_are_for_cuda_and_a_cpu_grows(monkeypatch):
    decoder, picture = trocr(1), torch.randn(2, 7, 24)
    assert not isinstance(fixed.begin_for(decoder, torch.device("cpu"), 8)(picture), FixedShapes)
    monkeypatch.setattr(fixed, "_Graphs", lambda device: Recorder())
    assert isinstance(fixed.begin_for(decoder, torch.device("cuda"), 8)(picture), FixedShapes)


def test_golden_texts_in_fixed_shapes(golden, text_memory):
    decoder = golden.network.ocr_model.decoder
    texts = write(decoder, text_memory, longest=64, patience=8, begin=FixedShapes(decoder, 32, Recorder()).begin)
    for text, ids, length in zip(texts, golden.arrays["ocr_ids"], golden.arrays["ocr_lengths"], strict=True):
        assert text.ids == ids[1 : 1 + length].tolist()
