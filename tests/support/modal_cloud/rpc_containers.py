"""Calls, from the container's side: it fetches inputs, sends outputs, says that it lives or how it ended."""

# ruff: noqa: N802 - these are names of Modal's protocol

from __future__ import annotations

import asyncio
import time
from typing import Any

from modal_proto import api_pb2

from tests.support.modal_cloud import containers
from tests.support.modal_cloud.rpc import Part, rpc

HEARTBEAT_S = 5.0
FETCH_S = 20.0


class Containers(Part):
    @rpc
    async def ContainerHello(self, r: Any) -> Any:
        return None

    @rpc
    async def ContainerHeartbeat(self, r: Any) -> Any:
        assert self.container is not None
        try:
            ids = await asyncio.wait_for(self.container.cancelled.get(), HEARTBEAT_S)
        except TimeoutError:
            return api_pb2.ContainerHeartbeatResponse()
        return api_pb2.ContainerHeartbeatResponse(cancel_input_event=api_pb2.CancelInputEvent(input_ids=ids))

    @rpc
    async def FunctionGetDynamicConcurrency(self, r: Any) -> Any:
        return api_pb2.FunctionGetDynamicConcurrencyResponse(concurrency=r.max_concurrency)

    @rpc
    async def FunctionGetInputs(self, r: Any) -> Any:
        container = self.container
        assert container is not None
        function = container.function
        async with function.arrived:
            try:
                await asyncio.wait_for(function.arrived.wait_for(lambda: function.pending or container.draining), FETCH_S)
            except TimeoutError:
                return api_pb2.FunctionGetInputsResponse()
            if container.draining:
                return api_pb2.FunctionGetInputsResponse(inputs=[api_pb2.FunctionGetInputsItem(kill_switch=True)])
            taken = [function.pending.popleft()]
            until = time.monotonic() + r.batch_linger_ms / 1000
            while len(taken) < r.batch_max_size and (left := until - time.monotonic()) > 0:
                try:
                    await asyncio.wait_for(function.arrived.wait_for(lambda: function.pending), left)
                except TimeoutError:
                    break
                taken.append(function.pending.popleft())
        container.running.update((item.id, item) for item in taken)
        container.most_at_once = max(container.most_at_once, len(container.running))
        return api_pb2.FunctionGetInputsResponse(
            inputs=[
                api_pb2.FunctionGetInputsItem(
                    input_id=item.id,
                    input=item.body,
                    function_call_id=item.call.id,
                    retry_count=item.retry,
                    function_call_invocation_type=item.kind,
                    function_map_idx=item.idx,
                )
                for item in taken
            ]
        )

    @rpc
    async def FunctionPutOutputs(self, r: Any) -> Any:
        assert self.container is not None
        for out in r.outputs:
            item = self.container.running.pop(out.input_id, None)
            if item is not None:
                self.state.go(containers.finish(self.state, item, out))

    @rpc
    async def FunctionCallPutDataOut(self, r: Any) -> Any:
        call = self.state.calls[r.function_call_id]
        for chunk in r.data_chunks:
            if chunk.index > len(call.data_out):
                await call.put("data_out", chunk)

    @rpc
    async def TaskResult(self, r: Any) -> Any:
        assert self.container is not None
        self.container.result = r.result
        if r.result.exception:
            print(f"[{self.container.function.name}] {r.result.exception}\n{r.result.traceback}", flush=True)

    @rpc
    async def ContainerStop(self, r: Any) -> Any:
        assert self.container is not None
        self.state.go(containers.stop(self.container))
        return api_pb2.ContainerStopResponse()
