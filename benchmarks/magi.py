"""How fast MAGI v2 reads, stage by stage: a random network of the published size on drawn pages, on this machine's GPU or CPU.

    python benchmarks/magi.py                          a window of 20 pages of 12 texts (GPU), or 1 page of 4 texts (CPU)
    python benchmarks/magi.py --as-upstream            also the schedule of the reference implementation, rebuilt here, and the ratio
    python benchmarks/magi.py --directory DIR          another model than a random one
    python benchmarks/magi.py --decoder growing        without CUDA graphs; on a CPU `fixed` shows what fixed shapes cost there
    python benchmarks/magi.py --reference mod:callable
                                                       also callable(directory, [RGB arrays]), timed in the same run, and the ratio

Stages are timed one after the other; what `MagiReader` makes of them, threads and all, is the line below them, from files to readings.
Both ways decode greedily, as the reference implementation does (the golden token ids are greedy ones); no beams.
A random network finds nothing sensible, so the boxes of each page are planted after the detector has run; every text is `--tokens` long.
Three of four texts are of the story. The rebuilt schedule does what the reference is known to do, on the same modules: float32, pages
padded to one size, each figure embedded twice (once for the page, once for the names), every text read, every token from the first one on.
The reference's callable is called `--rounds` times, the fastest counts: its loading too, unless it keeps its model.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import io
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F  # noqa: N812

if not __package__:  # run as a file: its folder is on the path, not the checkout
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backend.readers.base import Reading, ReadOptions
from backend.readers.magi import MagiReader, decoding, fixed, pixels
from backend.readers.magi.assembly import bursts_of, reading_of, texts_of
from backend.readers.magi.detector import split_heads
from backend.readers.magi.engine import Engine
from backend.readers.magi.network import Network
from backend.readers.magi.recognizers import TrocrRecognizer, Words
from backend.readers.magi.tiles import prepare
from backend.readers.magi.transcribe import Transcriber
from backend.readers.magi.vocabulary import ByteVocabulary, find_vocabulary
from benchmarks.magi_window import BATCH, SIZE, Clock, Planted, draw, find, looked_at, story
from tests.support.magi_model import write_random_model

OPTIONS = ReadOptions(lang="en")


def ours(network: Network, images: Sequence[Image.Image], args: argparse.Namespace) -> tuple[Clock, list[list[int]]]:
    """The window as MagiReader runs it, without its threads."""
    clock = Clock(network.device)
    with clock("prepare"):
        pages = [prepare(image, 800, 1333) for image in images]
    found = find(Planted(network, args.figures, args.texts, clock), pages, clock)
    with clock("cut out texts"):
        texts = [texts_of(page.image, here, OPTIONS) for page, here in zip(pages, found, strict=True)]
    ids, begin = [], args.begin(network)
    for picture in looked_at(network, pages, story(found, every=False), clock):
        with clock("write texts"):
            patience = 1 if network.device.type == "cpu" else 8
            ids += [text.ids for text in decoding.write(network.ocr_model.decoder, picture, args.tokens, patience, begin)]
    with clock("look at bubbles"):
        bursts = [bursts_of(page.image, told) for page, told in zip(pages, texts, strict=True)]
    with clock("put together"):
        for here, told, spiky in zip(found, texts, bursts, strict=True):
            told.langs, told.words = ["en"] * len(told.texts), [Words("word", 0.5)] * len(told.texts)
            reading_of(here, told, spiky, OPTIONS)
    return clock, ids


class Measured(MagiReader):
    """The reader on a network that is loaded already, with planted boxes and texts of a given length."""

    def __init__(self, network: Network, directory: Path, args: argparse.Namespace) -> None:
        super().__init__(directory, args.device)
        self._parts = network, args

    def _load(self) -> tuple[Engine, TrocrRecognizer]:
        network, args = self._parts
        english = TrocrRecognizer(network, ByteVocabulary(find_vocabulary(self._directory, network.sizes)), self._thread, BATCH)
        english._transcriber = Transcriber(
            network.read_words,
            network.ocr_model.decoder,
            network.sizes.words.image,
            network.device,
            network.dtype,
            BATCH,
            args.tokens,
        )
        return Planted(network, args.figures, args.texts, Clock(torch.device("cpu"))), english


async def through_the_reader(network: Network, directory: Path, images: Sequence[Image.Image], args: argparse.Namespace) -> float:
    """Seconds of the wall clock from files to readings; the fastest round."""
    files = []
    for image in images:
        out = io.BytesIO()
        image.save(out, "PNG")
        files.append(out.getvalue())
    reader, seconds = Measured(network, directory, args), []
    await reader.load()
    for _ in range(max(1, args.rounds)):
        start = time.perf_counter()
        readings = await reader.read(files, OPTIONS)
        seconds.append(time.perf_counter() - start)
        assert all(isinstance(reading, Reading) and len(reading.boxes) == args.texts for reading in readings)
    await reader.aclose()
    return min(seconds)


def decoders(kind: str) -> Callable[[Network], decoding.Begin]:
    """How texts are written; the same places and graphs in every round."""

    @cache
    def begin(network: Network) -> decoding.Begin:
        decoder = network.ocr_model.decoder
        if kind == "growing":
            return decoding.Growing.begin(decoder)
        return fixed.FixedShapes(decoder, BATCH).begin if kind == "fixed" else fixed.begin_for(decoder, network.device, BATCH)

    return begin


def as_upstream(network: Network, images: Sequence[Image.Image], args: argparse.Namespace) -> tuple[Clock, list[list[int]]]:
    """The reference's schedule on the same modules."""
    clock = Clock(network.device)
    with clock("prepare"):
        pages = [prepare(image, 800, 1333) for image in images]
    engine = Planted(network, args.figures, args.texts, clock, pad_together=True)
    found = find(engine, pages, clock)
    engine.embed(
        [
            pixels.cut(page.image, pixels.crop_bounds(box, *SIZE), 224)
            for page, here in zip(pages, found, strict=True)
            for box in here.characters
        ]
    )
    texts, ids = story(found, every=True), []
    for picture in looked_at(network, pages, texts, clock):
        with clock("write texts"):
            ids += write_from_the_start(network.ocr_model.decoder, picture, args.tokens)
    kept = {text: at for at, text in enumerate(texts)}
    return clock, [ids[kept[text]] for text in story(found, every=False)]


@torch.inference_mode()
def write_from_the_start(decoder: Any, picture: torch.Tensor, tokens: int) -> list[list[int]]:
    """Greedy decoding that keeps nothing: every step runs over all tokens so far and projects the picture again, until all have ended."""
    body = decoder.model.decoder
    ids = torch.full((len(picture), 1), decoder.start, dtype=torch.long, device=picture.device)
    for _ in range(tokens):
        places = torch.arange(ids.shape[1], device=ids.device) + 2
        x = body.layernorm_embedding(body.embed_tokens(ids) + body.embed_positions(places))
        for layer in body.layers:
            inner = layer.self_attn
            keys, values = inner.keys_and_values(x)
            mixed = F.scaled_dot_product_attention(split_heads(inner.q_proj(x), inner.heads), keys, values, is_causal=True)
            x = layer.self_attn_layer_norm(x + inner.out_proj(mixed.transpose(1, 2).flatten(2)))
            x = layer.encoder_attn_layer_norm(x + layer.encoder_attn(x, *layer.look(picture)))
            x = layer.final_layer_norm(x + layer.fc2(F.gelu(layer.fc1(x))))
        ids = torch.cat((ids, decoder.output_projection(x[:, -1]).argmax(-1, keepdim=True)), 1)
        if bool((ids[:, 1:] == decoder.end).any(1).all()):
            break
    written: list[list[int]] = ids[:, 1:].tolist()
    return [text[: text.index(decoder.end) + 1] if decoder.end in text else text for text in written]


def report(title: str, clock: Clock, pages: int) -> None:
    print(f"\n{title}")
    for stage, seconds in clock.seconds.items():
        print_pace(stage, seconds, pages)
    print_pace("in all", clock.total, pages)


def print_pace(stage: str, seconds: float, pages: int) -> None:
    print(f"  {stage:<18}{seconds / pages:9.3f} s/page {pages / max(seconds, 1e-9):9.2f} pages/s")


def peak(device: torch.device) -> str:
    own = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB of memory"
    return own if device.type == "cpu" else f"{torch.cuda.max_memory_allocated() / 1e9:.2f} GB on the device, {own}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    gpu = torch.cuda.is_available()
    parser.add_argument("--pages", type=int, default=20 if gpu else 1)
    parser.add_argument("--texts", type=int, default=12 if gpu else 4)
    parser.add_argument("--figures", type=int, default=6 if gpu else 3)
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument("--full", action="store_true", help="float32 on a GPU too")
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--as-upstream", action="store_true")
    parser.add_argument("--reference", help="module:callable")
    parser.add_argument("--threads", type=int, default=None if gpu else 1, help="of torch on the CPU")
    parser.add_argument("--rounds", type=int, default=2, help="the fastest of them counts")
    parser.add_argument("--decoder", choices=("best", "growing", "fixed"), default="best")
    args = parser.parse_args()
    args.begin = decoders(args.decoder)
    if args.threads:
        torch.set_num_threads(args.threads)

    with tempfile.TemporaryDirectory() as scratch:
        directory = args.directory or Path(scratch)
        if args.directory is None:
            write_random_model(directory)
        dtype = torch.float32 if args.full or args.device == "cpu" else torch.float16
        start = time.perf_counter()
        network = Network.load(directory, args.device, dtype)
        print(f"loaded in {time.perf_counter() - start:.1f} s on {args.device}, {dtype}, {torch.get_num_threads()} threads")
        images = [draw(number) for number in range(args.pages)]
        clock, ids = fastest(lambda: ours(network, images, args), args.rounds)
        report(f"ours: {args.pages} pages of {args.texts} texts, {args.figures} figures, {args.tokens} tokens", clock, args.pages)
        print_pace("MagiReader.read", asyncio.run(through_the_reader(network, directory, images, args)), args.pages)
        print(f"  peak: {peak(network.device)}")

        if args.as_upstream:
            slow = network if dtype is torch.float32 else Network.load(directory, args.device, torch.float32)
            other, other_ids = fastest(lambda: as_upstream(slow, images, args), args.rounds)
            report("the reference's schedule, rebuilt on the same modules", other, args.pages)
            equal = "the same" if ids == other_ids else "other"
            print(f"  {other.total / clock.total:.2f} x our time; {equal} token ids")
        if args.reference:
            module, name = args.reference.split(":")
            reference: Callable[..., object] = getattr(importlib.import_module(module), name)
            arrays = [np.asarray(image) for image in images]

            def timed() -> tuple[Clock, list[list[int]]]:
                whole = Clock(network.device)
                with whole("all"):
                    reference(str(directory), arrays)
                return whole, []

            seconds = fastest(timed, args.rounds)[0].total
            print(f"\n{args.reference}: {seconds / args.pages:.3f} s/page, {seconds / clock.total:.2f} x our time")


def fastest(run: Callable[[], tuple[Clock, list[list[int]]]], rounds: int) -> tuple[Clock, list[list[int]]]:
    return min((run() for _ in range(max(1, rounds))), key=lambda result: result[0].total)


if __name__ == "__main__":
    main()
