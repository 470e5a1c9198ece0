"""How well and how fast the embedded reader reads pages whose text is known.

    python benchmarks/reading.py DIR [DIR ...] [--direction rtl|ltr|vertical] [--details]

The last columns are precision/recall of kinds, in per cent, of the boxes that stand on a known text.

A DIR holds NAME.png with NAME.json (see `benchmarks/scoring.py`); the page's own direction is used unless one is given.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pathlib
import resource
import sys
import time
from collections import Counter
from typing import Any

if not __package__:  # run as a file: its folder is on the path, not the checkout
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from backend.readers.base import Direction, Kind, Reading, ReadOptions
from backend.readers.embedded import EmbeddedReader
from benchmarks.scoring import PageScore, SpokenBox, score_page, share_inside, summary

UNSPOKEN = (Kind.SFX, Kind.OTHER)
MIN_SHARE = 0.4
"""Share of a box that must lie in a known text to stand on it, as in `score_page`."""

TRUE_KINDS = {"caption": "narration", "thought": "speech"}
"""What truth calls a kind -> what this reader can know; other names stay."""


class KindCounts(Counter[tuple[str, str]]):
    """(true kind, found kind) -> boxes that stand on a known text."""

    def add(self, truth: dict[str, Any], reading: Reading) -> None:
        for box in reading.boxes:
            share, i = max(
                ((share_inside(box.box, block["box"]), i) for i, block in enumerate(truth["blocks"])), default=(0.0, 0)
            )
            if share > MIN_SHARE:
                kind = truth["blocks"][i]["kind"]
                self[TRUE_KINDS.get(kind, kind), "sfx" if box.kind in UNSPOKEN else box.kind.value] += 1

    def measures(self, kind: Kind) -> str:
        """Precision/recall of a kind in per cent; a dash where there is none. Unspoken kinds count as one, sfx."""
        right = self[kind.value, kind.value]
        found = sum(n for (_, got), n in self.items() if got == kind.value)
        true = sum(n for (want, _), n in self.items() if want == kind.value)
        return "/".join(f"{100 * right / n:.0f}" if n else "-" for n in (found, true))


async def score_folder(
    reader: EmbeddedReader, folder: pathlib.Path, direction: Direction | None, details: bool
) -> tuple[list[PageScore], KindCounts, float, float]:
    """Scores of all pages of a folder, their kinds, and the mean seconds a page took: by the clock, and of processors."""
    scores, kinds, seconds, processor = [], KindCounts(), 0.0, time.process_time()
    for path in sorted(folder.glob("*.json")):  # noqa: ASYNC240 - a benchmark has nobody to keep waiting
        truth = json.loads(path.read_text(encoding="utf-8"))
        options = ReadOptions(direction=direction or Direction(truth["direction"]))
        started = time.perf_counter()
        reading = (await reader.read([path.with_suffix(".png").read_bytes()], options))[0]
        seconds += time.perf_counter() - started
        if not isinstance(reading, Reading):
            raise SystemExit(f"{path.stem}: {reading.detail}")
        spoken = [SpokenBox(box.box, box.text) for box in reading.boxes if box.kind not in UNSPOKEN]
        scores.append(score_page(truth, spoken))
        kinds.add(truth, reading)
        if details:
            print(f"{path.stem}: {scores[-1]}")
            for box in reading.boxes:
                corners = ",".join(str(round(value)) for value in box.box)
                print(f"    {box.kind.value:9} {box.confidence:.2f} panel {box.panel} [{corners}] {box.text}")
    pages = max(1, len(scores))
    return scores, kinds, seconds / pages, (time.process_time() - processor) / pages


async def main(arguments: argparse.Namespace) -> None:
    reader = EmbeddedReader(threads=arguments.threads)
    started = time.perf_counter()
    await reader.load()
    print(f"{reader.fingerprint}: loaded in {time.perf_counter() - started:.2f} s")
    print(
        f"{'folder':24}{'pages':>6}{'blocks':>7}{'recall':>8}{'CER':>7}{'whole':>7}{'tau':>7}{'exact':>7}"
        f"{'stray':>7}{'s/page':>8}{'cpu s':>7}"
        f"{'speech':>9}{'narr.':>9}{'sfx':>9}"
    )
    for folder in arguments.folders:
        scores, kinds, seconds, processor = await score_folder(reader, folder, arguments.direction, arguments.details)
        row = summary(scores)
        measures = "".join(f"{row[name]:{width}.3f}" for name, width in (("recall", 8), ("cer", 7), ("whole", 7), ("tau", 7)))
        print(
            f"{folder.name[:23]:24}{row['pages']:6.0f}{row['blocks']:7.0f}{measures}{row['exact']:7.3f}{row['stray']:7.2f}{seconds:8.2f}"
            f"{processor:7.2f}" + "".join(f"{kinds.measures(kind):>9}" for kind in (Kind.SPEECH, Kind.NARRATION, Kind.SFX))
        )
    await reader.aclose()
    per_mb = 2**20 if sys.platform == "darwin" else 2**10
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mb:.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--direction", type=Direction, choices=list(Direction))
    parser.add_argument("--threads", type=int, default=2, help="cores one page may use (default 2)")
    parser.add_argument("--details", action="store_true", help="print every page and box")
    asyncio.run(main(parser.parse_args()))
