"""A Modal app of one class that looks for checkpoints as SovitsSpeaker does: on the volume it reads, in a container that stays awake.

Its entrypoint runs on this machine and puts files into the local cloud's volume behind the container's back, as a training does.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import modal
import modal.experimental

FOLDER = "/mnt/weights/sovits-trained"
VOLUME = "written-to-meanwhile"

app = modal.App("looks-for-checkpoints", include_source=False)
weights = modal.Volume.from_name(VOLUME, create_if_missing=True, version=2)
image = modal.Image.debian_slim().pip_install("numpy", "pydantic").add_local_python_source("backend", "tests")


@app.cls(
    image=image,
    volumes={"/mnt/weights": weights.with_mount_options(read_only=True)},
    retries=modal.Retries(max_retries=2, initial_delay=0.0),
)
@modal.concurrent(max_inputs=2)
class Looker:
    """Sees checkpoints, and may hold one open as an engine that maps its weights does."""

    @modal.enter()
    def open(self) -> None:
        from backend.cloud.trained import TrainedVoices

        self.held: list[object] = []
        self.trained = TrainedVoices(Path(FOLDER), weights.reload.aio)

    @modal.method()
    async def look(self, name: str, hold: bool = False) -> tuple[str, bool]:
        """The container's id, and whether it sees the checkpoint. Ends the container when its volume cannot be shown anew."""
        from backend.errors import Unavailable
        from backend.synthesizers.base import Voice

        try:
            await self.trained.see([Voice(id="sovits:aya", checkpoint=name)])
        except Unavailable:
            await modal.experimental.stop_fetching_inputs.aio()
            raise
        return os.environ["MODAL_TASK_ID"], self._seen(Path(FOLDER, name, "weights"), hold)

    def _seen(self, file: Path, hold: bool) -> bool:
        if hold:
            self.held.append(file.open("rb"))
        return file.is_file()


@app.local_entrypoint()
def main(volume: str) -> None:
    """Prints what was seen. `volume`: where the cloud keeps it."""
    look = Looker().look.remote
    seen = [look("aya-0")]
    commit(Path(volume), "aya-1")
    seen.append(look("aya-1", hold=True))
    commit(Path(volume), "aya-2")
    seen.append(look("aya-2"))
    print(json.dumps(seen))


def commit(volume: Path, name: str) -> None:
    """A checkpoint, as another container has committed it."""
    folder = volume / "sovits-trained" / name
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"weights")
