"""Everything that decides what Modal costs and how long a reader waits, in one place, each with its reason.

Read when `modal deploy`, `serve` or `run` is called: variables CLOUD_... in the environment or `.env` of the machine that deploys. The
images take them along, because containers read some of them too.
`costs.py` says what they come to.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backend.settings import read_variables

PREFIX: Final = "CLOUD_"
GpuList = Annotated[tuple[str, ...], NoDecode]


class CloudSettings(BaseSettings):
    """Field `reader_gpu` is the variable CLOUD_READER_GPU, and so on."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    # --- GPU classes ---
    reader_gpu: GpuList = ("L4", "A10")
    """GPUs for MagiReader, best first, with commas; none: a CPU container. MAGI takes 3 GB: the cheapest GPU with a good supply is enough,
    and a second choice halves the wait when the first is scarce."""
    speaker_gpu: GpuList = ("L4", "A10")
    """GPUs for SovitsSpeaker, likewise. Short batches leave a larger GPU waiting for its CPU."""
    reader_concurrency: int = Field(default=2, ge=1)
    """Calls one MagiReader container has at once: while one is on the GPU the next is decoded. The engine lets one at a time through."""
    reader_batch: int = Field(default=4, ge=1)
    """Pages of one call to MAGI; a window's first page is read alone all the same. Larger batches gain little on an L4, and every page of
    a batch waits for the last."""
    speaker_concurrency: int = Field(default=3, ge=1)
    """Calls one SovitsSpeaker container has at once: one speaks, one mixes and encodes, one stores."""
    scaledown_s: int = Field(default=90, ge=2, le=1200)
    """Seconds an idle GPU container stays. An idle second costs as much as a working one, a cold start about 30 s of a reader's patience:
    90 s lasts from one window to the next for somebody who reads on."""
    min_gpu_containers: int = Field(default=0, ge=0)
    """GPU containers of each class that always run. 0: nothing is paid while nobody reads; 1: no cold start, at a month's price each."""
    buffer_gpu_containers: int = Field(default=0, ge=0)
    """Idle GPU containers of each class kept ahead while others are busy; for services with many readers."""
    max_gpu_containers: int = Field(default=4, ge=1)
    """Most GPU containers of each class: the upper bound of what an hour can cost."""
    retries: int = Field(default=2, ge=0, le=10)
    """Times a GPU call is tried again elsewhere. Nothing else tries one again; a pipeline that ended early goes on where its log ends."""
    reader_timeout_s: int = Field(default=300, ge=10)
    """A batch of pages takes seconds; a GPU that hangs is given up after this."""
    speaker_timeout_s: int = Field(default=600, ge=10)
    """A long page in a slow voice takes a minute."""
    startup_timeout_s: int = Field(default=900, ge=60)
    """Loading weights from a volume that is cold can take minutes."""
    snapshots: bool = True
    """Start GPU containers from a memory snapshot taken after their libraries are imported; saves about 10 s of torch a cold start."""

    # --- API ---
    api_min_containers: int = Field(default=0, ge=0)
    """1 answers the first reader of the day at once, for the price of an idle CPU container; 0 lets it wait about 3 s."""
    api_max_containers: int = Field(default=10, ge=1)
    """Without REDIS_URL and BUCKET_NAME the service limits itself to one container, whatever is said here."""
    api_scaledown_s: int = Field(default=300, ge=2, le=1200)
    """A CPU container is cheap, and between two pages a reader asks for nothing."""
    api_max_inputs: int = Field(default=200, ge=1)
    """Requests one container has at most; nearly all are event streams, which cost memory but no time."""
    api_target_inputs: int = Field(default=120, ge=1)
    """From here on another container is started, so that there is room when it is needed."""
    api_cpu: float = Field(default=1.0, gt=0)
    """Cores. Uploads are decoded here."""
    api_memory_mib: int = Field(default=1024, ge=256)
    """An upload of 60 megapixels is decoded in 180 MB, two at a time."""
    api_timeout_s: int = Field(default=3600, ge=60)
    """Of one request; must exceed STREAM_MAX_AGE_SECONDS, after which a stream ends on purpose."""

    cpu_startup_timeout_s: int = Field(default=120, ge=10)
    """Of the API's and the pipeline's containers: they import for two seconds, and one that hangs must not keep requests waiting."""

    # --- pipeline ---
    windows_per_container: int = Field(default=20, ge=1)
    """A pipeline waits for GPUs nearly all the time."""
    pipeline_timeout_s: int = Field(default=3600, ge=60)
    """Of one window, cold starts and queues included."""
    pipeline_scaledown_s: int = Field(default=120, ge=2, le=1200)
    """Bridges the pause between the uploads of two windows."""
    pipeline_memory_mib: int = Field(default=1024, ge=256)
    """Pages pass through: at most a batch of them a window, 20 MB each."""

    def as_variables(self) -> dict[str, str]:
        """What was set when deploying, as the containers must have it to read the same: they see nothing of that machine."""
        changed = self.model_dump(exclude_defaults=True)
        return {
            f"{PREFIX}{name.upper()}": (",".join(value) or "none") if isinstance(value, tuple) else str(value)
            for name, value in changed.items()
        }

    @field_validator("reader_gpu", "speaker_gpu", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            found = tuple(part.strip() for part in value.split(",") if part.strip())
            return () if found == ("none",) else found
        return value


def load_sizes() -> CloudSettings:
    """From the environment and `.env`. Raises ConfigurationError: one sentence a variable that has a wrong value."""
    return read_variables(CloudSettings, PREFIX)
