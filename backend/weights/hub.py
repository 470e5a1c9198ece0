"""Files of a pinned revision from a model hub: resumable, checked against the hub's own checksums, moved into place when whole.

Speaks the two calls of the Hugging Face hub that this needs (the listing of a revision, the file), to any server that offers them. Not a
cache: a file that is in place and has the right size and checksum is left alone. The trap: a hub's tag may move, so a revision is resolved
to a commit first, every file is taken from that commit, and the caller writes the commit down. Where a checksum of ours is known, it is
what counts, whatever the hub states.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from backend.errors import ConfigurationError, Unavailable
from backend.files import told_what_cannot_be_written

DEFAULT_ENDPOINT: Final = "https://huggingface.co"
_TIMEOUT_S: Final = 60.0
_ATTEMPTS: Final = 5
_CHUNK: Final = 1 << 20
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")

Progress = Callable[[str, int, int], None]
"""Called with file name, bytes so far, bytes in all."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a commit, with the checksum its hub states."""

    name: str
    size: int
    sha256: str | None
    """Of large files; small ones state the id of their git blob instead."""
    blob: str | None

    def matches(self, path: Path) -> bool:
        """Whether the file at `path` is this one, whole."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        if self.sha256:
            return _digest(path, hashlib.sha256()) == self.sha256
        # Identifies content, protects nothing: this is git's own name for a file.
        return self.blob is None or _digest(path, hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)) == self.blob


@dataclass(frozen=True, slots=True)
class Commit:
    """A revision, resolved."""

    repository: str
    commit: str
    files: dict[str, RemoteFile]


class Hub:
    """A model hub.

    Args:
        endpoint: base URL; None: HF_ENDPOINT, else the public hub. token: for gated repositories; None: HF_TOKEN, else none.

    Raises:
        ConfigurationError: the endpoint is no address.
    """

    def __init__(self, endpoint: str | None = None, token: str | None = None) -> None:
        base = endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        secret = token or os.environ.get("HF_TOKEN")
        self.endpoint = base.rstrip("/")
        if not _names_a_server(self.endpoint):
            raise ConfigurationError(f"{base} is not the address of a model hub, such as {DEFAULT_ENDPOINT}.")
        self._client = httpx.Client(
            timeout=_TIMEOUT_S, follow_redirects=True, headers={"Authorization": f"Bearer {secret}"} if secret else {}
        )

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def resolve(self, repository: str, revision: str) -> Commit:
        """What a branch, tag or commit stands for now, and its files.

        Raises:
            ConfigurationError: the hub does not know it, or does not let us in.
            Unavailable: no answer.
        """
        url = f"{self.endpoint}/api/models/{quote(repository)}/revision/{quote(revision, safe='')}"
        try:
            reply = self._client.get(url, params={"blobs": "true"})
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.endpoint} does not answer ({type(error).__name__}).") from error
        _check(reply, f"{repository} at {revision}")
        try:
            found: dict[str, Any] = reply.json()
            files = [_remote_file(entry) for entry in found["siblings"]]
            commit = Commit(repository, str(found["sha"]), {file.name: file for file in files})
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"{self.endpoint} does not answer as a model hub does.") from error
        if _COMMIT.fullmatch(revision) and commit.commit != revision:
            raise ConfigurationError(f"Asked for {repository} at {revision}, the hub answers with commit {commit.commit[:80]}.")
        return commit

    def fetch(self, commit: Commit, name: str, to: Path, progress: Progress | None = None, *, sha256: str | None = None) -> Path:
        """Brings one file of a commit to the path `to`; a download that was cut off goes on where it stopped.

        Args:
            sha256: what we know the file by; None: what the hub states counts.

        Raises:
            ConfigurationError: the commit has no such file, or it has another checksum than we know, or than the hub states; or the file
                cannot be written.
            Unavailable: the connection failed five times without getting further.
        """
        file = commit.files.get(name)
        if file is None:
            raise ConfigurationError(f"{commit.repository} at {commit.commit} has no file {name}.")
        if sha256 is not None:
            if file.sha256 not in (None, sha256):  # said before gigabytes are fetched
                raise ConfigurationError(f"{name} on {self.endpoint} is not the file we know (sha256 {sha256[:12]}...).")
            file = replace(file, sha256=sha256)
        with told_what_cannot_be_written(to):
            if not file.matches(to):
                url = f"{self.endpoint}/{quote(commit.repository)}/resolve/{quote(commit.commit)}/{quote(name)}"
                self._bring(url, to, to.with_name(f"{to.name}.{commit.commit[:12]}.partial"), file, progress)
        return to

    def _bring(self, url: str, to: Path, partial: Path, file: RemoteFile, progress: Progress | None) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        failures = 0
        while (have := partial.stat().st_size if partial.exists() else 0) < file.size or not partial.exists():
            try:
                self._go_on(url, partial, have, file, progress)
            except httpx.HTTPError as error:
                got = partial.stat().st_size if partial.exists() else 0
                failures = 0 if got > have else failures + 1
                if failures >= _ATTEMPTS:
                    raise Unavailable(
                        f"The download of {file.name} stopped at {got:,} of {file.size:,} bytes; run it again."
                    ) from error
        if not file.matches(partial):
            partial.unlink()
            raise ConfigurationError(f"{file.name} from {self.endpoint} has not the checksum it should have; it was thrown away.")
        partial.replace(to)

    def _go_on(self, url: str, partial: Path, have: int, file: RemoteFile, progress: Progress | None) -> None:
        with self._client.stream("GET", url, headers={"Range": f"bytes={have}-"} if have else {}) as reply:
            _check(reply, file.name)
            # A server that ignores the range sends the file from its beginning.
            with partial.open("ab" if reply.status_code == httpx.codes.PARTIAL_CONTENT else "wb") as out:
                for chunk in reply.iter_raw():
                    out.write(chunk)
                    if progress is not None:
                        progress(file.name, out.tell(), file.size)
                    if out.tell() > file.size:
                        raise ConfigurationError(f"The hub sends more bytes of {file.name} than it states.")
        if partial.stat().st_size < file.size:
            raise httpx.RemoteProtocolError("the body ended early")


def _names_a_server(address: str) -> bool:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    large = entry.get("lfs") or {}
    size = large.get("size", entry.get("size"))
    if not isinstance(size, int):
        raise TypeError("a file without a size")
    return RemoteFile(str(entry["rfilename"]), size, large.get("sha256"), entry.get("blobId") if not large else None)


def _check(reply: httpx.Response, what: str) -> None:
    if reply.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise ConfigurationError(f"The hub does not let us have {what}: accept its terms there and set HF_TOKEN.")
    if reply.status_code == httpx.codes.NOT_FOUND:
        raise ConfigurationError(f"The hub has no {what}.")
    if not reply.is_success:
        raise Unavailable(f"The hub answered {reply.status_code} for {what}.")


def _digest(path: Path, mark: Any) -> str:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            mark.update(chunk)
    return str(mark.hexdigest())
