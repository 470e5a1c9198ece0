"""What survives what: `python benchmarks/faults.py [--kills 50] [--windows 1000]`.

Real service processes on one Valkey and one S3 (moto behind a gate that checks signatures), with instant engines: the figures are about
the stores and the recovery, not about reading and speaking.

    kills     three processes, one killed (-9) every second; clients go on at another
    handover  a process is killed or told to end while it voices, with the lease of production: until another one goes on
    outages   Redis away for 10 s, S3 answering 503 for 20 s, S3 slow for 20 s, while a window runs
    cache     the same pages again: lines the synthesizer was asked for
    memory    one process, many windows one after the other: its memory after the first tenth and at the end
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from backend.narration.runner import LEASE_S  # noqa: E402
from tests.support.bad_network import BadNetwork  # noqa: E402
from tests.support.engines import page  # noqa: E402
from tests.support.fleet import Fleet, Nursery  # noqa: E402
from tests.support.kills import narrate_under_fire  # noqa: E402
from tests.support.s3_gate import ACCESS_KEY, REGION, S3, SECRET_KEY  # noqa: E402
from tests.support.server import frames, until  # noqa: E402
from tests.support.valkey import Valkey  # noqa: E402

JOBS = "/v1/narration/jobs"


class Place:
    """The servers, and fleets on them, each with a bucket of its own."""

    def __init__(self, folder: Path, valkey: Valkey, s3: S3, nursery: Nursery) -> None:
        self._folder = folder
        self.valkey = valkey
        self.s3 = s3
        self._nursery = nursery

    def fleet(
        self, size: int, *, lease_s: float = 1.0, delay_s: float = 0.05, settings: Mapping[str, str] | None = None
    ) -> Fleet:
        self.valkey.flush()
        bucket = f"pages-{secrets.token_hex(6)}"
        self.s3.make_bucket(bucket)
        environment = {
            "REDIS_URL": self.valkey.url,
            "BUCKET_NAME": bucket,
            "BUCKET_URL": self.s3.url,
            "BUCKET_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "RATE_LIMIT_START_MAX": "0",
            "MAX_OPEN_JOBS": "1000",
            "DATA_DIR": str(self._folder / bucket),
            "FLEET_LEASE_S": str(lease_s),
            "FLEET_DELAY_S": str(delay_s),
            **{name.upper(): value for name, value in (settings or {}).items()},
        }
        return Fleet(self._nursery, size, environment, spoken=self._folder / f"{bucket}.txt")


@contextmanager
def servers() -> Iterator[Place]:
    s3, nursery = S3(), Nursery()
    s3.start()
    try:
        with tempfile.TemporaryDirectory(prefix="tanoshi-faults-") as folder, Valkey() as valkey:
            yield Place(Path(folder), valkey, s3, nursery)
    finally:
        nursery.close()
        s3.stop()


def a_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))


async def begin(http: httpx.AsyncClient, base: str, numbers: list[int], chapter: str = "chapter") -> str:
    """Starts a window and uploads its pages; returns the job's id."""
    body = {"chapter_id": chapter, "window": {"size": len(numbers)}}
    plan = (await http.post(f"{base}/v1/narration/session/start", json=body)).raise_for_status().json()
    for slot, number in zip(plan["upload"]["pages"], numbers, strict=True):
        reply = await http.put(slot["put_url"], content=page(number), headers={"Content-Type": "image/png"})
        reply.raise_for_status()
    job_id: str = plan["job_id"]
    return job_id


async def kills(place: Place, number: int, table: Table) -> None:
    with place.fleet(3) as fleet:
        outcome = await narrate_under_fire(fleet, place.valkey.url, kills=number, seconds_between=(0.2, 1.3))
    for name, value in dataclasses.asdict(outcome).items():
        table.add_row(f"kills: {name.replace('_', ' ')}", str(value))


async def handover(place: Place, table: Table) -> None:
    for label, end in (("killed", Fleet.kill), ("told to end", Fleet.terminate)):
        with place.fleet(2, lease_s=LEASE_S, delay_s=0.5) as fleet:
            here, there = fleet.members
            async with a_client() as http:
                job_id = await begin(http, here.base, list(range(10)))
                early = await until(http, f"{here.base}{JOBS}/{job_id}/events", "page_ready", last_event_id="0")
                end(fleet, here)
                pause_s = await longest_pause_s(http, f"{there.base}{JOBS}/{job_id}/events", early[-1].id)
                table.add_row(f"handover: {label}, lease {LEASE_S:.0f} s", f"longest pause between two events {pause_s:.1f} s")


async def longest_pause_s(http: httpx.AsyncClient, url: str, last_event_id: str | None) -> float:
    """Between two events of a stream, from now to job_done."""
    longest, before = 0.0, time.monotonic()
    async for frame in frames(http, url, last_event_id=last_event_id):
        now = time.monotonic()
        longest, before = max(longest, now - before), now
        if frame.name == "job_done":
            break
    return longest


async def outages(place: Place, table: Table) -> None:
    async def run(label: str, fleet: Fleet, trouble: Callable[[], None], seconds: float, over: Callable[[], None]) -> None:
        base = fleet.members[0].base
        async with a_client() as http:
            body = {"chapter_id": "chapter", "window": {"size": 6}}
            plan = (await http.post(f"{base}/v1/narration/session/start", json=body)).json()
            slots = plan["upload"]["pages"]

            async def put(index: int) -> int:
                url = slots[index]["put_url"]
                return (await http.put(url, content=page(index), headers={"Content-Type": "image/png"})).status_code

            first = [await put(0), await put(1)]
            trouble()
            rest = [asyncio.create_task(put(index)) for index in range(2, 6)]
            await asyncio.sleep(seconds)
            over()
            codes = first + [await task for task in rest]
            told = await until(http, f"{base}{JOBS}/{plan['job_id']}/events", "job_done", last_event_id="0")
        ready = sum(frame.name == "page_ready" for frame in told)
        table.add_row(f"outage: {label} for {seconds:.0f} s", f"uploads answered {sorted(set(codes))}, {ready} of 6 pages ready")

    s3 = place.s3
    with place.fleet(1) as fleet:
        await run("S3 answers 503", fleet, s3.give_trouble, 20, s3.behave)
    with place.fleet(1) as fleet:

        def slow() -> None:
            s3.gate.delay_s = 2.0

        await run("S3 takes 2 s a call", fleet, slow, 20, s3.behave)
    async with BadNetwork(place.valkey.port) as network:
        loop = asyncio.get_running_loop()
        changes: list[asyncio.Task[None]] = []
        with place.fleet(1, settings={"redis_url": f"redis://127.0.0.1:{network.port}/0"}) as fleet:
            await run(
                "Redis away",
                fleet,
                lambda: changes.append(loop.create_task(network.disconnect())),
                10,
                lambda: changes.append(loop.create_task(network.connect())),
            )


async def cache(place: Place, table: Table) -> None:
    with place.fleet(2) as fleet:
        here, there = (member.base for member in fleet.members)
        async with a_client() as http:
            for base, chapter in ((here, "first reader"), (there, "second reader")):
                before = len(fleet.spoken_lines())
                began = time.monotonic()
                job_id = await begin(http, base, list(range(10)), chapter)
                await until(http, f"{base}{JOBS}/{job_id}/events", "job_done", last_event_id="0")
                lines = len(fleet.spoken_lines()) - before
                table.add_row(f"cache: 10 pages, {chapter}", f"{lines} lines spoken, {time.monotonic() - began:.1f} s")


async def memory(place: Place, windows: int, table: Table) -> None:
    embedded = {"redis_url": "", "bucket_name": "", "bucket_url": ""}
    for label, settings in (("in memory", embedded), ("Redis and S3", {})):
        with place.fleet(1, delay_s=0.0, settings={"job_ttl_seconds": "10", **settings}) as fleet:
            member = fleet.members[0]
            await many_windows(member.base, range(windows // 10))
            then = resident_kib(member.pid)
            await many_windows(member.base, range(windows // 10, windows))
            now = resident_kib(member.pid)
        figure = f"{then / 1024:.0f} MiB after {windows // 10}, {now / 1024:.0f} MiB at the end ({now / then - 1:+.1%})"
        table.add_row(f"memory: {label}, {windows} windows of one page", figure)


async def many_windows(base: str, numbers: range) -> None:
    """One window of one page for each number, four at a time."""
    gate = asyncio.Semaphore(4)

    async def one(http: httpx.AsyncClient, number: int) -> None:
        async with gate:
            job_id = await begin(http, base, [number % 256], f"chapter-{number}")
            await until(http, f"{base}{JOBS}/{job_id}/events", "job_done", last_event_id="0")

    async with a_client() as http:
        await asyncio.gather(*(one(http, number) for number in numbers))


def resident_kib(pid: int) -> int:
    """Resident memory of a process (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--windows", type=int, default=1000, help="for the memory")
    parser.add_argument("--only", choices=["kills", "handover", "outages", "cache", "memory"])
    wanted = parser.parse_args()
    table = Table("what", "figure")
    with servers() as place:
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "kills": lambda: kills(place, wanted.kills, table),
            "handover": lambda: handover(place, table),
            "outages": lambda: outages(place, table),
            "cache": lambda: cache(place, table),
            "memory": lambda: memory(place, wanted.windows, table),
        }
        for name, part in parts.items():
            if wanted.only in (None, name):
                await part()
    Console(width=120).print(table)


if __name__ == "__main__":
    asyncio.run(main())
