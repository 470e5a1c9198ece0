"""What tests use: a local cloud in a process of its own, the real `modal` command against it, and a look inside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.modal_cloud.containers import BLOCKING_IS_AN_ERROR

ROOT = Path(__file__).parents[3]
START_TIMEOUT_S = 20.0
COMMAND_TIMEOUT_S = 90.0


def client_variables(server_url: str) -> dict[str, str]:
    """What makes Modal's client one of this cloud."""
    return {
        "PYTHONWARNINGS": BLOCKING_IS_AN_ERROR,
        "MODAL_SERVER_URL": server_url,
        "MODAL_TOKEN_ID": "ak-local",
        "MODAL_TOKEN_SECRET": "as-local",
        "MODAL_CONFIG_PATH": "/dev/null",
        "MODAL_ENVIRONMENT": "main",
    }


class LocalCloud:
    """A cloud with nothing deployed. `secrets` are named secrets and their variables."""

    def __init__(self, folder: Path, secrets: Mapping[str, Mapping[str, str]]) -> None:
        self._folder = folder
        self._secrets = secrets
        self._process: subprocess.Popen[bytes] | None = None
        self.server_url = self.admin_url = ""

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        secrets = self._folder / "secrets.json"
        secrets.write_text(json.dumps({name: dict(env) for name, env in self._secrets.items()}))
        command = [sys.executable, "-m", "tests.support.modal_cloud", "--state", str(self._folder), "--secrets", str(secrets)]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        address = self._folder / "address"
        deadline = time.monotonic() + START_TIMEOUT_S
        while not address.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The local cloud does not start:\n{self.log()}")
            time.sleep(0.05)
        self.server_url, self.admin_url = address.read_text().split()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)

    def environment(self, **more: str) -> dict[str, str]:
        """For a client of this cloud: the CLI, or a program that looks deployed functions up."""
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "PYTHONDONTWRITEBYTECODE": "1",
            **client_variables(self.server_url),
            **more,
        }

    def modal(self, *arguments: str, checkout: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs the real command from the root of the repository, or of another checkout of it."""
        command = [sys.executable, "-m", "modal", *arguments]
        return subprocess.run(
            command,
            cwd=checkout,
            env=self.environment(**env),
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )

    def log(self) -> str:
        """What the cloud and its containers have printed."""
        return (self._folder / "log").read_text(errors="replace")

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.admin_url}/state", timeout=10, verify=False).json()
        return found

    def function(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.state()["functions"][name]
        return found

    def calls(self, name: str) -> list[dict[str, Any]]:
        return [call for call in self.state()["calls"].values() if call["function"] == name]

    def kill(self, name: str) -> str | None:
        """SIGKILL to one container of the function that is at work; its id, or None while none is."""
        killed: str | None = httpx.post(f"{self.admin_url}/kill", params={"function": name}, timeout=10, verify=False).json()[
            "killed"
        ]
        return killed

    def until(self, condition: Callable[[dict[str, Any]], Any], timeout_s: float = 30.0) -> dict[str, Any]:
        """The first state in which `condition` holds."""
        deadline = time.monotonic() + timeout_s
        while not condition(state := self.state()):
            assert time.monotonic() < deadline, f"it did not come to that:\n{self.log()[-4000:]}"
            time.sleep(0.1)
        return state
