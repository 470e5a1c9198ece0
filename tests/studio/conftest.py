"""A running service and a real browser. Where there is no browser, the tests say how to install one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

from samples import demo

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 60_000
"""How long anything on the page may take to come about: what is waited for here ends as soon as it is there."""
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


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with the fast synthesizer, in a process of its own: the browser's driver would block our loop."""
    with demo.service(tmp_path_factory.mktemp("service"), SYNTHESIZER="draft", RATE_LIMIT_START_MAX="0") as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the whole session: the driver keeps an event loop running in this thread, and async tests would find it there.
    """Ends with its module: while Playwright's synchronous driver lives, no other test can run an event loop in this thread."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip("No Chromium here (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(executable_path=executable, args=QUIET_FLAGS)
        except Error as error:
            found_out = f"{executable} does not start here: {error.message.splitlines()[0]}"
            pytest.skip(f"{found_out} (its own words: {executable} --headless --no-sandbox; Debian: apt-get install chromium)")
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
        context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if _is_complaint(message) else None)
        page.goto(service)
        yield page
    assert not complaints
