"""The real engine on the CPU, with random weights in the real layout; built once for all tests that speak with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.synthesizers.sovits import gsv


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete SOVITS_DIR."""
    try:
        gsv.require_packages()
    except gsv.ConfigurationError as missing:
        pytest.skip(f"{missing} (the test extra brings it)")
    from tests.support import tiny_gsv

    root = tmp_path_factory.mktemp("sovits") / "weights"
    tiny_gsv.build(root)
    return root
