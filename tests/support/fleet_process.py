"""Runs service processes for `fleet.py`: imports the program once, then forks a child for every "start" line on standard input.

    start NAME PORT ENVIRONMENT     forks a process that serves on PORT with these variables (JSON); answers "NAME PID"

The engines are instant ones with a short delay; with FLEET_READER=ensemble the reader knows characters. Each line that is spoken is noted
in SPOKEN_FILE, so that a test can count across processes that were killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn
import uvicorn.loops.auto
import uvicorn.protocols.http.auto

import backend.jobs.redis
import backend.storage.presign  # noqa: F401 - imported before the fork, as all that a process needs to start
from backend.app import create_app
from backend.engines import Engines
from backend.errors import SpeechFailed
from backend.jobs.log import JobLog
from backend.narration.runner import LocalRunner
from backend.narration.window import Narrator
from backend.settings import Settings
from backend.synthesizers.base import Speech, Utterance
from tests.support.characters import SceneReader, ensemble
from tests.support.engines import InstantReader, ToneSynthesizer


class NotedSynthesizer(ToneSynthesizer):
    """Notes every line in a file that survives the process."""

    def __init__(self, spoken: Path, delay_s: float) -> None:
        super().__init__(delay_s=delay_s)
        self._spoken = spoken

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
        results = await super().speak(utterances)
        with self._spoken.open("a") as file:  # one short write is atomic: processes do not mix their lines
            file.write("".join(f"{utterance.text}\n" for utterance in utterances))
        return results


def serve(port: int) -> None:
    lease_s = float(os.environ.get("FLEET_LEASE_S", "1.0"))
    delay_s = float(os.environ.get("FLEET_DELAY_S", "0.05"))

    def engines(settings: Settings) -> Engines:
        reader = (
            SceneReader(ensemble, delay_s=delay_s)
            if os.environ.get("FLEET_READER") == "ensemble"
            else InstantReader(delay_s=delay_s)
        )
        return Engines(reader, NotedSynthesizer(Path(os.environ["SPOKEN_FILE"]), delay_s))

    def runner(narrator: Narrator, log: JobLog) -> LocalRunner:
        return LocalRunner(narrator, log, lease_s=lease_s)

    app = create_app(Settings(_env_file=None), make=engines, run=runner)
    uvicorn.run(app, port=port, log_level="error", proxy_headers=False, timeout_graceful_shutdown=3)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the system
    print("ready", flush=True)
    for line in sys.stdin:
        _, name, port, environment = line.split(maxsplit=3)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sys.stdin.close()
            os.environ.update(json.loads(environment))
            serve(int(port))
            os._exit(0)
        print(name, pid, flush=True)


if __name__ == "__main__":
    main()
