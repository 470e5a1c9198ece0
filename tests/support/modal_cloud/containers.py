"""Scheduling: when a container starts, what it is given, what happens to its inputs when it fails or dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import grpclib.server
from modal._utils.grpc_utils import custom_detail_codec
from modal_proto import api_pb2

from tests.support.modal_cloud import packages, volumes
from tests.support.modal_cloud.state import State
from tests.support.modal_cloud.things import Call, Container, Function, Input

FAILED = api_pb2.GenericResult.GENERIC_STATUS_FAILURE
GRACE_S = 6.0
"""A container that was told to stop is killed after this."""
MOST_LOSSES = 8
BLOCKING_IS_AN_ERROR = "error:A blocking Modal interface is being used"
"""AsyncUsageWarning by its text: at the interpreter's start its class cannot be imported."""
CRASHES_BEFORE_GIVING_UP = 2
"""A container that cannot start fails its inputs after so many tries."""


async def submit(state: State, call: Call, idx: int, body: api_pb2.FunctionInput, kind: int) -> Input:
    item = Input(state.new_id("in"), call, idx, body, kind)
    state.inputs[item.id] = item
    call.inputs.append(item.id)
    call.unfinished += 1
    await enqueue(state, item)
    return item


async def enqueue(state: State, item: Input, *, front: bool = False) -> None:
    function = state.functions[item.call.function_id]
    async with function.arrived:
        (function.pending.appendleft if front else function.pending.append)(item)
        function.arrived.notify_all()
    await scale(state, function)


async def scale(state: State, function: Function) -> None:
    """Starts a container if the waiting inputs fit into none."""
    d = function.definition
    slots = d.target_concurrent_inputs or d.max_concurrent_inputs or d.batch_max_size or 1
    live = [container for container in function.containers.values() if not container.draining]
    free = sum(max(0, slots - len(container.running)) for container in live)
    if len(function.pending) > free and len(live) < function.most_containers():
        await start(state, function)


async def start(state: State, function: Function) -> None:
    """A process of Modal's own entry point, as it would start in a container."""
    from tests.support.modal_cloud.rpc import Service  # the service knows this module; a container's own service is one of it

    d = function.definition
    container = Container(state.new_id("ta"), function, Path())
    container.folder = state.root / "tasks" / container.id
    home = container.folder / "root"
    home.mkdir(parents=True)
    state.containers[container.id] = function.containers[container.id] = container
    for mount_id in [*state.image_mounts(d.image_id), *d.mount_ids]:
        _lay_out(state, mount_id, home)
    arguments = api_pb2.ContainerArguments(
        task_id=container.id,
        function_id=function.id,
        app_id=function.app_id,
        function_def=d,
        serialized_params=function.params,
        environment_name="main",
        app_layout=state.layout(function.app_id),
    )
    (container.folder / "arguments").write_bytes(arguments.SerializeToString())
    socket = container.folder / "sock"
    container.server = grpclib.server.Server([Service(state, container)], status_details_codec=custom_detail_codec)
    await container.server.start(path=str(socket))
    mounted = {path.stem for path in home.iterdir()}  # of any name: some packages bring a `tests` of theirs
    packages.hide(packages.absent(state.image_packages(d.image_id)) - mounted, container.folder / "hidden")
    command = [state.python, "-P", "-m", "modal._container_entrypoint"]
    volumes.mount(state, container)
    if state.isolation:
        command = [*state.isolation, "bash", "-c", _namespace(container, home), "container", *command]
    container.process = await asyncio.create_subprocess_exec(
        *command,
        env=_environment(state, container, home, socket),
        cwd=home,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    state.go(_watch(state, container))


def _lay_out(state: State, mount_id: str, home: Path) -> None:
    for name, sha in state.mounts.get(mount_id, {}).items():
        if name.startswith("/root/"):
            target = home / name.removeprefix("/root/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(state.files[sha])


def _environment(state: State, container: Container, home: Path, socket: Path) -> dict[str, str]:
    function = container.function
    root = "/root" if state.isolation else str(home)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": root,
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{root}{os.pathsep}{container.folder / 'hidden'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": BLOCKING_IS_AN_ERROR,
        **state.image_env(function.definition.image_id),
        "MODAL_SERVER_URL": f"unix://{socket}",
        "MODAL_TASK_ID": container.id,
        "MODAL_IS_REMOTE": "1",
        "MODAL_CONTAINER_ARGUMENTS_PATH": str(container.folder / "arguments"),
        "MODAL_ENVIRONMENT": "main",
        "MODAL_CLOUD_PROVIDER": "LOCAL",
        "MODAL_REGION": "local-1",
        "MODAL_LOGLEVEL": "WARNING",
    }
    for secret_id in [*function.definition.secret_ids, *(function.options.secret_ids if function.options else [])]:
        env |= state.secrets[secret_id]
    return env


def _namespace(container: Container, home: Path) -> str:
    """A script that shows the process its own /root and its volumes, and then becomes the process."""
    lines = ["set -e", f"cd '{home}'"]
    for prefix in {Path(found).resolve() for found in (sys.base_prefix, sys.prefix)}:
        if prefix.is_relative_to("/root"):  # the interpreter lives under /root, which is about to be covered
            inside = home / prefix.relative_to("/root")
            inside.mkdir(parents=True, exist_ok=True)
            lines.append(f"mount --rbind '{prefix}' '{inside}'")
    mounts = container.function.definition.volume_mounts
    if mounts:
        lines.append("mount -t tmpfs tmpfs /mnt")  # mount points are made there and leave nothing behind
    for mount in mounts:
        assert mount.mount_path.startswith("/mnt/"), "this stand-in mounts volumes below /mnt only"
        source = volumes.view(container, mount.volume_id) / mount.sub_path
        source.mkdir(parents=True, exist_ok=True)
        lines += [f"mkdir -p '{mount.mount_path}'", f"mount --bind '{source}' '{mount.mount_path}'"]
        if mount.read_only:
            lines.append(f"mount -o remount,bind,ro '{mount.mount_path}'")
    return "\n".join([*lines, f"mount --rbind '{home}' /root", "cd /root", 'exec "$@"'])


async def _watch(state: State, container: Container) -> None:
    """Keeps a container's log and takes care of its inputs when it is gone."""
    function = container.function
    async for line in container.process.stdout:
        text = line.decode(errors="replace")
        container.log.append(text)
        print(f"[{function.name} {container.id}] {text}", end="", flush=True)
        state.logs[function.app_id].put_nowait((container, text))
    code = await container.process.wait()
    volumes.commit_all(state, container)
    container.server.close()
    function.containers.pop(container.id, None)
    print(f"[{function.name} {container.id}] exited {code}", flush=True)
    for item in list(container.running.values()):
        item.lost += 1
        if item.call.web:  # half an answer cannot be given again
            await finish(state, item, _lost("The container is gone."))
        elif item.lost <= MOST_LOSSES:
            await enqueue(state, item, front=True)
    container.running.clear()
    if not container.draining and container.result is not None and container.result.status == FAILED:
        function.crashes += 1
        if function.crashes >= CRASHES_BEFORE_GIVING_UP:
            while function.pending:
                await finish(state, function.pending.popleft(), api_pb2.FunctionPutOutputsItem(result=container.result))
    if function.pending:
        await scale(state, function)


def _lost(why: str) -> api_pb2.FunctionPutOutputsItem:
    return api_pb2.FunctionPutOutputsItem(result=api_pb2.GenericResult(status=FAILED, exception=why))


async def finish(state: State, item: Input, out: api_pb2.FunctionPutOutputsItem) -> None:
    """An input's result: its last one, or a failure that its function's retries still cover."""
    policy = state.functions[item.call.function_id].definition.retry_policy
    if out.result.status == FAILED and item.retry < policy.retries and not item.call.cancelled:
        item.retry += 1
        await asyncio.sleep(min(0.2, policy.initial_delay_ms / 1000))
        await enqueue(state, item)
        return
    item.call.unfinished -= 1
    output = api_pb2.FunctionGetOutputsItem(
        result=out.result, idx=item.idx, input_id=item.id, data_format=out.data_format, retry_count=item.retry
    )
    await item.call.put("outputs", output)


async def stop(container: Container) -> None:
    """No more inputs; the process ends when it has finished those it has, or is killed after a while."""
    container.draining = True
    async with container.function.arrived:
        container.function.arrived.notify_all()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(container.process.wait(), GRACE_S)
    if container.alive:
        kill(container)


def kill(container: Container) -> None:
    os.killpg(container.process.pid, signal.SIGKILL)
