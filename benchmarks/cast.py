"""How constant voices stay: synthetic chapters whose characters are known, cast by the program and by two simpler ways.

    python benchmarks/cast.py [--chapters 12] [--dimensions 64 768]

A chapter has 3 to 12 characters, as unit vectors drawn at random, and 20 to 100 pages that arrive in any order within windows of 20.
A page shows 1 to 4 characters, each in 1 to 3 figures whose vectors are the character's plus noise; main characters are seen more
often. The reader's page clusters are made by the best single threshold for the noise, so they are wrong as often as noise makes them.
The noise level is named by how often all clusters of a page are right. Two lines a character and page are spoken by its figures.

A line counts if its voice is the one its character has (one voice a character, two characters never the same one, matched so
that most lines count). Compared are: the program with its memory of the series; the program with a fresh memory for each window; each
page on its own, voices given in order of appearance.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

if not __package__:  # run as a file: its folder is on the path, not the checkout
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.app import builtin_catalogue
from backend.jobs.state import JobDefinition, NarrationOptions
from backend.narration.cast import Caster
from backend.readers.base import Character, Kind, Reading, TextBox
from backend.series.memory import SeriesMemory

Array = NDArray[np.float64]
WINDOW = 20
LEVELS = (0.999, 0.99, 0.95, 0.90, 0.80)
"""Shares of pages whose clusters are all right."""
TARGET_LEVEL, TARGET = 0.95, 0.97


@dataclass(frozen=True)
class Page:
    """One page: its reading, and which character says each line."""

    reading: Reading
    speakers: list[int]
    clusters_right: bool


@dataclass(frozen=True)
class Chapter:
    pages: list[Page]
    arrival: list[int]


def clusters_of(vectors: Array, threshold: float) -> list[int]:
    """Single linkage, as readers do it."""
    labels = list(range(len(vectors)))
    for i, j in zip(*np.nonzero(np.triu(vectors @ vectors.T > threshold, 1)), strict=True):
        old, new = labels[j], labels[i]
        labels = [new if label == old else label for label in labels]
    return labels


def best_threshold(noise: float, dimensions: int) -> float:
    """The likeness between same and different characters at which a reader errs least, found by trying."""
    rng = np.random.default_rng(5)
    same = 1 / (1 + noise**2)
    found = [
        (sum(page.clusters_right for page in chapter_of(rng, noise, dimensions, 60, share * same).pages), share)
        for share in (0.35, 0.45, 0.55, 0.65)
    ]
    return max(found)[1] * same


def chapter_of(rng: np.random.Generator, noise: float, dimensions: int, pages: int, threshold: float) -> Chapter:
    """A chapter; `noise` is the length of the noise relative to the character's unit vector."""
    count = int(rng.integers(3, 13))
    centres = rng.normal(size=(count, dimensions))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    weight = 1 / np.arange(1, count + 1) ** 0.7
    made = [page_of(rng, centres, weight / weight.sum(), noise, threshold) for _ in range(pages)]
    arrival: list[int] = []
    for start in range(0, pages, WINDOW):
        arrival += (start + rng.permutation(min(WINDOW, pages - start))).tolist()
    return Chapter(made, arrival)


def page_of(rng: np.random.Generator, centres: Array, weight: Array, noise: float, threshold: float) -> Page:
    count, dimensions = centres.shape
    who = rng.choice(count, size=min(count, int(rng.integers(1, 5))), replace=False, p=weight)
    figures = rng.permutation(np.repeat(who, rng.integers(1, 4, size=len(who))))
    vectors = centres[figures] + noise * rng.normal(size=(len(figures), dimensions)) / np.sqrt(dimensions)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = clusters_of(vectors, threshold)
    right = bool(np.array_equal(np.equal.outer(labels, labels), np.equal.outer(figures, figures)))
    characters = tuple(
        Character(box=(10.0 * k, 0, 10.0 * k + 9, 9), confidence=0.9, cluster=label, embedding=tuple(vector.tolist()))
        for k, (label, vector) in enumerate(zip(labels, vectors, strict=True))
    )
    spoken_by = [int(rng.choice(np.nonzero(figures == character)[0])) for character in who for _ in range(2)]
    serial = int(rng.integers(1 << 40))
    boxes = tuple(
        TextBox(box=(0, 0, 9, 9), text=f"Line {serial}.", kind=Kind.SPEECH, lang="en", confidence=0.9, speaker=figure)
        for figure in rng.permutation(spoken_by).tolist()
    )
    reading = Reading(width=1000, height=1000, boxes=boxes, characters=characters)
    return Page(reading, [int(figures[box.speaker]) for box in boxes if box.speaker is not None], right)


def definition(job: str) -> JobDefinition:
    return JobDefinition(
        job_id=job,
        client="benchmark",
        chapter_id="series:1",
        series_id="series",
        voice_pack={},
        window_start=0,
        window_size=WINDOW,
        options=NarrationOptions(),
        created_at=0.0,
        api_base="http://a.example",
        audio_base="http://a.example",
    )


async def with_memory(chapter: Chapter) -> list[tuple[int, str]]:
    """(character, voice) of every line, one memory for the whole series."""
    return await heard(chapter, lambda memory, _: memory)


async def per_window(chapter: Chapter) -> list[tuple[int, str]]:
    """The same with a memory that ends with its window."""
    return await heard(chapter, lambda memory, first: SeriesMemory() if first else memory)


async def heard(chapter: Chapter, memory_for: Callable[[SeriesMemory, bool], SeriesMemory]) -> list[tuple[int, str]]:
    memory = SeriesMemory()
    lines: list[tuple[int, str]] = []
    for place, index in enumerate(chapter.arrival):
        memory = memory_for(memory, place % WINDOW == 0)
        page = chapter.pages[index]
        script = await Caster(builtin_catalogue(), memory).script(
            definition(f"job_{place // WINDOW}"), index % WINDOW, page.reading
        )
        assert len(script.lines) == len(page.speakers)
        lines += [(who, line.utterance.voice.id) for who, line in zip(page.speakers, script.lines, strict=True)]
    return lines


async def per_page(chapter: Chapter) -> list[tuple[int, str]]:
    """Each page on its own: its clusters get voices in order of appearance."""
    lines: list[tuple[int, str]] = []
    for page in chapter.pages:
        reading = page.reading
        clusters = [reading.characters[box.speaker].cluster for box in reading.boxes if box.speaker is not None]
        voice = {cluster: f"voice-{k}" for k, cluster in enumerate(dict.fromkeys(clusters))}
        lines += [(who, voice[cluster]) for who, cluster in zip(page.speakers, clusters, strict=True)]
    return lines


def constant_share(lines: list[tuple[int, str]]) -> float:
    """Share of lines in their character's voice, with characters and voices matched one to one in the best way."""
    characters, voices = sorted({who for who, _ in lines}), sorted({voice for _, voice in lines})
    counts = np.zeros((len(characters), len(voices)))
    for who, voice in lines:
        counts[characters.index(who), voices.index(voice)] += 1
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(lines))


def noise_at(level: float, dimensions: int) -> tuple[float, float]:
    """The noise at which page clusters are right this often, and the reader's threshold there; by bisection."""
    low, high = 0.1, 4.0
    for _ in range(9):
        noise = (low + high) / 2
        threshold = best_threshold(noise, dimensions)
        rng = np.random.default_rng(9)
        pages = [page for _ in range(8) for page in chapter_of(rng, noise, dimensions, 50, threshold).pages]
        right = sum(page.clusters_right for page in pages) / len(pages)
        low, high = (noise, high) if right > level else (low, noise)
    return low, best_threshold(low, dimensions)


WAYS: dict[str, Callable[[Chapter], Awaitable[list[tuple[int, str]]]]] = {
    "series memory": with_memory,
    "per window": per_window,
    "per page": per_page,
}


def chapters(count: int, noise: float, dimensions: int, threshold: float, five_windows: bool) -> Iterator[Chapter]:
    for number in range(count):
        rng = np.random.default_rng(1000 + number)
        yield chapter_of(rng, noise, dimensions, 5 * WINDOW if five_windows else int(rng.integers(20, 101)), threshold)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chapters", type=int, default=12)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[64, 768])
    parser.add_argument("--any-length", action="store_true", help="20 to 100 pages a chapter instead of five windows")
    options = parser.parse_args()
    print(
        f"{'numbers':>8} {'noise':>6} {'pages right':>12} | "
        + " ".join(f"{way:>14}" for way in WAYS)
        + f" {'worst':>7} {'ms/page':>8}"
    )
    for dimensions in options.dimensions:
        for level in LEVELS:
            noise, threshold = noise_at(level, dimensions)
            shares: dict[str, list[float]] = {way: [] for way in WAYS}
            right: list[bool] = []
            spent_s, pages = 0.0, 0
            for chapter in chapters(options.chapters, noise, dimensions, threshold, not options.any_length):
                right += [page.clusters_right for page in chapter.pages]
                for way, cast in WAYS.items():
                    began = time.perf_counter()
                    lines = await cast(chapter)
                    if way == "series memory":
                        spent_s, pages = spent_s + time.perf_counter() - began, pages + len(chapter.pages)
                    shares[way].append(constant_share(lines))
            means = {way: float(np.mean(found)) for way, found in shares.items()}
            verdict = ""
            if level == TARGET_LEVEL:
                verdict = f"  target {TARGET:.0%}: {'met' if means['series memory'] >= TARGET else 'MISSED'}"
            print(
                f"{dimensions:8d} {noise:6.2f} {np.mean(right):12.1%} | "
                + " ".join(f"{means[way]:14.1%}" for way in WAYS)
                + f" {min(shares['series memory']):7.1%} {1000 * spent_s / pages:8.1f}{verdict}",
                flush=True,
            )


if __name__ == "__main__":
    asyncio.run(main())
