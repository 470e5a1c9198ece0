"""What the stand-in keeps, as data: functions, calls, their inputs, and the containers that work on them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modal_proto import api_pb2


@dataclass(eq=False)
class Input:
    """One set of arguments on its way to a container."""

    id: str
    call: Call
    idx: int
    body: api_pb2.FunctionInput
    kind: int
    retry: int = 0
    lost: int = 0
    """Times a container died under it."""


@dataclass(eq=False)
class Call:
    """One call of a function: its inputs and what has come of them; web calls talk through the data lists."""

    id: str
    function_id: str
    web: bool = False
    outputs: list[Any] = field(default_factory=list)
    data_in: list[Any] = field(default_factory=list)
    data_out: list[Any] = field(default_factory=list)
    unfinished: int = 0
    inputs: list[str] = field(default_factory=list)
    cancelled: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def put(self, where: str, item: Any) -> None:
        async with self.changed:
            getattr(self, where).append(item)
            self.changed.notify_all()

    async def ready(self, predicate: Callable[[], Any], timeout_s: float | None = None) -> bool:
        """Waits until `predicate` holds; False when the time is over."""
        async with self.changed:
            try:
                await asyncio.wait_for(self.changed.wait_for(predicate), timeout_s)
            except TimeoutError:
                return False
            return True


@dataclass(eq=False)
class Function:
    """A deployed function, or a class with all its methods."""

    id: str
    app_id: str
    name: str
    definition: Any = None
    data: Any = None
    request: Any = None
    params: bytes = b""
    options: Any = None
    base: str = ""
    """For a class with parameters bound: the function it was made from."""
    web_url: str = ""
    pending: deque[Input] = field(default_factory=deque)
    containers: dict[str, Container] = field(default_factory=dict)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    crashes: int = 0
    max_containers: int | None = None
    """What `update_autoscaler` said."""

    def most_containers(self) -> int:
        options = self.options.concurrency_limit if self.options else 0
        return self.max_containers or options or self.definition.concurrency_limit or 2

    def ranked(self) -> api_pb2.FunctionData:
        """The definition in the form that names several GPUs by preference."""
        if self.data:
            return self.data
        d = self.definition
        data = api_pb2.FunctionData(
            ranked_functions=[api_pb2.FunctionData.RankedFunction(rank=0, function=d)],
            function_name=d.function_name,
            timeout_secs=d.timeout_secs,
            function_type=d.function_type,
            is_class=d.is_class,
            web_url=d.web_url,
        )
        data.autoscaler_settings.CopyFrom(d.autoscaler_settings)
        return data


@dataclass(eq=False)
class Container:
    """One process that runs a function's inputs."""

    id: str
    function: Function
    folder: Path
    process: Any = None
    server: Any = None
    running: dict[str, Input] = field(default_factory=dict)
    most_at_once: int = 0
    """Inputs it has had at the same time."""
    cancelled: asyncio.Queue[list[str]] = field(default_factory=asyncio.Queue)
    draining: bool = False
    started: float = field(default_factory=time.time)
    result: Any = None
    log: list[str] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None
