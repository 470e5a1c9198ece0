"""Whose voices and casts a command works with: named as over HTTP, by an API key."""

from __future__ import annotations

from backend.errors import ConfigurationError
from backend.settings import Settings
from backend.voices.owners import owner_by


def owner_named(settings: Settings, named: str, otherwise: str = "") -> str:
    """The owner's identity.

    Args:
        otherwise: whose things they are where nobody is named.

    Raises:
        ConfigurationError: there are API keys, and nothing says which.
    """
    keys = [key.get_secret_value() for key in settings.api_keys]
    if keys and not (named or otherwise):
        raise ConfigurationError("Say whose voice it is: --owner with one of API_KEYS.")
    return owner_by(named, keys) if named else otherwise
