"""Calls, from the caller's side: inputs go in, outputs are asked for, calls are cancelled."""

# ruff: noqa: N802 - these are names of Modal's protocol

from __future__ import annotations

from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from tests.support.modal_cloud import containers
from tests.support.modal_cloud.rpc import Part, rpc
from tests.support.modal_cloud.things import Call


class Calls(Part):
    @rpc
    async def FunctionMap(self, r: Any) -> Any:
        call = Call(self.state.new_id("fc"), r.function_id)
        self.state.calls[call.id] = call
        function = self.state.functions[r.function_id]
        kind = r.function_call_invocation_type
        items = [await containers.submit(self.state, call, i.idx, i.input, kind) for i in r.pipelined_inputs]
        return api_pb2.FunctionMapResponse(
            function_call_id=call.id,
            function_call_jwt=call.id,
            max_inputs_outstanding=1000,
            retry_policy=function.definition.retry_policy,
            sync_client_retries_enabled=False,
            pipelined_inputs=[_taken(item) for item in items],
        )

    @rpc
    async def FunctionPutInputs(self, r: Any) -> Any:
        call = self.state.calls[r.function_call_id]
        kind = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC
        items = [await containers.submit(self.state, call, i.idx, i.input, kind) for i in r.inputs]
        return api_pb2.FunctionPutInputsResponse(inputs=[_taken(item) for item in items])

    @rpc
    async def FunctionFinishInputs(self, r: Any) -> Any:
        return None

    @rpc
    async def FunctionGetOutputs(self, r: Any) -> Any:
        call = self.state.calls[r.function_call_id]

        def new() -> list[Any]:
            if r.HasField("start_idx"):
                return [output for output in call.outputs if r.start_idx <= output.idx <= r.end_idx]
            return call.outputs[int(r.last_entry_id.split("-")[0] or 0) :]

        await call.ready(lambda: bool(new()), r.timeout)
        return api_pb2.FunctionGetOutputsResponse(
            outputs=new(), last_entry_id=f"{len(call.outputs)}-0", num_unfinished_inputs=call.unfinished
        )

    @rpc
    async def FunctionCallFromId(self, r: Any) -> Any:
        call = self.state.calls.get(r.function_call_id)
        if call is None:
            raise GRPCError(Status.NOT_FOUND, f"FunctionCall {r.function_call_id} not found")
        return api_pb2.FunctionCallFromIdResponse(function_call_id=call.id, num_inputs=len(call.inputs))

    @rpc
    async def FunctionCallCancel(self, r: Any) -> Any:
        call = self.state.calls[r.function_call_id]
        call.cancelled = True
        function = self.state.functions[call.function_id]
        ended = api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_TERMINATED)
        for item in [item for item in function.pending if item.call is call]:
            function.pending.remove(item)
            await containers.finish(self.state, item, api_pb2.FunctionPutOutputsItem(result=ended))
        for container in function.containers.values():
            mine = [item.id for item in container.running.values() if item.call is call]
            if mine:
                container.cancelled.put_nowait(mine)

    async def FunctionCallGetDataOut(self, stream: Any) -> None:
        await self._stream(stream, "data_out")

    async def FunctionCallGetDataIn(self, stream: Any) -> None:
        await self._stream(stream, "data_in")

    async def _stream(self, stream: Any, which: str) -> None:
        r = await stream.recv_message()
        call, at = self.state.calls[r.function_call_id], r.last_index
        items = getattr(call, which)
        while True:
            await call.ready(lambda at=at: len(items) > at)
            for chunk in items[at:]:
                await stream.send_message(chunk)
                at += 1


def _taken(item: Any) -> Any:
    return api_pb2.FunctionPutInputsResponseItem(idx=item.idx, input_id=item.id, input_jwt=item.id)
