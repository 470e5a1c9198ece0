"""Every environment variable, in one class. README, .env.example and this class name the same variables (a test says so).

Nothing is read at import: `Settings()` reads the environment and a `.env` file when it is called. Combinations that are unsafe or that
cannot work raise ConfigurationError with a sentence that says why.
"""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backend.errors import ConfigurationError

S = TypeVar("S", bound=BaseSettings)
CommaList = Annotated[tuple[str, ...], NoDecode]
"""A list that is written with commas in the environment."""


def _default_data_dir() -> Path:
    return Path(platformdirs.user_data_dir("tanoshi-narration", appauthor=False))


class Settings(BaseSettings):
    """The program's settings. Field `api_base_url` is the variable API_BASE_URL, and so on."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    # --- addresses ---
    api_base_url: str | None = None
    """Public address of this service, for example https://narration.example.org; unset: taken from each start request."""
    cdn_base_url: str | None = None
    """Public address of the object store's root, when a CDN serves the audio; unset: the service serves it itself."""
    cors_origins: CommaList = ()
    """Origins that browsers may call from, with commas: exact origins or app schemes (https://a.example, aidoku://); empty: none."""
    trusted_proxies: CommaList = ()
    """Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; empty: none."""

    # --- engines ---
    reader: Literal["embedded", "magi", "modal"] = "embedded"
    """Page reader: embedded (CPU, in the wheels), magi (GPU, needs MAGI_DIR) or modal (the deployed app's GPUs, for developing)."""
    synthesizer: Literal["embedded", "draft", "sovits", "modal"] = "embedded"
    """Synthesizer: embedded (Kokoro on the CPU), draft (far faster, plainer), sovits (GPU, needs SOVITS_DIR) or modal (as READER)."""
    magi_dir: Path | None = None
    """Folder with the MAGI v2 weights that `tanoshi weights magi` filled."""
    sovits_dir: Path | None = None
    """Folder with the GPT-SoVITS weights that `tanoshi weights sovits` filled."""
    sovits_trained_dir: Path | None = None
    """Folder of the few-shot checkpoints that training writes; unset: few-shot voices are not spoken by GPT-SoVITS."""
    sovits_trainer_dir: Path | None = None
    """Checkout of GPT-SoVITS at the pinned commit, with its pretrained_models, that few-shot voices are trained with; unset: none are."""
    sovits_trainer_python: str | None = None
    """The Python that checkout was installed into; unset: the one that runs the service."""
    speech_check: Literal["none", "asr"] = "none"
    """asr: a recogniser listens to each line of GPT-SoVITS and misheard ones are spoken again; needs SPEECH_CHECK_MODEL."""
    speech_check_model: Path | None = None
    """Folder of a Whisper model in CTranslate2 format, for SPEECH_CHECK=asr and for uploaded recordings that have no transcript."""

    # --- stores ---
    data_dir: Path = Field(default_factory=_default_data_dir)
    """Folder of the embedded store (uploads, audio, caches, imported voices); default: the user data folder of the system."""
    redis_url: SecretStr | None = None
    """Redis with the job state, shared by several processes; unset: job state lives in this process."""
    bucket_name: str | None = None
    """S3 bucket for all objects; unset: they live under DATA_DIR."""
    bucket_url: str | None = None
    """Address of an S3-compatible service (MinIO, R2); unset: AWS."""
    bucket_region: str | None = None
    """Region of the bucket."""
    aws_access_key_id: SecretStr | None = None
    """Access key for the bucket; unset: the usual AWS sources."""
    aws_secret_access_key: SecretStr | None = None
    """Secret key for the bucket; unset: the usual AWS sources."""
    upload_mode: Literal["direct", "presigned"] = "direct"
    """How pages arrive: direct (the service takes and checks them) or presigned (PUT into the bucket, checked when they are noticed)."""
    audio_mode: Literal["proxy", "redirect"] = "proxy"
    """How segments are served without CDN_BASE_URL: proxy (through the service) or redirect (to signed URLs of the bucket)."""

    # --- windows ---
    job_ttl_seconds: int = Field(default=3600, ge=10)
    """Seconds a window is kept after its last change; then its state, pages and audio are removed."""
    upload_quiet_seconds: float = Field(default=60.0, gt=0)
    """Seconds without an upload after which the missing pages of a window end as not_uploaded."""
    max_window_size: int = Field(default=50, ge=1, le=200)
    """Largest number of pages in a window."""
    max_page_bytes: int = Field(default=20_000_000, ge=1000)
    """Largest upload of one page, in bytes (max_bytes of the upload plan)."""
    max_job_bytes: int = Field(default=1_000_000_000, ge=1000)
    """Bytes that may be uploaded to one window, replaced pages included; more is answered 429 quota_exceeded."""
    max_open_jobs: int = Field(default=50, ge=1)
    """Windows one client may have unfinished at once; more is answered 429 quota_exceeded."""

    # --- trust ---
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Keys, with commas, of which start, next and voices need one (Authorization: Bearer KEY or X-API-Key); empty: open to all."""
    rate_limit_window_seconds: int = Field(default=60, ge=1)
    """Length of the rate limit's moving window in seconds."""
    rate_limit_start_max: int = Field(default=10, ge=0)
    """Calls of session/start per client and window; 0: no limit."""
    rate_limit_next_max: int = Field(default=20, ge=0)
    """Calls of session/next per client and window; 0: no limit."""

    # --- streams ---
    stream_max_age_seconds: float = Field(default=900.0, gt=0)
    """Seconds after which an event stream ends on purpose; the client resumes with Last-Event-ID."""
    stream_linger_seconds: float = Field(default=5.0, ge=0)
    """Seconds an event stream stays open after job_done."""

    @field_validator("cors_origins", "trusted_proxies", "api_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("api_base_url", "cdn_base_url", "bucket_url")
    @classmethod
    def _absolute_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or not value.isascii() or parts.query or parts.fragment:
            raise ValueError("must be an absolute http(s) URL in ASCII without query or fragment")
        return value.rstrip("/")

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if "*" in origin:
                raise ValueError("must list exact origins; '*' would let every web page call this service")
            if "://" not in origin:
                raise ValueError("each origin needs its scheme, such as https://reader.example or aidoku://")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network, strict=False)
        return value

    def require_possible(self) -> None:
        """Refuses combinations that cannot work.

        Raises:
            ConfigurationError: with a sentence that says what to change.
        """
        if self.reader == "magi" and self.magi_dir is None:
            raise ConfigurationError("READER=magi needs MAGI_DIR, the folder that `tanoshi weights magi --to DIR` fills.")
        if self.speech_check == "asr" and self.speech_check_model is None:
            raise ConfigurationError(
                "SPEECH_CHECK=asr needs SPEECH_CHECK_MODEL, the folder of a Whisper model in CTranslate2 format."
            )
        if self.synthesizer == "sovits" and self.sovits_dir is None:
            raise ConfigurationError(
                "SYNTHESIZER=sovits needs SOVITS_DIR, the folder that `tanoshi weights sovits --to DIR` fills."
            )
        if self.sovits_trainer_dir is not None and self.sovits_trained_dir is None:
            raise ConfigurationError(
                "SOVITS_TRAINER_DIR needs SOVITS_TRAINED_DIR, the folder that trained voices are written to and loaded from."
            )
        if self.bucket_name is None and self.bucket_url is not None:
            raise ConfigurationError("BUCKET_URL is set, but BUCKET_NAME is not: name the bucket, or unset BUCKET_URL.")
        if self.bucket_name is None and (self.upload_mode == "presigned" or self.audio_mode == "redirect"):
            raise ConfigurationError("UPLOAD_MODE=presigned and AUDIO_MODE=redirect need a bucket: set BUCKET_NAME.")
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            raise ConfigurationError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together: set both, or none.")

    @property
    def unshared(self) -> tuple[str, ...]:
        """Variables without which this process keeps jobs or objects to itself; empty: several can serve the same windows."""
        stores = {"REDIS_URL": self.redis_url, "BUCKET_NAME": self.bucket_name}
        return tuple(name for name, value in stores.items() if value is None)


def load_settings() -> Settings:
    """Settings from the environment and `.env`.

    Raises:
        ConfigurationError: one sentence a variable that has a wrong value; values are not repeated, they may be secrets.
    """
    settings = read_variables(Settings)
    settings.require_possible()
    return settings


def read_variables(settings: type[S], prefix: str = "") -> S:
    """Any class of settings from the environment; the names of its variables begin with `prefix`. Raises as `load_settings`."""
    try:
        return settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"{prefix}{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"These settings are not valid. {wrong}") from None


def variable_names() -> tuple[str, ...]:
    """Names of all environment variables the program reads, in the order of the class."""
    return tuple(name.upper() for name in Settings.model_fields)


def cpu_count() -> int:
    """Processors this process may use (a container may have fewer than the machine)."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1
