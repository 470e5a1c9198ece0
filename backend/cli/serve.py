"""`tanoshi serve`: the service under uvicorn, with the settings that suit it."""

from __future__ import annotations

import socket
from typing import Annotated

import typer
import uvicorn

from backend.errors import ConfigurationError
from backend.settings import load_settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8080,
) -> None:
    """Run the service."""
    from backend.api.door import Door  # noqa: PLC0415
    from backend.api.open_files import allow_files  # noqa: PLC0415
    from backend.app import create_app  # noqa: PLC0415 - `tanoshi --help` need not import the service

    _require_free(host, port)
    allow_files()
    app = create_app(load_settings())
    # Who is a proxy is TRUSTED_PROXIES' business; uvicorn would believe anyone on this machine.
    uvicorn.run(app, host=host, port=port, http=Door, proxy_headers=False, timeout_graceful_shutdown=10, log_level="info")


def _require_free(host: str, port: int) -> None:
    """uvicorn says so in its own words, and only when the engines have begun to load.

    Raises:
        ConfigurationError: the port cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or "the name is not known"
            raise ConfigurationError(
                f"Port {port} of {host} cannot be listened on ({reason}); choose another with --port."
            ) from error
