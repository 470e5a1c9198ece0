"""Functions and classes: their definitions, and finding them."""

# ruff: noqa: N802 - these are names of Modal's protocol

from __future__ import annotations

from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from tests.support.modal_cloud.ingress import open_port
from tests.support.modal_cloud.rpc import Part, rpc
from tests.support.modal_cloud.things import Function


class Functions(Part):
    @rpc
    async def FunctionPrecreate(self, r: Any) -> Any:
        function = self.state.functions.get(r.existing_function_id)
        if function is None:
            function = Function(self.state.new_id("fu"), r.app_id, r.function_name)
            self.state.functions[function.id] = function
        function.request, function.name = r, r.function_name
        if r.webhook_config.type and not function.web_url:
            await open_port(self.state, function)
        defined, function.definition = function.definition, None
        metadata, function.definition = self.state.handle(function), defined
        return api_pb2.FunctionPrecreateResponse(function_id=function.id, handle_metadata=metadata)

    @rpc
    async def FunctionCreate(self, r: Any) -> Any:
        function = self.state.functions[r.existing_function_id]
        if r.function_data.ranked_functions:
            function.data, function.definition = r.function_data, r.function_data.ranked_functions[0].function
        else:
            function.data, function.definition = None, r.function
        function.definition.web_url = function.web_url
        return api_pb2.FunctionCreateResponse(
            function_id=function.id,
            function=r.function,
            function_data=function.ranked(),
            handle_metadata=self.state.handle(function),
        )

    @rpc
    async def ClassCreate(self, r: Any) -> Any:
        class_id = r.existing_class_id or self.state.new_id("cs")
        return api_pb2.ClassCreateResponse(class_id=class_id, handle_metadata=api_pb2.ClassHandleMetadata())

    @rpc
    async def FunctionGet(self, r: Any) -> Any:
        function_id = self._deployed(r.app_name, "functions").get(r.object_tag)
        if function_id is None:
            raise GRPCError(Status.NOT_FOUND, f"Function {r.app_name}/{r.object_tag} not found")
        function = self.state.functions[function_id]
        return api_pb2.FunctionGetResponse(
            function_id=function_id, handle_metadata=self.state.handle(function), function=function.ranked()
        )

    @rpc
    async def ClassGet(self, r: Any) -> Any:
        class_id = self._deployed(r.app_name, "classes").get(r.object_tag)
        if class_id is None:
            raise GRPCError(Status.NOT_FOUND, f"Class {r.app_name}/{r.object_tag} not found")
        return api_pb2.ClassGetResponse(class_id=class_id, handle_metadata=api_pb2.ClassHandleMetadata())

    def _deployed(self, app_name: str, kind: str) -> dict[str, str]:
        app_id = self.state.deployed.get(app_name, "")
        found: dict[str, str] = self.state.apps.get(app_id, {}).get(kind, {})
        return found

    @rpc
    async def FunctionBindParams(self, r: Any) -> Any:
        key = r.SerializeToString(deterministic=True)
        base = self.state.functions[r.function_id]
        if key not in self.state.bound:
            bound = Function(
                self.state.new_id("fu"),
                base.app_id,
                base.name,
                base.definition,
                base.data,
                base.request,
                r.serialized_params,
                r.function_options,
                base.id,
            )
            self.state.functions[bound.id] = bound
            self.state.bound[key] = bound.id
        bound = self.state.functions[self.state.bound[key]]
        bound.definition, bound.data, bound.crashes = base.definition, base.data, 0  # as deployed now
        return api_pb2.FunctionBindParamsResponse(bound_function_id=bound.id, handle_metadata=self.state.handle(bound))

    @rpc
    async def FunctionUpdateSchedulingParams(self, r: Any) -> Any:
        function = self.state.functions[r.function_id]
        if r.settings.HasField("max_containers"):
            function.max_containers = r.settings.max_containers
        return api_pb2.FunctionUpdateSchedulingParamsResponse(current_settings=r.settings)
