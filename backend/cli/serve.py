"""`tanoshi serve`: the service under uvicorn, with the settings that suit it."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from backend.settings import load_settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8080,
) -> None:
    """Run the service."""
    from backend.api.door import Door  # noqa: PLC0415
    from backend.app import create_app  # noqa: PLC0415 - `tanoshi --help` need not import the service

    app = create_app(load_settings())
    # Who is a proxy is TRUSTED_PROXIES' business; uvicorn would believe anyone on this machine.
    uvicorn.run(app, host=host, port=port, http=Door, proxy_headers=False, timeout_graceful_shutdown=10, log_level="info")
