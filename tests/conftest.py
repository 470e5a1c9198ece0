"""What most tests need: an application with instant engines and its own folder, and a client that talks to it over a real port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.app import create_app
from backend.engines import Engines
from backend.settings import Settings
from backend.voices.training import VoiceTrainer
from backend.voices.uploads import Transcribe
from tests.support.engines import InstantReader, ToneSynthesizer
from tests.support.narration_client import NarrationClient
from tests.support.server import serving

Serve = Callable[..., Any]


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """Makes settings that know nothing of this machine's environment; keyword arguments override."""

    def make(**changes: Any) -> Settings:
        return Settings(_env_file=None, **{"data_dir": tmp_path / "data", **changes})

    return make


@pytest.fixture
async def serve(settings: Callable[..., Settings]) -> AsyncIterator[Serve]:
    """Starts a server and returns a client for it: `client = await serve(reader=..., synthesizer=..., job_ttl_seconds=...)`."""
    async with AsyncExitStack() as stack:

        async def start(
            reader: InstantReader | None = None,
            synthesizer: ToneSynthesizer | None = None,
            trainer: VoiceTrainer | None = None,
            transcribe: Transcribe | None = None,
            **changes: Any,
        ) -> NarrationClient:
            engines = Engines(reader or InstantReader(), synthesizer or ToneSynthesizer())
            app = create_app(settings(**changes), make=lambda _: engines, train=lambda *_: trainer, hear=lambda _: transcribe)
            base = await stack.enter_async_context(serving(app))
            # Without certificates, which plain HTTP needs none of and whose reading takes as long as many a test.
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=base, timeout=20, verify=False))
            return NarrationClient(http, app)

        yield start
