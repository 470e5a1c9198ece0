"""What every container does first: it says what happens in it, and reads the secret's variables."""

from __future__ import annotations

import logging

from backend.settings import Settings, load_settings


def container_settings() -> Settings:
    """The settings, after the log is one that Modal shows.

    Raises:
        ConfigurationError: the secret's variables cannot work together.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    return load_settings()
