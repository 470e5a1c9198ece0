"""What decides cost and latency is set where somebody deploys, and is the same in every container."""

from __future__ import annotations

import pytest

from backend.cloud.sizing import CloudSettings, load_sizes
from backend.errors import ConfigurationError


def test_what_is_set_when_deploying_is_read_the_same_in_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    here = CloudSettings(
        _env_file=None, reader_gpu=(), speaker_gpu=("A10", "L4"), reader_batch=7, snapshots=False, api_cpu=0.5, scaledown_s=120
    )
    for name, value in here.as_variables().items():
        monkeypatch.setenv(name, value)
    assert CloudSettings(_env_file=None) == here


def test_a_size_that_cannot_be_is_named_as_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_SCALEDOWN_S", "1")
    monkeypatch.setenv("CLOUD_SNAPSHOTS", "perhaps")
    with pytest.raises(ConfigurationError, match=r"CLOUD_SCALEDOWN_S: .*greater than or equal to 2; CLOUD_SNAPSHOTS: "):
        load_sizes()


def test_what_is_not_set_makes_no_image_another() -> None:
    assert CloudSettings(_env_file=None).as_variables() == {}
