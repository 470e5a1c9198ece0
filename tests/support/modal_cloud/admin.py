"""The admin's HTTP: what tests ask and do.

GET  /state               every definition, image, mount, call and container as JSON
POST /kill?function=X     SIGKILL to one busy container of X, as a preemption does at its end
POST /stop?function=X     X's containers stop gracefully
PUT, GET /blob/{id}       arguments and results that are too large for a message
"""

from __future__ import annotations

import asyncio
import hashlib

from aiohttp import web

from tests.support.modal_cloud import containers
from tests.support.modal_cloud.state import State


async def open_admin(state: State) -> None:
    async def show(_: web.Request) -> web.Response:
        return web.json_response(state.dump())

    async def kill(request: web.Request) -> web.Response:
        for container in state.containers.values():
            if container.function.name == request.query["function"] and container.running and container.alive:
                containers.kill(container)
                return web.json_response({"killed": container.id})
        return web.json_response({"killed": None})

    async def stop(request: web.Request) -> web.Response:
        found = [c for c in state.containers.values() if c.function.name == request.query["function"] and c.alive]
        await asyncio.gather(*map(containers.stop, found))
        return web.json_response({"stopped": [container.id for container in found]})

    async def put_blob(request: web.Request) -> web.Response:
        data = await request.read()
        state.blobs[request.match_info["id"]] = data
        return web.Response(headers={"ETag": f'"{hashlib.md5(data).hexdigest()}"'})

    async def get_blob(request: web.Request) -> web.Response:
        return web.Response(body=state.blobs[request.match_info["id"]])

    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/state", show)
    app.router.add_post("/kill", kill)
    app.router.add_post("/stop", stop)
    app.router.add_put("/blob/{id}", put_blob)
    app.router.add_get("/blob/{id}", get_blob)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    state.admin = f"http://127.0.0.1:{runner.addresses[0][1]}"
