"""Several service processes on one Redis and one bucket, which a test may kill at any moment and start again at once."""

from __future__ import annotations

import json
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


class Nursery:
    """Has imported the program once and forks processes from itself: starting one takes milliseconds, not seconds."""

    def __init__(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REDIS_", "BUCKET_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fleet_process"],
            cwd=ROOT,
            env={**clean, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def start(self, name: str, port: int, environment: Mapping[str, str]) -> int:
        """Process id of a new process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"start {name} {port} {json.dumps(environment)}\n")
        self._process.stdin.flush()
        answered, pid = self._process.stdout.readline().split()
        assert answered == name
        return int(pid)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Fleet:
    """`size` processes with the settings in `environment`; `spoken` notes what their synthesizers speak."""

    def __init__(self, nursery: Nursery, size: int, environment: Mapping[str, str], *, spoken: Path) -> None:
        self.members = [Member(f"p{k}", free_port()) for k in range(size)]
        self.spoken = spoken
        self.kills = 0
        self._nursery = nursery
        self._environment = {"SPOKEN_FILE": str(spoken), **environment}

    def __enter__(self) -> Self:
        for member in self.members:
            self.start(member)
        for member in self.members:
            self.wait(member)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for member in self.members:
            self._signal(member, signal.SIGKILL)

    def start(self, member: Member) -> None:
        member.pid = self._nursery.start(member.name, member.port, self._environment)

    def wait(self, member: Member) -> None:
        """Until the process answers."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                httpx.get(f"{member.base}/healthz", timeout=2, verify=False).raise_for_status()
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
