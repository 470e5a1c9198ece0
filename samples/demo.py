"""`make demo`: starts the service on a free port, narrates the sample chapters through HTTP, and says where the sound is.

    python -m samples.demo [--out FOLDER] [--url http://service]

Writes FOLDER/ja/page-01/index.m3u8 with its segments, cues.json and captions.vtt, and FOLDER/ja.m4b, one file with a chapter
mark for every page; the same for en. With --url it asks a service that runs already and starts none.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backend.books.m4b import write_m4b
from samples.client import HeardPage, Record, narrate

HERE = Path(__file__).resolve().parent
CHAPTERS = (("ja", "rtl", "声のする本"), ("en", "ltr", "The letter"))
START_WITHIN_S = 60.0
"""Until the port listens; the engines load afterwards."""


def main(out: Path, url: str | None) -> None:
    console = Console()
    with contextlib.ExitStack() as stack:
        if url is None:
            url = stack.enter_context(service(out))
            console.print(f"The service listens on {url} (its log: {out / 'service.log'}).")
        http = stack.enter_context(httpx.Client(base_url=url, timeout=60.0))
        for lang, direction, title in CHAPTERS:
            began = time.monotonic()
            pages = narrated(http, console, lang, direction, title)
            if not pages:
                sys.exit(f"No page of {title} was narrated; the service's log says why.")
            book, seconds = keep(out, lang, title, pages)
            took = time.monotonic() - began
            lines = sum(len(page.cues["cues"]) for page in pages)
            console.print(f"  {len(pages)} pages, {lines} lines, {seconds:.0f} s of sound in {took:.0f} s")
            console.print(f"  a file per page   {out / lang}/page-01/index.m3u8 ...")
            console.print(f"  all in one file   [bold]{book}[/bold]\n", highlight=False)


@contextlib.contextmanager
def service(out: Path, module: str = "uvicorn", **variables: str) -> Iterator[str]:
    """The service as a process of its own on a free port; ends with the block. Its log is `out`/service.log.

    Args:
        module: what runs it, with uvicorn's arguments.
        variables: settings for its environment.

    Raises:
        SystemExit: it did not begin to listen.
    """
    out.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", module, "backend.server:app", "--port", str(port), "--timeout-graceful-shutdown", "5"]
    with (out / "service.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            cwd=HERE.parent,
            env=os.environ | {"DATA_DIR": str((out / "store").resolve())} | variables,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        if not _listens(url, process):
            last = "\n".join((out / "service.log").read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
            sys.exit(f"The service did not start. The end of {out / 'service.log'}:\n{last}")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(url: str, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + START_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/healthz").is_success
        time.sleep(0.1)
    return False


def narrated(http: httpx.Client, console: Console, lang: str, direction: str, title: str) -> list[HeardPage]:
    """One chapter through the API, with a progress bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}"),
    )
    pages = sorted((HERE / lang).glob("page-*.png"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=len(pages), now="waiting for the engines")

        def show(name: str, data: Record) -> None:
            if name == "progress":
                progress.update(task, completed=data["done"])
            elif name == "page_status" and data["state"] in ("extracting", "tts"):
                doing = "reading" if data["state"] == "extracting" else "voicing"
                progress.update(task, now=f"{doing} page {data['index'] + 1}")
            elif name == "page_status" and data["state"] == "error":
                console.print(f"Page {data['index'] + 1} failed: {data.get('reason', 'no reason given')}")
            elif name == "job_done":
                progress.update(task, now="done" if data["ok"] else "done, not all pages are well")

        return narrate(http, pages, direction, show)


def keep(out: Path, lang: str, title: str, pages: list[HeardPage]) -> tuple[Path, float]:
    """Writes every page's files and the whole chapter as one audio book; returns that and its seconds."""
    chapters = []
    rate = 0
    for page in pages:
        folder = out / lang / f"page-{page.record['index'] + 1:02}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in page.files.items():
            (folder / Path(name).name).write_bytes(data)
        (folder / "cues.json").write_text(json.dumps(page.cues, ensure_ascii=False, indent=1), encoding="utf-8")
        (folder / "captions.vtt").write_text(page.captions, encoding="utf-8")
        samples, rate = decoded(page.sound)
        chapters.append((f"Page {page.record['index'] + 1}", samples))
    book = out / f"{lang}.m4b"
    return book, write_m4b(book, chapters, rate, {"title": title, "album": title, "artist": "Tanoshi Narration"})


def decoded(sound: bytes) -> tuple[NDArray[np.float32], int]:
    """Mono samples and their rate in Hz."""
    with av.open(io.BytesIO(sound), "r") as container:
        stream = container.streams.audio[0]
        frames = [frame.to_ndarray().mean(axis=0) for frame in container.decode(stream)]
        return np.concatenate(frames).astype(np.float32), stream.rate


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Narrates the sample chapters through HTTP.")
    parser.add_argument("--out", type=Path, default=Path("demo-output"), help="folder for the sound (default: %(default)s)")
    parser.add_argument("--url", help="a service that runs already")
    arguments = parser.parse_args()
    main(arguments.out, arguments.url)
