"""The Modal app `tanoshi-narration`: every function and class, and what each is given. Their bodies are in the modules beside this one.

    api            the FastAPI app; CPU; many requests a container; streams end on purpose after STREAM_MAX_AGE_SECONDS and are resumed
    narrate        the pipeline of one window; CPU; spawned by the API; resumes from the log whenever it is started again
    MagiReader     reads micro-batches of pages, and embeds the pictures of a character bank; GPU
    SovitsSpeaker  voices a page, writes its sound to the bucket and commits it; GPU
    download_weights, main   for people: `modal run backend/modal_app.py::download_weights`, `modal run backend/modal_app.py`

The trap: this module is imported on the machine that deploys and in every container, and must make the same objects in both. So nothing
heavy is imported at its top, nothing here asks where it runs, and everything by name is looked up lazily.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import modal
import modal.experimental

from backend.cloud import images
from backend.cloud.sizing import load_sizes

if TYPE_CHECKING:
    from backend.acoustics import Samples
    from backend.cloud.wire import EngineCard
    from backend.cloud.workers import ReaderWorker, SpeakerWorker
    from backend.narration.voicing import PageOrder
    from backend.readers.base import ReadOptions
    from backend.synthesizers.base import Utterance

APP = "tanoshi-narration"
SECRET = "tanoshi-narration"  # noqa: S105 - its name
"""The variables of .env.example; `modal secret create tanoshi-narration REDIS_URL=... BUCKET_NAME=...`."""
VOLUME = "tanoshi-narration-weights"

sizes = load_sizes()
app = modal.App(APP, include_source=False)
secret = modal.Secret.from_name(SECRET)
weights = modal.Volume.from_name(VOLUME, create_if_missing=True, version=2)
weights_to_read: dict[str | PurePosixPath, modal.Volume | modal.CloudBucketMount] = {
    images.WEIGHTS: weights.with_mount_options(read_only=True)
}

gpu_class: dict[str, Any] = {
    "secrets": [secret],
    "volumes": weights_to_read,
    "scaledown_window": sizes.scaledown_s,
    "min_containers": sizes.min_gpu_containers,
    "buffer_containers": sizes.buffer_gpu_containers,
    "max_containers": sizes.max_gpu_containers,
    "startup_timeout": sizes.startup_timeout_s,
    "enable_memory_snapshot": sizes.snapshots,
    "retries": modal.Retries(max_retries=sizes.retries, initial_delay=1.0, backoff_coefficient=2.0),
}


@app.cls(image=images.reader_image, gpu=list(sizes.reader_gpu) or None, timeout=sizes.reader_timeout_s, **gpu_class)
@modal.concurrent(max_inputs=sizes.reader_concurrency)
class MagiReader:
    """The page reader that READER names: magi, or the embedded one."""

    _worker: ReaderWorker

    @modal.enter(snap=True)
    def imports(self) -> None:
        """Libraries without a GPU in sight; what is in memory afterwards is the snapshot."""
        from backend.cloud.libraries import import_reader  # noqa: PLC0415

        import_reader()

    @modal.enter(snap=False)
    async def load(self) -> None:
        from backend.cloud.container import container_settings  # noqa: PLC0415
        from backend.cloud.workers import ReaderWorker  # noqa: PLC0415

        self._worker = await ReaderWorker.open(container_settings(), modal.experimental.stop_fetching_inputs.aio)

    @modal.method()
    async def describe(self) -> EngineCard:
        """What this container runs; asking wakes one."""
        return self._worker.card()

    @modal.method()
    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> Any:
        """One result a page, or the error that holds for all; see `workers.ReaderWorker.read`."""
        return await self._worker.read(pages, options)

    @modal.method()
    async def embed_figures(self, images: Sequence[bytes]) -> Any:
        """The appearance of pictures of a character bank; see `workers.ReaderWorker.embed_figures`."""
        return await self._worker.embed_figures(images)

    @modal.exit()
    async def close(self) -> None:
        await self._worker.aclose()


@app.cls(image=images.speaker_image, gpu=list(sizes.speaker_gpu) or None, timeout=sizes.speaker_timeout_s, **gpu_class)
@modal.concurrent(max_inputs=sizes.speaker_concurrency)
class SovitsSpeaker:
    """The synthesizer that SYNTHESIZER names: sovits, or an embedded one."""

    _worker: SpeakerWorker

    @modal.enter(snap=True)
    def imports(self) -> None:
        """As MagiReader's."""
        from backend.cloud.libraries import import_speaker  # noqa: PLC0415

        import_speaker()

    @modal.enter(snap=False)
    async def load(self) -> None:
        from backend.cloud.container import container_settings  # noqa: PLC0415
        from backend.cloud.workers import SpeakerWorker  # noqa: PLC0415

        self._worker = await SpeakerWorker.open(
            container_settings(), modal.experimental.stop_fetching_inputs.aio, weights.reload.aio
        )

    @modal.method()
    async def describe(self) -> EngineCard:
        """What this container runs; asking wakes one."""
        return self._worker.card()

    @modal.method()
    async def voice_page(self, order: PageOrder) -> Any:
        """Voices a page to its end; see `workers.SpeakerWorker.voice`."""
        return await self._worker.voice(order)

    @modal.method()
    async def speak(self, utterances: Sequence[Utterance]) -> Any:
        """The sound of some lines; see `workers.SpeakerWorker.speak`."""
        return await self._worker.speak(utterances)

    @modal.method()
    async def transcribe(self, samples: Samples, sample_rate: int, lang: str) -> Any:
        """What is said in a recording; see `workers.SpeakerWorker.transcribe`."""
        return await self._worker.transcribe(samples, sample_rate, lang)

    @modal.exit()
    async def close(self) -> None:
        await self._worker.aclose()


@app.function(
    image=images.api_image,
    secrets=[secret],
    volumes=weights_to_read,
    timeout=sizes.pipeline_timeout_s,
    startup_timeout=sizes.cpu_startup_timeout_s,
    scaledown_window=sizes.pipeline_scaledown_s,
    memory=sizes.pipeline_memory_mib,
)
@modal.concurrent(max_inputs=sizes.windows_per_container)
async def narrate(job_id: str, owner: str) -> None:
    """Narrates what a job has uploaded; see `pipeline.Pipeline.narrate`."""
    from backend.cloud.pipeline import pipeline_of_container  # noqa: PLC0415

    await pipeline_of_container(reader=MagiReader(), speaker=SovitsSpeaker()).narrate(job_id, owner)


@app.function(
    image=images.api_image,
    secrets=[secret],
    volumes=weights_to_read,
    cpu=sizes.api_cpu,
    memory=sizes.api_memory_mib,
    timeout=sizes.api_timeout_s,
    startup_timeout=sizes.cpu_startup_timeout_s,
    min_containers=sizes.api_min_containers,
    max_containers=sizes.api_max_containers,
    scaledown_window=sizes.api_scaledown_s,
)
@modal.concurrent(max_inputs=sizes.api_max_inputs, target_inputs=sizes.api_target_inputs)
@modal.asgi_app()
def api() -> Any:
    """The HTTP side; see `backend/cloud/api.py`."""
    from backend.cloud.api import cloud_app  # noqa: PLC0415

    return cloud_app(narrate=narrate, reader=MagiReader(), speaker=SovitsSpeaker(), api=api)


@app.function(
    image=images.speaker_image, secrets=[secret], volumes={images.WEIGHTS: weights}, timeout=4 * 3600, cpu=2, memory=16_384
)
def download_weights(which: str = "", magi_revision: str = "") -> None:
    """Fills the weights volume; safe to call again.

    Args:
        which: of magi, manga-ocr, sovits and whisper, with commas; empty: all.
        magi_revision: commit of the MAGI v2 repository; empty: the commit fetched before, else the pinned one.
    """
    from backend.cloud.download import download  # noqa: PLC0415

    download(
        [name for name in which.split(",") if name], images.WEIGHTS, commit=weights.commit, magi_revision=magi_revision or None
    )


@app.local_entrypoint()
def main(chapter: str = "", out: str = "modal-output", pages: int = 0) -> None:
    """Narrates a chapter on the GPUs and prints what came of it.

    Args:
        chapter: folder, CBZ, ZIP or PDF; empty: the sample chapter of the checkout.
        out: folder for the result. pages: only so many; 0: all.
    """
    from backend.cloud.sample import narrate_sample  # noqa: PLC0415

    narrate_sample(chapter, out, pages=pages, reader=MagiReader(), speaker=SovitsSpeaker())
