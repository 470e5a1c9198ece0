"""HTTP in front of web functions: a request becomes an input, and what the function sends becomes the reply."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from modal._serialization import deserialize_data_format, serialize_data_format
from modal_proto import api_pb2

from tests.support.modal_cloud.containers import submit
from tests.support.modal_cloud.state import State
from tests.support.modal_cloud.things import Call, Function

ASGI = api_pb2.DATA_FORMAT_ASGI
CHUNK_BYTES = 1 << 20


async def open_port(state: State, function: Function) -> None:
    """Gives a web function an address of its own."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{tail:.*}", lambda request: _answer(state, function, request))
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    function.web_url = f"http://127.0.0.1:{runner.addresses[0][1]}"


async def _answer(state: State, function: Function, request: web.Request) -> web.StreamResponse:
    call = Call(state.new_id("fc"), function.id, web=True)
    state.calls[call.id] = call
    body = await request.read()
    for at in range(0, max(len(body), 1), CHUNK_BYTES):
        more = at + CHUNK_BYTES < len(body)
        await _say(call, {"type": "http.request", "body": body[at : at + CHUNK_BYTES], "more_body": more})
    arguments = serialize_data_format(((_scope(request),), {}), api_pb2.DATA_FORMAT_PICKLE)
    item = api_pb2.FunctionInput(args=arguments, data_format=api_pb2.DATA_FORMAT_PICKLE)
    await submit(state, call, 0, item, api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC)
    try:
        return await _reply(state, call, request)
    except (ConnectionResetError, asyncio.CancelledError):
        await _say(call, {"type": "http.disconnect"})
        raise


def _scope(request: web.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "query_string": request.query_string.encode(),
        "headers": [(key.lower(), value) for key, value in request.raw_headers],
        "client": ("127.0.0.1", 0),
    }


async def _reply(state: State, call: Call, request: web.Request) -> web.StreamResponse:
    response: web.StreamResponse | None = None
    at = 0
    while True:
        await call.ready(lambda at=at: len(call.data_out) > at or call.outputs)
        if len(call.data_out) <= at:
            result = call.outputs[0].result
            if response is None:
                return web.Response(status=500, text=f"modal-http: {result.exception or 'no response'}\n{result.traceback}")
            assert request.transport is not None
            request.transport.abort()  # the reader of half an answer must not take it for a whole one
            return response
        chunk, at = call.data_out[at], at + 1
        message = deserialize_data_format(chunk.data or state.blobs[chunk.data_blob_id], chunk.data_format, None)
        if message["type"] == "http.response.start":
            response = web.StreamResponse(status=message["status"])
            for key, value in message["headers"]:
                if key.lower() != b"transfer-encoding":
                    response.headers.add(key.decode(), value.decode())
            await response.prepare(request)
        elif message["type"] == "http.response.body":
            assert response is not None
            await response.write(message["body"])
            if not message.get("more_body"):
                await response.write_eof()
                return response


async def _say(call: Call, message: dict[str, Any]) -> None:
    data = serialize_data_format(message, ASGI)
    await call.put("data_in", api_pb2.DataChunk(data_format=ASGI, data=data, index=len(call.data_in) + 1))
