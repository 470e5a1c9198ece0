"""Everything the stand-in knows, and what it tells containers and clients about it."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from modal_proto import api_pb2

from tests.support.modal_cloud import packages
from tests.support.modal_cloud.things import Call, Container, Function, Input


class State:
    """One cloud.

    Args:
        root: folder for containers and volumes.
        secrets: named secrets and their variables.
        python: the interpreter containers run.
        isolation: what gives each container a /root and volumes of its own (see `isolation.py`); empty: it has neither.
    """

    def __init__(self, root: Path, secrets: dict[str, dict[str, str]], python: str, isolation: tuple[str, ...]) -> None:
        self.root, self.named_secrets, self.python, self.isolation = root, secrets, python, isolation
        self.ids = itertools.count(1)
        self.functions: dict[str, Function] = {}
        self.apps: dict[str, dict[str, Any]] = {}
        self.deployed: dict[str, str] = {}
        self.images: dict[str, Any] = {}
        self.mounts: dict[str, dict[str, str]] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.calls: dict[str, Call] = {}
        self.inputs: dict[str, Input] = {}
        self.containers: dict[str, Container] = {}
        self.bound: dict[bytes, str] = {}
        self.unimplemented: set[str] = set()
        self.logs: dict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self.admin = ""
        self._background: set[asyncio.Future[Any]] = set()

    def new_id(self, prefix: str) -> str:
        return f"{prefix}-{next(self.ids)}"

    def go(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Runs something nobody waits for."""
        task = asyncio.ensure_future(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # --- images and mounts ---

    def image_env(self, image_id: str) -> dict[str, str]:
        """The variables an image sets, those of the images below it included."""
        image = self.images.get(image_id)
        if image is None:
            return {}
        env: dict[str, str] = {}
        for base in image.base_images:
            env |= self.image_env(base.image_id)
        for line in image.dockerfile_commands:
            if line.startswith("ENV "):
                name, _, value = line[4:].partition("=")
                env[name] = value.strip("'\"")
        return env

    def image_packages(self, image_id: str) -> frozenset[packages.Wanted]:
        """What pip installs into an image, and into those below it."""
        image = self.images.get(image_id)
        if image is None:
            return frozenset()
        below = frozenset[packages.Wanted]().union(*(self.image_packages(base.image_id) for base in image.base_images))
        return below | packages.installed_by(image.dockerfile_commands)

    def image_mounts(self, image_id: str) -> list[str]:
        image = self.images.get(image_id)
        if image is None:
            return []
        found = [mount for base in image.base_images for mount in self.image_mounts(base.image_id)]
        return found + ([image.context_mount_id] if image.context_mount_id else [])

    # --- what others are told ---

    def handle(self, function: Function) -> api_pb2.FunctionHandleMetadata:
        """What a caller needs to know of a function."""
        d = function.definition or function.request
        found = api_pb2.FunctionHandleMetadata(
            function_name=function.name,
            function_type=d.function_type,
            web_url=function.web_url,
            definition_id=f"de-{function.id}",
            function_schema=d.function_schema,
            supported_input_formats=d.supported_input_formats,
            supported_output_formats=d.supported_output_formats,
            app_id=function.app_id,
        )
        if function.definition:
            found.class_parameter_info.CopyFrom(d.class_parameter_info)
        for name, method in d.method_definitions.items():
            found.method_handle_metadata[name].CopyFrom(
                api_pb2.FunctionHandleMetadata(
                    function_name=method.function_name,
                    function_type=method.function_type,
                    web_url=method.web_url,
                    is_method=True,
                    use_method_name=name,
                    function_schema=method.function_schema,
                    supported_input_formats=method.supported_input_formats,
                    supported_output_formats=method.supported_output_formats,
                    app_id=function.app_id,
                )
            )
        return found

    def layout(self, app_id: str) -> api_pb2.AppLayout:
        """An app's objects, for a container that looks its siblings up."""
        app = self.apps.get(app_id, {})
        layout = api_pb2.AppLayout(function_ids=app.get("functions", {}), class_ids=app.get("classes", {}))
        seen: set[str] = set()
        for function_id in layout.function_ids.values():
            function = self.functions[function_id]
            layout.objects.append(api_pb2.Object(object_id=function_id, function_handle_metadata=self.handle(function)))
            for needed in function.definition.object_dependencies:
                if needed.object_id in seen or needed.object_id in self.functions:
                    continue
                seen.add(needed.object_id)
                thing = api_pb2.Object(object_id=needed.object_id)
                if needed.object_id.startswith("vo-"):
                    thing.volume_metadata.CopyFrom(self.volumes[needed.object_id]["metadata"])
                layout.objects.append(thing)
        for class_id in layout.class_ids.values():
            layout.objects.append(api_pb2.Object(object_id=class_id, class_handle_metadata=api_pb2.ClassHandleMetadata()))
        return layout

    def dump(self) -> dict[str, Any]:
        """All of it as JSON, for tests."""
        return {
            "apps": self.apps,
            "deployed": self.deployed,
            "functions": {
                f.name if not f.base else f"{f.name}#{f.id}": _function(f) for f in self.functions.values() if f.definition
            },
            "images": {key: _plain(image) for key, image in self.images.items()},
            "mounts": {key: sorted(files) for key, files in self.mounts.items()},
            "secrets": {key: sorted(variables) for key, variables in self.secrets.items()},
            "volumes": {
                key: {"name": v["name"], "version": v["version"], "dir": str(v["dir"])} for key, v in self.volumes.items()
            },
            "calls": {call.id: self._call(call) for call in self.calls.values()},
            "containers": {c.id: _container(c) for c in self.containers.values()},
            "unimplemented": sorted(self.unimplemented),
        }

    def _call(self, call: Call) -> dict[str, Any]:
        inputs = [self.inputs[key] for key in call.inputs]
        return {
            "function": self.functions[call.function_id].name,
            "inputs": len(inputs),
            "unfinished": call.unfinished,
            "cancelled": call.cancelled,
            "retries": [item.retry for item in inputs],
            "lost": [item.lost for item in inputs],
        }


def _plain(message: Any) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)


def _function(function: Function) -> dict[str, Any]:
    d, data = function.definition, function.data
    return {
        "id": function.id,
        "app": function.app_id,
        "web_url": function.web_url,
        "base": function.base,
        "definition": _plain(d),
        "ranked": [_plain(ranked.function.resources) for ranked in data.ranked_functions] if data else [],
        "autoscaler": _plain(data.autoscaler_settings if data else d.autoscaler_settings),
        "max_containers_now": function.max_containers,
    }


def _container(container: Container) -> dict[str, Any]:
    process = container.process
    return {
        "function": container.function.name,
        "pid": process and process.pid,
        "exit": process and process.returncode,
        "draining": container.draining,
        "running": list(container.running),
        "most_at_once": container.most_at_once,
        "log": container.log[-60:],
    }
