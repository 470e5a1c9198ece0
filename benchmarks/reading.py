"""How well and how fast the embedded reader reads pages whose text is known.

    python benchmarks/reading.py DIR [DIR ...] [--direction rtl|ltr|vertical] [--details]

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

if not __package__:  # run as a file: its folder is on the path, not the checkout
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from backend.readers.base import Direction, Kind, Reading, ReadOptions
from backend.readers.embedded import EmbeddedReader
from benchmarks.scoring import PageScore, SpokenBox, score_page, summary

UNSPOKEN = (Kind.SFX, Kind.OTHER)


async def score_folder(
    reader: EmbeddedReader, folder: pathlib.Path, direction: Direction | None, details: bool
) -> tuple[list[PageScore], float]:
    """Scores of all pages of a folder, and the mean seconds a page took."""
    scores, seconds = [], 0.0
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
        if details:
            print(f"{path.stem}: {scores[-1]}")
            for box in reading.boxes:
                corners = ",".join(str(round(value)) for value in box.box)
                print(f"    {box.kind.value:9} {box.confidence:.2f} panel {box.panel} [{corners}] {box.text}")
    return scores, seconds / max(1, len(scores))


async def main(arguments: argparse.Namespace) -> None:
    reader = EmbeddedReader(threads=arguments.threads)
    started = time.perf_counter()
    await reader.load()
    print(f"{reader.fingerprint}: loaded in {time.perf_counter() - started:.2f} s")
    print(
        f"{'folder':24}{'pages':>6}{'blocks':>7}{'recall':>8}{'CER':>7}{'whole':>7}{'tau':>7}{'exact':>7}{'stray':>7}{'s/page':>8}"
    )
    for folder in arguments.folders:
        scores, seconds = await score_folder(reader, folder, arguments.direction, arguments.details)
        row = summary(scores)
        measures = "".join(f"{row[name]:{width}.3f}" for name, width in (("recall", 8), ("cer", 7), ("whole", 7), ("tau", 7)))
        print(
            f"{folder.name[:23]:24}{row['pages']:6.0f}{row['blocks']:7.0f}{measures}{row['exact']:7.3f}{row['stray']:7.2f}{seconds:8.2f}"
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
