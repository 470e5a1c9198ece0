"""uvicorn in a process that cannot reach any network: `python -m tests.support.offline backend.server:app --port N`.

Every look-up of a name and every connection to an address that is not this machine raises, and is written to stderr.
"""

from __future__ import annotations

import ipaddress
import runpy
import sys
from typing import Any


class NetworkRefused(ConnectionRefusedError):
    """This process was told to do without a network."""


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: Python itself reports every socket call, whichever library makes it."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a path is a socket of this machine
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if host is not None and not _is_here(host):
        print(f"NETWORK REFUSED: {event} {host}", file=sys.stderr, flush=True)
        raise NetworkRefused(f"{host} is not this machine")


def _is_here(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name in ("", "localhost")


if __name__ == "__main__":
    sys.addaudithook(refuse)
    runpy.run_module("uvicorn", run_name="__main__")
