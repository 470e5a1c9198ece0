"""How constant voices stay: synthetic chapters whose characters are known, cast by the program and by two simpler ways.

    python benchmarks/cast.py [--chapters 24] [--pages 20 100] [--dimensions 768] [--shape isotropic styles]

A chapter has 3 to 12 characters, as unit vectors drawn at random, and 20 to 100 pages, read in five windows of equal length within
which pages arrive in any order. A page shows 1 to 4 characters, each in 1 to 3 figures whose vectors are the character's plus noise;
main characters are seen more often. Noise has two shapes:

    isotropic    every number of a figure's vector for itself
    styles       one half so, the other half one of six shifts that all characters of a chapter share, as drawing up close, from
                 behind or in another hand does; and all vectors have a direction in common, so that strangers are alike, too

The reader's page clusters are made by the best single threshold for the noise, so they are wrong as often as noise makes them.
The noise level is named by how often all clusters of a page are right. Two lines a character and page are spoken by its figures.

A line counts if its voice is the one its character has (one voice a character, two characters never the same one, matched so
that most lines count). Compared are: the program with its memory of the series; the program with a fresh memory for each window; each
page on its own, voices given in order of appearance.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
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
WINDOWS = 5
"""Of a chapter."""
STYLES, COMMON = 6, 0.35
"""Shifts that characters share; likeness of strangers without noise."""
LEVELS = (0.999, 0.99, 0.95, 0.90, 0.80)
"""Shares of pages whose clusters are all right."""
SHAPES = ("isotropic", "styles")
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
    windows: list[list[int]]
    """Page numbers in their order of arrival."""


@dataclass(frozen=True)
class World:
    """What the vectors of a chapter are made of."""

    noise: float
    """Length of the noise relative to the character's own unit vector."""
    centres: Array
    styles: Array
    """Unit vectors; none where noise is isotropic."""
    common: Array

    @classmethod
    def drawn(cls, rng: np.random.Generator, noise: float, dimensions: int, shape: str, count: int) -> World:
        drawn = units(rng.normal(size=(count + STYLES + 1, dimensions)))
        styled = shape == "styles"
        return cls(
            noise, drawn[:count], drawn[count:-1] if styled else drawn[:0], drawn[-1] * (styled * np.sqrt(COMMON / (1 - COMMON)))
        )

    def seen(self, rng: np.random.Generator, figures: NDArray[np.int64]) -> Array:
        """One vector for each figure, of the character given."""
        noise = rng.normal(size=(len(figures), self.centres.shape[1])) / np.sqrt(self.centres.shape[1])
        if len(self.styles):
            noise = np.sqrt(0.5) * (noise + self.styles[rng.integers(len(self.styles), size=len(figures))])
        return units(self.common + self.centres[figures] + self.noise * noise)


def units(vectors: Array) -> Array:
    found: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


def clusters_of(vectors: Array, threshold: float) -> list[int]:
    """Single linkage, as readers do it."""
    labels = list(range(len(vectors)))
    for i, j in zip(*np.nonzero(np.triu(vectors @ vectors.T > threshold, 1)), strict=True):
        old, new = labels[j], labels[i]
        labels = [new if label == old else label for label in labels]
    return labels


def best_threshold(noise: float, dimensions: int, shape: str) -> float:
    """The likeness between that of different and of the same characters at which a reader errs least, found by trying."""
    rng = np.random.default_rng(5)
    world = World.drawn(rng, noise, dimensions, shape, 40)
    one, other = world.seen(rng, np.arange(40)), world.seen(rng, np.arange(40))
    likeness = one @ other.T
    same, different = float(np.diag(likeness).mean()), float(likeness[~np.eye(40, dtype=bool)].mean())
    tried = [different + share * (same - different) for share in (0.35, 0.45, 0.55, 0.65, 0.75)]
    return max(tried, key=lambda at: sum(p.clusters_right for p in chapter_of(rng, noise, dimensions, shape, 60, at).pages))


def chapter_of(rng: np.random.Generator, noise: float, dimensions: int, shape: str, pages: int, threshold: float) -> Chapter:
    count = int(rng.integers(3, 13))
    world = World.drawn(rng, noise, dimensions, shape, count)
    weight = 1 / np.arange(1, count + 1) ** 0.7
    made = [page_of(rng, world, weight / weight.sum(), threshold) for _ in range(pages)]
    return Chapter(made, [rng.permutation(part).tolist() for part in np.array_split(np.arange(pages), WINDOWS)])


def page_of(rng: np.random.Generator, world: World, weight: Array, threshold: float) -> Page:
    who = rng.choice(len(weight), size=min(len(weight), int(rng.integers(1, 5))), replace=False, p=weight)
    figures = rng.permutation(np.repeat(who, rng.integers(1, 4, size=len(who))))
    vectors = world.seen(rng, figures)
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
        window_size=20,
        options=NarrationOptions(),
        created_at=0.0,
        audio_base="http://a.example",
    )


async def with_memory(chapter: Chapter) -> list[tuple[int, str]]:
    """(character, voice) of every line, one memory for the whole series."""
    return await heard(chapter, lambda memory: memory)


async def per_window(chapter: Chapter) -> list[tuple[int, str]]:
    """The same with a memory that ends with its window."""
    return await heard(chapter, lambda _: SeriesMemory())


async def heard(chapter: Chapter, memory_for: Callable[[SeriesMemory], SeriesMemory]) -> list[tuple[int, str]]:
    memory = SeriesMemory()
    lines: list[tuple[int, str]] = []
    for number, window in enumerate(chapter.windows):
        memory = memory_for(memory)
        for index in window:
            page = chapter.pages[index]
            script = await Caster(builtin_catalogue(), memory).script(
                definition(f"job_{number}"), index - min(window), page.reading
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


def noise_at(level: float, dimensions: int, shape: str) -> tuple[float, float]:
    """The noise at which page clusters are right this often, and the reader's threshold there; by bisection."""
    low, high = 0.1, 4.0
    for _ in range(9):
        noise = (low + high) / 2
        threshold = best_threshold(noise, dimensions, shape)
        rng = np.random.default_rng(9)
        pages = [page for _ in range(8) for page in chapter_of(rng, noise, dimensions, shape, 50, threshold).pages]
        right = sum(page.clusters_right for page in pages) / len(pages)
        low, high = (noise, high) if right > level else (low, noise)
    return low, best_threshold(low, dimensions, shape)


WAYS: dict[str, Callable[[Chapter], Awaitable[list[tuple[int, str]]]]] = {
    "series memory": with_memory,
    "per window": per_window,
    "per page": per_page,
}


def chapters(options: argparse.Namespace, noise: float, dimensions: int, shape: str, threshold: float) -> Iterator[Chapter]:
    fewest, most = options.pages
    for number in range(options.chapters):
        rng = np.random.default_rng(1000 + number)
        yield chapter_of(rng, noise, dimensions, shape, int(rng.integers(fewest, most + 1)), threshold)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chapters", type=int, default=24)
    parser.add_argument("--pages", type=int, nargs=2, default=(20, 100), help="fewest and most of a chapter")
    parser.add_argument("--dimensions", type=int, nargs="+", default=[768])
    parser.add_argument("--shape", nargs="+", choices=SHAPES, default=SHAPES)
    options = parser.parse_args()
    print(
        f"{'noise':>9} {'numbers':>8} {'length':>7} {'pages right':>12} | "
        + " ".join(f"{way:>14}" for way in WAYS)
        + f" {'worst':>7} {'ms/page':>8}"
    )
    for shape, dimensions, level in itertools.product(options.shape, options.dimensions, LEVELS):
        noise, threshold = noise_at(level, dimensions, shape)
        shares: dict[str, list[float]] = {way: [] for way in WAYS}
        right: list[bool] = []
        spent_s = 0.0
        for chapter in chapters(options, noise, dimensions, shape, threshold):
            right += [page.clusters_right for page in chapter.pages]
            for way, cast in WAYS.items():
                began = time.perf_counter()
                lines = await cast(chapter)
                spent_s += time.perf_counter() - began if way == "series memory" else 0
                shares[way].append(constant_share(lines))
        means = {way: float(np.mean(found)) for way, found in shares.items()}
        verdict = ""
        if level == TARGET_LEVEL:
            verdict = f"  target {TARGET:.0%}: {'met' if means['series memory'] >= TARGET else 'MISSED'}"
        print(
            f"{shape:>9} {dimensions:8d} {noise:7.2f} {np.mean(right):12.1%} | "
            + " ".join(f"{means[way]:14.1%}" for way in WAYS)
            + f" {min(shares['series memory']):7.1%} {1000 * spent_s / len(right):8.1f}{verdict}",
            flush=True,
        )


if __name__ == "__main__":
    asyncio.run(main())
