"""The gRPC service Modal's client and containers talk to, put together from its parts. Calls nobody wrote answer UNIMPLEMENTED."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_grpc

from tests.support.modal_cloud.state import State
from tests.support.modal_cloud.things import Container


def rpc(method: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[None]]:
    """A unary call: takes the request, returns the reply, or None for Empty."""

    async def answered(self: Any, stream: Any) -> None:
        request = await stream.recv_message()
        try:
            reply = await method(self, request)
        except GRPCError:
            raise
        except Exception:
            traceback.print_exc()
            raise
        await stream.send_message(reply if reply is not None else Empty())

    answered.__name__ = method.__name__
    return answered


class Part:
    """What every part of the service has: the cloud, and the container that is calling, if it is one."""

    def __init__(self, state: State, container: Container | None = None) -> None:
        self.state = state
        self.container = container


def _missing(name: str) -> Callable[[Any, Any], Awaitable[None]]:
    async def method(self: Any, stream: Any) -> None:
        await stream.recv_message()
        self.state.unimplemented.add(name)
        print(f"UNIMPLEMENTED {name}", flush=True)
        raise GRPCError(Status.UNIMPLEMENTED, f"{name} is not part of the local stand-in")

    return method


@cache
def _service() -> Callable[[State, Container | None], Any]:
    from tests.support.modal_cloud.rpc_apps import Apps, Objects
    from tests.support.modal_cloud.rpc_calls import Calls
    from tests.support.modal_cloud.rpc_containers import Containers
    from tests.support.modal_cloud.rpc_functions import Functions

    parts = (Apps, Objects, Functions, Calls, Containers, Part, api_grpc.ModalClientBase)
    names = api_grpc.ModalClientBase.__abstractmethods__
    written = {name for part in parts[:-1] for name in vars(part)}
    return type("Service", parts, {name: _missing(name) for name in names - written})


def Service(state: State, container: Container | None = None) -> Any:  # noqa: N802 - it makes one
    return _service()(state, container)
