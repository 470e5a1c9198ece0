"""A model hub on a free port: the listing of a revision and its files, with ranges, wrong checksums and cut connections on request."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class LocalHub:
    """What the hub holds and how it misbehaves. `repositories`: "owner/name" -> file name -> bytes."""

    repositories: dict[str, dict[str, bytes]]
    commit: str = "c0ffee" + "0" * 34
    large: int = 1 << 16
    """Files of this size and more have a sha256, smaller ones a git blob id."""
    cut_after: int | None = None
    """The next file reply ends after this many bytes; then the hub behaves again."""
    ranges: bool = True
    lie: set[str] = field(default_factory=set)
    """Files whose stated checksum is wrong."""
    gone: set[str] = field(default_factory=set)
    """Repositories that are gated."""
    url: str = ""
    served: list[tuple[str, int]] = field(default_factory=list)
    """(file name, first byte) of each file reply."""

    def listing(self, repository: str) -> dict[str, Any]:
        return {"sha": self.commit, "siblings": [self._entry(*item) for item in self.repositories[repository].items()]}

    def _entry(self, name: str, content: bytes) -> dict[str, Any]:
        shown = content + b"!" if name in self.lie else content
        if len(content) >= self.large:
            return {"rfilename": name, "lfs": {"sha256": hashlib.sha256(shown).hexdigest(), "size": len(content)}}
        blob = hashlib.sha1(b"blob %d\0" % len(content) + shown).hexdigest()
        return {"rfilename": name, "size": len(content), "blobId": blob}


@contextmanager
def local_hub(repositories: dict[str, dict[str, bytes]]) -> Iterator[LocalHub]:
    """Runs a hub until the block ends."""
    hub = LocalHub(repositories)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = self.path.split("?")[0].strip("/").split("/")
            if parts[:2] == ["api", "models"]:
                self._list("/".join(parts[2:4]))
            else:
                self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))

        def _list(self, repository: str) -> None:
            if repository in hub.gone:
                self._send(403, b"{}")
            elif repository not in hub.repositories:
                self._send(404, b"{}")
            else:
                self._send(200, json.dumps(hub.listing(repository)).encode())

        def _file(self, repository: str, commit: str, name: str) -> None:
            content = hub.repositories.get(repository, {}).get(name)
            if content is None or commit != hub.commit:
                self._send(404, b"")
                return
            wanted = self.headers.get("Range")
            first = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted and hub.ranges else 0
            hub.served.append((name, first))
            self._send(206 if first else 200, content[first:])

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut, hub.cut_after = (hub.cut_after, None) if len(body) > (hub.cut_after or 0) else (None, hub.cut_after)
            self.wfile.write(body if cut is None else body[:cut])
            if cut is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
