"""Several service processes on one Redis and one bucket, which a test may kill at any moment and start again at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.support.valkey import free_port

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 30.0


@dataclass
class Member:
    """One process; its port stays when it is started again."""

    name: str
    port: int
    pid: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Fleet:
    """`size` processes with the settings in `environment`. They are forked from one that has imported everything, so starting is quick."""

    def __init__(self, size: int, environment: Mapping[str, str], *, spoken: Path) -> None:
        self.members = [Member(f"p{k}", free_port()) for k in range(size)]
        self.spoken = spoken
        self.kills = 0
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REDIS_", "BUCKET_"))}
        self._environment = {**clean, "PYTHONPATH": str(ROOT), "SPOKEN_FILE": str(spoken), **environment}
        self._nursery: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fleet_process"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._nursery.stdout is not None
        assert self._nursery.stdout.readline() == "ready\n"
        for member in self.members:
            self.start(member)
        for member in self.members:
            self.wait(member)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for member in self.members:
            self._signal(member, signal.SIGKILL)
        assert self._nursery is not None
        self._nursery.kill()
        self._nursery.communicate()

    def start(self, member: Member) -> None:
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(f"start {member.name} {member.port}\n")
        self._nursery.stdin.flush()
        name, pid = self._nursery.stdout.readline().split()
        assert name == member.name
        member.pid = int(pid)

    def wait(self, member: Member) -> None:
        """Until the process answers."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                httpx.get(f"{member.base}/healthz", timeout=2).raise_for_status()
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def kill(self, member: Member) -> None:
        """kill -9: the process has no chance to say or do anything."""
        self.kills += 1
        self._signal(member, signal.SIGKILL)

    def terminate(self, member: Member) -> None:
        self._signal(member, signal.SIGTERM)

    def spoken_lines(self) -> list[str]:
        return self.spoken.read_text().splitlines() if self.spoken.exists() else []

    @staticmethod
    def _signal(member: Member, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(member.pid, number)
