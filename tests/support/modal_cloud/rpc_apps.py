"""Apps and what they are made of: mounts, images, secrets, volumes, blobs."""

# ruff: noqa: N802 - these are names of Modal's protocol

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from tests.support.modal_cloud import containers, volumes
from tests.support.modal_cloud.rpc import Part, rpc

BUILDER = "2025.06"
OK = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS


class Apps(Part):
    @rpc
    async def ClientHello(self, r: Any) -> Any:
        return api_pb2.ClientHelloResponse()

    @rpc
    async def EnvironmentGetOrCreate(self, r: Any) -> Any:
        settings = api_pb2.EnvironmentSettings(image_builder_version=BUILDER, webhook_suffix="")
        metadata = api_pb2.EnvironmentMetadata(name=r.deployment_name or "main", settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(environment_id="en-1", metadata=metadata)

    @rpc
    async def AppGetByDeploymentName(self, r: Any) -> Any:
        return api_pb2.AppGetByDeploymentNameResponse(app_id=self.state.deployed.get(r.name, ""), environment_name="main")

    @rpc
    async def AppGetOrCreate(self, r: Any) -> Any:
        if r.app_name not in self.state.deployed:
            self.state.deployed[r.app_name] = self.state.new_id("ap")
        return api_pb2.AppGetOrCreateResponse(app_id=self.state.deployed[r.app_name])

    @rpc
    async def AppCreate(self, r: Any) -> Any:
        app_id = self.state.new_id("ap")
        app = {"name": r.description, "state": api_pb2.AppState.Name(r.app_state), "functions": {}, "classes": {}}
        self.state.apps[app_id] = app
        return api_pb2.AppCreateResponse(app_id=app_id, app_page_url=f"{self.state.admin}/state", app_logs_url=self.state.admin)

    @rpc
    async def AppGetLayout(self, r: Any) -> Any:
        return api_pb2.AppGetLayoutResponse(app_layout=self.state.layout(r.app_id))

    @rpc
    async def AppPublish(self, r: Any) -> Any:
        app = self.state.apps.setdefault(r.app_id, {})
        app |= {
            "name": r.name or app.get("name", ""),
            "state": api_pb2.AppState.Name(r.app_state),
            "functions": dict(r.function_ids),
            "classes": dict(r.class_ids),
        }
        if r.name:
            self.state.deployed[r.name] = r.app_id
        for container in list(self.state.containers.values()):  # a new version replaces running containers
            if container.function.app_id == r.app_id and container.alive:
                self.state.go(containers.stop(container))
        for function_id in r.function_ids.values():
            function = self.state.functions[function_id]
            function.crashes = 0
            function.max_containers = None
            for _ in range(function.definition.warm_pool_size):
                await containers.start(self.state, function)
        return api_pb2.AppPublishResponse(url=f"{self.state.admin}/state", deployed_at=time.time())

    @rpc
    async def TaskList(self, r: Any) -> Any:
        live = [c for c in self.state.containers.values() if c.function.app_id == r.app_id and c.alive]
        return api_pb2.TaskListResponse(
            tasks=[api_pb2.TaskStats(task_id=c.id, app_id=r.app_id, started_at=c.started) for c in live]
        )

    @rpc
    async def AppHeartbeat(self, r: Any) -> Any:
        return None

    @rpc
    async def AppClientDisconnect(self, r: Any) -> Any:
        live = [c for c in self.state.containers.values() if c.function.app_id == r.app_id and c.alive]
        await asyncio.gather(*map(containers.stop, live))
        self.state.logs[r.app_id].put_nowait(None)

    @rpc
    async def AppStop(self, r: Any) -> Any:
        return None

    async def AppGetLogs(self, stream: Any) -> None:
        r = await stream.recv_message()
        queue = self.state.logs[r.app_id]
        for number in itertools.count(1):
            entry = await queue.get()
            if entry is None:
                await stream.send_message(api_pb2.TaskLogsBatch(app_done=True))
                return
            container, text = entry
            line = api_pb2.TaskLogs(data=text, file_descriptor=api_pb2.FILE_DESCRIPTOR_STDOUT, timestamp=time.time())
            await stream.send_message(
                api_pb2.TaskLogsBatch(
                    entry_id=f"{number}-0", task_id=container.id, function_id=container.function.id, items=[line]
                )
            )


class Objects(Part):
    @rpc
    async def MountGetOrCreate(self, r: Any) -> Any:
        mount_id = f"mo-{r.deployment_name}" if r.deployment_name else self.state.new_id("mo")
        self.state.mounts[mount_id] = {file.filename: file.sha256_hex for file in r.files}
        metadata = api_pb2.MountHandleMetadata(content_checksum_sha256_hex="0" * 64)
        return api_pb2.MountGetOrCreateResponse(mount_id=mount_id, handle_metadata=metadata)

    @rpc
    async def MountPutFile(self, r: Any) -> Any:
        if r.WhichOneof("data_oneof") == "data_blob_id":
            self.state.files[r.sha256_hex] = self.state.blobs[r.data_blob_id]
        elif r.WhichOneof("data_oneof") == "data":
            self.state.files[r.sha256_hex] = r.data
        return api_pb2.MountPutFileResponse(exists=r.sha256_hex in self.state.files)

    @rpc
    async def MountBatchedCheckExistence(self, r: Any) -> Any:
        missing = [sha for sha in r.sha256_hex_hashes if sha not in self.state.files]
        return api_pb2.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    @rpc
    async def ImageGetOrCreate(self, r: Any) -> Any:
        content = r.image.SerializeToString(deterministic=True) + r.build_function_id.encode()
        image_id = "im-" + hashlib.sha256(content).hexdigest()[:12]
        self.state.images[image_id] = r.image
        return api_pb2.ImageGetOrCreateResponse(
            image_id=image_id,
            metadata=api_pb2.ImageMetadata(image_builder_version=r.builder_version),
            result=api_pb2.GenericResult(status=OK),
        )

    async def ImageJoinStreaming(self, stream: Any) -> None:
        await stream.recv_message()
        metadata = api_pb2.ImageMetadata(image_builder_version=BUILDER)
        await stream.send_message(api_pb2.ImageJoinStreamingResponse(result=api_pb2.GenericResult(status=OK), metadata=metadata))

    @rpc
    async def SecretGetOrCreate(self, r: Any) -> Any:
        if r.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
            if r.deployment_name not in self.state.named_secrets:
                raise GRPCError(Status.NOT_FOUND, f"Secret '{r.deployment_name}' not found in environment 'main'")
            env = self.state.named_secrets[r.deployment_name]
            missing = [key for key in r.required_keys if key not in env]
            if missing:
                raise GRPCError(Status.FAILED_PRECONDITION, f"Secret is missing key(s): {', '.join(missing)}")
            secret_id = f"st-{r.deployment_name}"
        else:
            env, secret_id = dict(r.env_dict), self.state.new_id("st")
            if r.deployment_name:
                self.state.named_secrets[r.deployment_name] = env
        self.state.secrets[secret_id] = dict(env)
        return api_pb2.SecretGetOrCreateResponse(secret_id=secret_id, metadata=api_pb2.SecretMetadata(name=r.deployment_name))

    @rpc
    async def VolumeGetOrCreate(self, r: Any) -> Any:
        name = r.deployment_name or self.state.new_id("anon")
        volume_id = f"vo-{name}"
        if volume_id not in self.state.volumes:
            if r.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
                raise GRPCError(Status.NOT_FOUND, f"Volume '{name}' not found")
            folder = self.state.root / "volumes" / name
            folder.mkdir(parents=True, exist_ok=True)
            metadata = api_pb2.VolumeMetadata(version=r.version, name=name)
            self.state.volumes[volume_id] = {"name": name, "version": r.version, "dir": folder, "metadata": metadata}
        volume = self.state.volumes[volume_id]
        return api_pb2.VolumeGetOrCreateResponse(volume_id=volume_id, version=volume["version"], metadata=volume["metadata"])

    @rpc
    async def VolumeCommit(self, r: Any) -> Any:
        assert self.container is not None
        volumes.commit(self.state, self.container, r.volume_id)
        return api_pb2.VolumeCommitResponse()

    @rpc
    async def VolumeReload(self, r: Any) -> Any:
        assert self.container is not None
        volumes.reload(self.state, self.container, r.volume_id)

    @rpc
    async def BlobCreate(self, r: Any) -> Any:
        blob = self.state.new_id("bl")
        url = f"{self.state.admin}/blob/{blob}"
        return api_pb2.BlobCreateResponse(
            blob_id=blob, upload_url=url, blob_ids=[blob], upload_urls=api_pb2.UploadUrlList(items=[url])
        )

    @rpc
    async def BlobGet(self, r: Any) -> Any:
        return api_pb2.BlobGetResponse(download_url=f"{self.state.admin}/blob/{r.blob_id}")
