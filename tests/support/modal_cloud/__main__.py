"""The process: `python -m tests.support.modal_cloud --state DIR [--secrets FILE]`.

Writes DIR/address (two lines: the gRPC server's URL, the admin's URL) when it takes calls, and stops its containers on SIGTERM.
By hand: `source DIR/env.sh` in another shell, and `modal ...` there talks to this cloud. FILE: JSON, secrets by name, each its variables.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import signal
import sys
from pathlib import Path

import grpclib.server
from modal._utils.grpc_utils import custom_detail_codec

from tests.support.modal_cloud import containers
from tests.support.modal_cloud.admin import open_admin
from tests.support.modal_cloud.cloud import client_variables
from tests.support.modal_cloud.isolation import isolation
from tests.support.modal_cloud.rpc import Service
from tests.support.modal_cloud.state import State


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--secrets", type=Path)
    options = parser.parse_args()
    root = options.state.resolve()
    root.mkdir(parents=True, exist_ok=True)
    secrets = json.loads(options.secrets.read_text()) if options.secrets else {}
    state = State(root, secrets, sys.executable, isolation())
    await open_admin(state)
    server = grpclib.server.Server([Service(state)], status_details_codec=custom_detail_codec)
    await server.start("127.0.0.1", 0)
    port = server._server.sockets[0].getsockname()[1]
    variables = client_variables(f"http://127.0.0.1:{port}")
    (root / "env.sh").write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
    (root / "address.new").write_text(f"http://127.0.0.1:{port}\n{state.admin}\n")
    (root / "address.new").rename(root / "address")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    for container in state.containers.values():
        if container.alive:
            containers.kill(container)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
