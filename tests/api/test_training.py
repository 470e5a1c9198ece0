"""The service trains by itself where it is told what with: its settings, and a training over HTTP with stand-ins for the programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.app import create_app
from backend.engines import Engines
from backend.errors import ConfigurationError
from backend.settings import Settings
from backend.storage.objects import Objects
from backend.synthesizers.sovits import checkpoints, gsv
from backend.trainer import make_trainer
from backend.voices.upstream import STAGES, Upstream
from backend.voices.upstream_trainer import UpstreamTrainer
from tests.support.engines import InstantReader, ToneSynthesizer
from tests.support.narration_client import NarrationClient
from tests.support.server import frames, serving
from tests.support.voices import few_shot
from tests.voices.test_upstream import upstream  # noqa: F401 - a fixture


@pytest.fixture
def trains(
    settings: Callable[..., Settings],
    upstream: Upstream,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Settings of a service that trains, with programs and conversions that only pretend."""

    def convert(checkpoint: Path, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(checkpoint.read_bytes())

    monkeypatch.setattr(checkpoints, "convert_gpt", convert)
    monkeypatch.setattr(checkpoints, "convert_sovits", convert)
    monkeypatch.setattr(gsv, "PACKAGES", ())
    return settings(sovits_trainer_dir=upstream.checkout, sovits_trained_dir=tmp_path / "trained", stream_linger_seconds=0.2)


async def trained(settings: Settings) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The voice after its training, and what its events told."""
    app = create_app(settings, make=lambda _: Engines(InstantReader(), ToneSynthesizer()))
    async with serving(app) as base, httpx.AsyncClient(base_url=base, timeout=20) as http:
        voice = await few_shot(NarrationClient(http, app))
        reply = await http.post(f"/v1/voices/{voice['voice_id']}/train")
        assert reply.status_code == 202, reply.text
        told = [frame.data async for frame in frames(http, voice["status_sse"], last_event_id="4")]
        return (await http.get(f"/v1/voices/{voice['voice_id']}")).json(), told


async def test_a_training_over_http_leaves_a_checkpoint_where_the_synthesizer_looks(trains: Settings, tmp_path: Path) -> None:
    voice, told = await trained(trains)
    assert (voice["status"], voice["trained"]) == ("ready", True)
    assert told[-1]["status"] == "ready"
    progress = [event["progress"] for event in told]
    assert progress == sorted(progress)
    assert {f"Stage: {stage.name}." for stage in STAGES} <= {event.get("detail") for event in told}
    (checkpoint,) = (tmp_path / "trained").iterdir()
    assert {path.name for path in checkpoint.iterdir()} == {"gpt", "sovits"}


async def test_a_stage_that_fails_is_told_by_its_name_and_the_voice_speaks_on(
    trains: Settings,
    upstream: Upstream,  # noqa: F811
) -> None:
    (upstream.checkout / STAGES[4].program).write_text("raise SystemExit(3)")
    voice, told = await trained(trains)
    assert told[-1]["status"] == "failed"
    assert STAGES[4].name in told[-1]["detail"]
    assert (voice["trained"], "cloned" in voice) == (False, True)


def test_a_service_without_a_checkout_has_no_trainer(settings: Callable[..., Settings]) -> None:
    assert make_trainer(settings(), Objects.in_memory()) is None


def test_a_service_whose_checkout_lacks_something_does_not_start(trains: Settings, upstream: Upstream) -> None:  # noqa: F811
    assert isinstance(make_trainer(trains, Objects.in_memory()), UpstreamTrainer)
    with pytest.raises(ConfigurationError, match="SOVITS_TRAINER_PYTHON"):
        make_trainer(trains.model_copy(update={"sovits_trainer_python": "no-such-python"}), Objects.in_memory())
    (upstream.pretrained / "s1v3.ckpt").unlink()
    with pytest.raises(ConfigurationError, match="s1v3"):
        make_trainer(trains, Objects.in_memory())


def test_a_trainer_needs_the_folder_the_synthesizer_loads_from(settings: Callable[..., Settings], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SOVITS_TRAINED_DIR"):
        create_app(settings(sovits_trainer_dir=tmp_path))
