"""A running service and a real browser. Where there is no browser, the tests say how to install one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
]
START_WITHIN_S = 60


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with the fast synthesizer, in a process of its own: the browser's driver would block our loop."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    folder = tmp_path_factory.mktemp("service")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "backend.server:app", "--port", str(port), "--timeout-graceful-shutdown", "2"],
            cwd=ROOT,
            env=os.environ | {"DATA_DIR": str(folder / "data"), "SYNTHESIZER": "draft", "RATE_LIMIT_START_MAX": "0"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + START_WITHIN_S
        while True:
            try:
                httpx.get(f"{url}/healthz").raise_for_status()
                break
            except httpx.TransportError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until, (folder / "log").read_text()
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip("No Chromium here (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(executable_path=executable, args=QUIET_FLAGS)
        except Error as error:
            pytest.skip(f"{executable} does not start here: {error.message.splitlines()[0]}")
        yield found
        found.close()


def _is_complaint(message: ConsoleMessage) -> bool:
    # A refused upload is reported by the browser, too; what the page makes of it is what a test looks at.
    return message.type == "error" and not message.text.startswith("Failed to load resource")


@pytest.fixture
def studio(browser: Browser, service: str) -> Iterator[Page]:
    """The open web page. Whatever it complains about in its console fails the test."""
    complaints: list[str] = []
    with browser.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if _is_complaint(message) else None)
        page.goto(service)
        yield page
    assert not complaints
