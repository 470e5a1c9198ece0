"""A real-enough S3 for tests: moto keeps the objects, a gate before it checks signatures as S3 does (moto alone accepts forgeries).

The gate can also behave as badly as a store can: refuse everybody, answer 500 or 503, be slow.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.support.sigv4 import Denied, Received, check
from tests.support.valkey import free_port

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key-of-forty-characters-12345"
REGION = "eu-west-3"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Gate:
    """WSGI: lets correctly signed requests through to `store`."""

    def __init__(self, store: Callable[[Environ, StartResponse], Iterable[bytes]], secrets: Mapping[str, str]) -> None:
        self._store = store
        self.secrets = dict(secrets)
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.trouble: Denied | None = None
        """What every request is answered with while it is set."""
        self.delay_s = 0.0
        self.seen: list[tuple[str, str]] = []
        """Method and path of every request."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = _received(environ)
        self.seen.append((request.method, request.path))
        try:
            if self.delay_s:
                time.sleep(self.delay_s)
            if self.trouble is not None:
                raise self.trouble
            if request.method != "OPTIONS":  # a browser's preflight is never signed
                check(request, self.secrets, self.now())
        except Denied as denied:
            return _refusal(denied, start_response)
        return self._store(environ, start_response)


def _received(environ: Environ) -> Received:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(body)
    headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    for name, variable in (("content-type", "CONTENT_TYPE"), ("content-length", "CONTENT_LENGTH")):
        if environ.get(variable):
            headers[name] = environ[variable]
    path, _, query = (environ.get("RAW_URI") or environ["REQUEST_URI"]).partition("?")
    return Received(environ["REQUEST_METHOD"], path, query, headers, body)


def _refusal(denied: Denied, start_response: StartResponse) -> list[bytes]:
    text = f"<Error><Code>{denied.code}</Code><Message>{denied.message}</Message></Error>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body))), ("Access-Control-Allow-Origin", "*")]
    start_response(denied.status, headers)
    return [body]


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        pass


class S3:
    """The running service. `url` is what BUCKET_URL would be."""

    def __init__(self) -> None:
        self.gate = Gate(DomainDispatcherApplication(create_backend_app), {ACCESS_KEY: SECRET_KEY})
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = make_server("127.0.0.1", self.port, self.gate, threaded=True, request_handler=_QuietHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="s3", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def client(self) -> Any:
        """A boto3 client with the right to everything, for what a test sets up or looks at."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(signature_version="s3v4", retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )

    def make_bucket(self, name: str) -> None:
        client = self.client()
        try:
            client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        finally:
            client.close()

    def give_trouble(self, status: str = "503 Slow Down", code: str = "SlowDown") -> None:
        """Every request is answered with `status` from now on."""
        self.gate.trouble = Denied(code, "the test says so", status)

    def behave(self) -> None:
        self.gate.trouble = None
        self.gate.delay_s = 0.0

    @contextmanager
    def in_trouble(self, status: str = "503 Slow Down") -> Iterator[None]:
        """Every request in the block is answered with `status`."""
        self.give_trouble(status)
        try:
            yield
        finally:
            self.behave()
