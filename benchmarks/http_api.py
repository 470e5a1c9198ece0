"""How much HTTP one worker of the service takes: `python benchmarks/http_api.py [--quick]`. Linux, two cores, 127.0.0.1 only.

The server is the real program (as `tanoshi serve` runs it; embedded reader, draft synthesizer) in a process of its own on one core, the
load comes from another process on another core. Rates on a machine that does other things are too low; so each row also has the processor
time the server spent a request, which is not. (Not called http.py: that name would hide Python's own `http` from every script here.)

    snapshot      GET of a window of 20 pages, 16 connections
    start         POST session/start, each of another chapter, 16 connections
    subscribers   2,000 event streams of 20 windows; every window has an event a second (the page in view changes)
    abandoned     10,000 windows are begun and left, three times; the third time: memory before, at the most, and when they have expired
    PUT           a 2 MB page, another each time, while a window of sample pages is narrated; here the server has all cores
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.http_load import puts, snapshots, start_body, starts, subscribe  # noqa: E402

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_KB = os.sysconf("SC_PAGE_SIZE") / 1000
CORES = sorted(os.sched_getaffinity(0))
TTL_S = 10


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    def cpu_s(self) -> float:
        """Processor seconds the server has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def memory_kb(self) -> float:
        """Resident memory in kB."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE_KB

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {"Content-Type": "application/json" if method == "POST" else "image/png"})
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        if reply.status >= 300:
            raise RuntimeError(f"{method} {path} was answered {reply.status}: {data[:200]!r}")
        return data

    def start(self, chapter: str, size: int = 20) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.call("POST", "/v1/narration/session/start", start_body(chapter, size)))
        return found


@contextmanager
def server(cores: list[int], ttl_s: int) -> Iterator[Server]:
    """A fresh server on `cores`, its engines loaded; windows live `ttl_s` seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "backend.server:app", "--port", str(port), "--log-level", "warning"]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "DATA_DIR": folder, "SYNTHESIZER": "draft", "READER": "embedded", "RATE_LIMIT_START_MAX": "0",
            "MAX_OPEN_JOBS": "10000000", "JOB_TTL_SECONDS": str(ttl_s), "UPLOAD_QUIET_SECONDS": "3600",
        }  # fmt: skip
        command += ["--http", "backend.api.door:Door", "--no-access-log", "--no-proxy-headers"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment)
        os.sched_setaffinity(process.pid, cores)
        found = Server(port, process.pid)
        try:
            wait_for(lambda: json.loads(found.call("GET", "/healthz"))["status"] == "ok", 120)
            yield found
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_for(settled: Callable[[], bool], at_most_s: float) -> None:
    until = time.monotonic() + at_most_s
    while time.monotonic() < until:
        try:
            if settled():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError("the server did not come so far in time")


# --- what is measured ---


@dataclass(frozen=True)
class Rate:
    seconds: list[float]
    wall_s: float
    cpu_s: float

    def row(self) -> tuple[str, str, str]:
        """Requests a second; p50 and p99; processor time a request and the rate a whole core would give."""
        ranked = sorted(self.seconds)
        p50, p99 = (ranked[int(len(ranked) * part)] * 1000 for part in (0.5, 0.99))
        each_s = self.cpu_s / len(ranked)
        return (
            f"{len(ranked) / self.wall_s:,.0f} req/s",
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
            f"{each_s * 1e6:,.0f} us ({1 / each_s:,.0f}/s)",
        )


def rate(found: Server, work: Callable[[], list[float]]) -> Rate:
    cpu_s, began = found.cpu_s(), time.perf_counter()
    seconds = work()
    return Rate(seconds, time.perf_counter() - began, found.cpu_s() - cpu_s)


def path_of(plan: dict[str, object], key: str) -> str:
    return urlsplit(str(plan[key])).path


def measure_crowd(
    found: Server, pool: ProcessPoolExecutor, core: list[int], count: int, for_s: int
) -> tuple[float, float, float]:
    """Share of a core, kB each, and the share of events that were heard."""
    plans = [found.start(f"bench:crowd-{k}") for k in range(20)]
    focus = [path_of(plan, "status_sse").replace("/events", "/focus") for plan in plans]
    with multiprocessing.Manager() as manager:
        ready = manager.Event()
        before_kb = found.memory_kb()
        listening = pool.submit(
            subscribe, core, found.port, [path_of(plan, "status_sse") for plan in plans], count, for_s + 1, ready
        )
        while not ready.wait(0.2):
            if listening.done():
                listening.result()
        memory_kb = found.memory_kb() - before_kb
        cpu_s, began = found.cpu_s(), time.perf_counter()
        for second in range(for_s):
            for k, path in enumerate(focus):
                found.call("POST", path, b'{"index": %d}' % (second % 20))
                time.sleep(max(0.0, began + second + (k + 1) / len(focus) - time.perf_counter()))
        share = (found.cpu_s() - cpu_s) / (time.perf_counter() - began)
        heard = listening.result()
    return share, memory_kb / count, heard / (count * for_s)


def measure_abandoned(
    found: Server, pool: ProcessPoolExecutor, core: list[int], count: int, name: str
) -> tuple[float, float, float, Rate]:
    """Memory in kB before, at the most, and after all have expired; and the starts themselves."""
    before_kb = found.memory_kb()
    begun = rate(found, lambda: pool.submit(starts, core, found.port, count, name).result())
    most_kb = found.memory_kb()
    settle(found)
    return before_kb, most_kb, found.memory_kb(), begun


def settle(found: Server) -> None:
    """Waits until all windows begun so far have expired: the keeper goes by age, and a last one marks the end."""
    path = path_of(found.start("bench:last"), "snapshot_url")
    time.sleep(TTL_S)

    def gone() -> bool:
        try:
            found.call("GET", path)
        except RuntimeError:
            return True
        return False

    wait_for(gone, 120)
    time.sleep(1)


def noise_pages(count: int) -> list[bytes]:
    """PNG files of 2 MB, each another, whose middle is noise that does not compress."""
    found = []
    for k in range(count):
        image = Image.new("L", (1700, 2400), k)
        image.paste(Image.frombytes("L", (1700, 1180), random.Random(k).randbytes(1700 * 1180)), (0, 600))
        out = BytesIO()
        image.save(out, "PNG", compress_level=1)
        found.append(out.getvalue())
    return found


def measure_puts(found: Server, pool: ProcessPoolExecutor, images: list[bytes]) -> tuple[Rate, bool]:
    """PUTs while a window is narrated, and whether it still was at the end."""
    pages = sorted((ROOT / "samples").glob("*/*.png"))
    busy = found.start("bench:busy", 50)
    for index in range(50):
        found.call("PUT", f"/v1/narration/jobs/{busy['job_id']}/pages/{index}", pages[index % len(pages)].read_bytes())
    plan = found.start("bench:put", 1)
    path = f"/v1/narration/jobs/{plan['job_id']}/pages/0"
    begun = rate(found, lambda: pool.submit(puts, CORES, found.port, path, images).result())
    return begun, not json.loads(found.call("GET", path_of(busy, "snapshot_url")))["done"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the load; the figures are rough")
    quick = parser.parse_args().quick
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)  # the server inherits it
    served, load = [CORES[0]], [CORES[-1]]
    table = Table("figure", "measured", "latency", "server CPU a request", "target", title="One worker over HTTP")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        with server(served, 3600) as found:
            path = path_of(found.start("bench:snapshot"), "snapshot_url")
            many = rate(found, lambda: pool.submit(snapshots, load, found.port, path, 1 if quick else 8).result())
            table.add_row("snapshot, 16 connections", *many.row(), "at least 5,000 req/s")
            share, each_kb, heard = measure_crowd(found, pool, load, 200 if quick else 2000, 3 if quick else 15)
        with server(served, TTL_S) as found:
            count = 1000 if quick else 10_000
            for name in ("first", "second"):  # Python keeps what it once needed; a leak still shows the third time
                measure_abandoned(found, pool, load, count, name)
            before, most, after, begun = measure_abandoned(found, pool, load, count, "third")
            table.add_row("unique start, 16 connections", *begun.row(), "at least 1,500 req/s, p99 under 40 ms")
            crowd = f"{200 if quick else 2000:,} subscribers, an event a second each"
            table.add_row(crowd, f"{share:.1%} of a core", "", f"{heard:.1%} of the events came", "under 15 %, all events")
            table.add_row("  memory of each", f"{each_kb:.0f} kB", "", "", "under 60 kB")
            table.add_row(
                f"memory, {count:,} windows abandoned", f"{before / 1000:.1f} MB before", f"{most / 1000:.1f} MB most", "", ""
            )
            table.add_row(
                "  when they have expired",
                f"{after / 1000:.1f} MB",
                f"{(after - before) / 1000:+.1f} MB",
                "",
                "back to the baseline",
            )
        images = noise_pages(10 if quick else 60)
        with server(CORES, 3600) as found:
            uploads, busy = measure_puts(found, pool, images)
            name = f"PUT of 2 MB while a window is {'' if busy else 'NOT '}narrated (draft voices)"
            table.add_row(name, *uploads.row()[:2], "", "p50 under 40 ms")
    Console().print(table)


if __name__ == "__main__":
    main()
