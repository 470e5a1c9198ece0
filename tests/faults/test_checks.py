"""What `tanoshi doctor` and `tanoshi setup-bucket` say of shared stores, before a reader finds out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.errors import ConfigurationError, Unavailable
from backend.settings import Settings
from backend.stores import check_log, check_objects


def settings(tmp_path: Path, **changes: Any) -> Settings:
    """Settings that know nothing of this machine's environment."""
    return Settings(_env_file=None, **{"data_dir": tmp_path / "data", **changes})


async def test_stores_that_work_are_named(shared: dict[str, str], tmp_path: Path) -> None:
    found = settings(tmp_path, **shared)
    assert re.fullmatch(r"Jobs are kept in (valkey|redis) \d+\.\d+\.\d+ at 127\.0\.0\.1:\d+\.", await check_log(found))
    assert shared["bucket_name"] in await check_objects(found)


async def test_without_shared_stores_the_embedded_ones_are_named(tmp_path: Path) -> None:
    assert "memory" in await check_log(settings(tmp_path))
    assert str(tmp_path / "data") in await check_objects(settings(tmp_path))


async def test_refused_credentials_are_named_by_their_variable(shared: dict[str, str], tmp_path: Path) -> None:
    wrong = settings(
        tmp_path, **{**shared, "aws_secret_access_key": "wrong", "redis_url": shared["redis_url"].replace("//", "//:wrong@")}
    )
    with pytest.raises(Unavailable, match="REDIS_URL"):
        await check_log(wrong)
    with pytest.raises(Unavailable, match="refuses our credentials"):
        await check_objects(wrong)


async def test_stores_that_are_away_are_named_soon(tmp_path: Path) -> None:
    away = settings(tmp_path, redis_url="redis://127.0.0.1:9")
    with pytest.raises(Unavailable, match="does not answer"):
        await check_log(away)


def test_half_a_configuration_is_refused(tmp_path: Path) -> None:
    for half in ({"bucket_url": "http://127.0.0.1:9"}, {"aws_access_key_id": "only"}):
        with pytest.raises(ConfigurationError):
            settings(tmp_path, **half).require_possible()


def test_a_bucket_is_set_up_from_the_settings(shared: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {**shared, "bucket_name": f"{shared['bucket_name']}-new"}.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("CORS_ORIGINS", "https://reader.example")
    said = CliRunner().invoke(app, ["setup-bucket"])
    assert said.exit_code == 0, said.output
    assert "was made" in said.output
    assert "https://reader.example" in said.output


def test_setting_up_no_bucket_says_which_variable_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUCKET_NAME", raising=False)
    said = CliRunner().invoke(app, ["setup-bucket"])
    assert isinstance(said.exception, ConfigurationError)
    assert "BUCKET_NAME" in str(said.exception)
