"""How fast a window becomes sound on this machine: `python benchmarks/window.py [--pages 20] [--runs 1]`.

Twenty sample pages are uploaded at once to the real application with the embedded engines, nothing cached. In the same process,
before and after, the same engines do the same work without the pipeline around them, so that every figure is a ratio within one run:

    TTFA         first upload to first page_ready, against reading that page and speaking its lines alone
    overhead     share of the window's time that the engines alone would not have needed
    snapshot     GET /snapshot from another process while the window runs
    cold start   `uvicorn backend.server:app` in a fresh process until its port listens
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Event as ProcessEvent
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from backend.app import builtin_catalogue, create_app  # noqa: E402
from backend.engines import Engines, make_engines  # noqa: E402
from backend.errors import ReadingFailed, SpeechFailed  # noqa: E402
from backend.jobs.state import JobDefinition, NarrationOptions  # noqa: E402
from backend.narration.cast import Caster  # noqa: E402
from backend.readers.base import PageReader, Reading, ReadOptions  # noqa: E402
from backend.series.memory import SeriesMemory  # noqa: E402
from backend.settings import Settings  # noqa: E402
from backend.synthesizers.base import Speech, Synthesizer, Utterance  # noqa: E402
from tests.support.server import Frame, frames, serving  # noqa: E402


class _Uncached:
    """Gives an engine another fingerprint at every look, so that no result of it is found again."""

    def __init__(self, engine: PageReader | Synthesizer) -> None:
        self._engine = engine
        self._looks = itertools.count()

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def fingerprint(self) -> str:
        return f"bench-{next(self._looks)}"

    @property
    def state(self):  # type: ignore[no-untyped-def]
        return self._engine.state

    async def load(self) -> None:
        await self._engine.load()

    async def aclose(self) -> None:
        """The benchmark closes its engines itself."""


class UncachedReader(_Uncached):
    @property
    def batch_size(self) -> int:
        return self._engine.batch_size  # type: ignore[union-attr]

    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed]:
        return await self._engine.read(pages, options)  # type: ignore[union-attr]


class UncachedSynthesizer(_Uncached):
    @property
    def sample_rate(self) -> int:
        return self._engine.sample_rate  # type: ignore[union-attr]

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
        return await self._engine.speak(utterances)  # type: ignore[union-attr]


@dataclass
class Run:
    """Seconds, and bytes where it says so."""

    first_alone_s: float
    all_alone_s: float
    first_ready_s: float
    total_s: float
    sound_s: float
    snapshot_s: list[float]

    @property
    def overhead(self) -> float:
        return max(0.0, 1 - self.all_alone_s / self.total_s)


def sample_pages(count: int) -> list[bytes]:
    found = sorted((ROOT / "samples").glob("*/*.png"))
    return [path.read_bytes() for path in itertools.islice(itertools.cycle(found), count)]


async def alone(engines: Engines, pages: Sequence[bytes]) -> float:
    """Seconds the engines need for `pages` with nothing around them: all read, then all lines spoken in one call."""
    definition = JobDefinition(
        job_id="bench", client="bench", chapter_id="a:b", series_id="a", voice_pack={}, window_start=0, window_size=len(pages),
        options=NarrationOptions(), created_at=0.0, audio_base="",
    )  # fmt: skip
    caster = Caster(builtin_catalogue(), SeriesMemory())
    began = time.perf_counter()
    readings = await engines.reader.read(pages, ReadOptions())
    scripts = [await caster.script(definition, k, reading) for k, reading in enumerate(readings) if isinstance(reading, Reading)]
    await engines.synthesizer.speak([line.utterance for script in scripts for line in script.lines])
    return time.perf_counter() - began


async def one_run(engines: Engines, pages: Sequence[bytes]) -> Run:
    first_alone_s = await alone(engines, pages[:1])
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(
            Settings(_env_file=None, data_dir=Path(folder)),
            make=lambda _: Engines(UncachedReader(engines.reader), UncachedSynthesizer(engines.synthesizer)),
        )
        async with serving(app) as base, httpx.AsyncClient(base_url=base, timeout=600) as http:
            body = {"chapter_id": "bench:1", "window": {"start_index": 0, "size": len(pages)}}
            plan = (await http.post("/v1/narration/session/start", json=body)).json()
            stop, seconds = multiprocessing.Event(), multiprocessing.Queue()  # type: ignore[var-annotated]
            poller = multiprocessing.Process(target=poll, args=(plan["snapshot_url"], stop, seconds))
            poller.start()
            began = time.perf_counter()
            listening = asyncio.create_task(listen(http, plan["status_sse"]))
            slots = plan["upload"]["pages"]
            await asyncio.gather(*(http.put(slot["put_url"], content=page) for slot, page in zip(slots, pages, strict=True)))
            first_at, done_at, sound_s = await listening
            stop.set()
            snapshot_s = await asyncio.to_thread(seconds.get, timeout=30)
            poller.join()
    all_alone_s = await alone(engines, pages)
    return Run(first_alone_s, all_alone_s, first_at - began, done_at - began, sound_s, snapshot_s)


async def listen(http: httpx.AsyncClient, url: str) -> tuple[float, float, float]:
    """When the first page was ready and the window done, and how many seconds of sound there are."""
    first_at: float | None = None
    sound_s = 0.0
    stream = frames(http, url, last_event_id="0")
    async for frame in stream:
        if frame.name == "page_ready":
            first_at = first_at or time.perf_counter()
            sound_s += frame.data["duration"]
        if frame.name == "job_done":
            return finished(frame, first_at, sound_s)
    raise RuntimeError("the stream ended before the window was done")


def finished(frame: Frame, first_at: float | None, sound_s: float) -> tuple[float, float, float]:
    if not frame.data["ok"] or first_at is None:
        raise RuntimeError(f"the window failed: {frame.data['errors']}")
    return first_at, time.perf_counter(), sound_s


def poll(url: str, stop: ProcessEvent, seconds: multiprocessing.Queue[list[float]]) -> None:
    """In another process: asks for the snapshot ten times a second and reports how long each answer took.

    Not more often: asking takes processor time of the engines that are being timed.
    """
    found: list[float] = []
    with httpx.Client(timeout=30) as http:
        while not stop.is_set():
            began = time.perf_counter()
            http.get(url).raise_for_status()
            found.append(time.perf_counter() - began)
            time.sleep(0.1)
    seconds.put(found)


def cold_start_s() -> float:
    """Seconds until a fresh server process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "backend.server:app", "--port", str(port), "--log-level", "warning"]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        while time.perf_counter() - began < 60:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    return time.perf_counter() - began
            time.sleep(0.01)
        raise RuntimeError("the server did not begin to listen")
    finally:
        process.terminate()
        process.wait(timeout=20)


async def measure(page_count: int, runs: int) -> list[Run]:
    with tempfile.TemporaryDirectory() as folder:
        engines = make_engines(Settings(_env_file=None, data_dir=Path(folder)))
        await asyncio.gather(engines.reader.load(), engines.synthesizer.load())
        try:
            pages = sample_pages(page_count)
            await alone(engines, pages[:1])  # nobody is measured while caches are cold
            return [await one_run(engines, pages) for _ in range(runs)]
        finally:
            await engines.reader.aclose()
            await engines.synthesizer.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    starts = sorted(cold_start_s() for _ in range(3))
    runs = asyncio.run(measure(options.pages, options.runs))
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    polls = sorted(seconds for run in runs for seconds in run.snapshot_s)

    def median(values: list[float]) -> float:
        return statistics.median(values)

    table = Table("figure", "measured", "target", title=f"A window of {options.pages} sample pages, median of {len(runs)} run(s)")
    table.add_row("time to first page_ready (TTFA)", f"{median([run.first_ready_s for run in runs]):.2f} s", "")
    table.add_row("that page read and voiced alone", f"{median([run.first_alone_s for run in runs]):.2f} s", "")
    table.add_row("  ratio", f"{median([run.first_ready_s / run.first_alone_s for run in runs]):.2f}", "at most 1.3")
    table.add_row("total", f"{median([run.total_s for run in runs]):.1f} s", "")
    table.add_row("engines alone, same work", f"{median([run.all_alone_s for run in runs]):.1f} s", "")
    table.add_row("  share outside the engines", f"{median([run.overhead for run in runs]):.1%}", "under 10 %")
    table.add_row("sound", f"{median([run.sound_s for run in runs]):.1f} s", "")
    table.add_row("  real-time factor", f"{median([run.total_s / run.sound_s for run in runs]):.2f}", "")
    table.add_row("snapshot while narrating, p50", f"{polls[len(polls) // 2] * 1000:.1f} ms", "")
    table.add_row("snapshot while narrating, p99", f"{polls[int(len(polls) * 0.99)] * 1000:.1f} ms", "under 50 ms")
    table.add_row("peak memory of this process", f"{peak_gb:.2f} GB", "under 1.5 GB")
    table.add_row("cold start to listening port", f"{starts[1]:.2f} s", "under 2 s")
    Console().print(table)


if __name__ == "__main__":
    main()
