"""What somebody with a browser relies on: drop pages, and they are heard."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.studio.conftest import PATIENCE_MS

SAMPLES = Path(__file__).parents[2] / "samples"

LEVEL = """async () => {
  const audio = document.getElementById("audio");
  const context = window.meter ??= new AudioContext();
  window.meterTap ??= context.createMediaElementSource(audio);
  const analyser = context.createAnalyser();
  window.meterTap.connect(analyser);
  analyser.connect(context.destination);
  await context.resume();
  const samples = new Float32Array(analyser.fftSize);
  let loudest = 0;
  for (let i = 0; i < 40; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    analyser.getFloatTimeDomainData(samples);
    loudest = Math.max(loudest, ...samples.map(Math.abs));
  }
  return loudest;
}"""


def narrate(studio: Page, pages: list[Path], direction: str = "rtl") -> None:
    studio.get_by_label("Choose pages").set_input_files(pages)
    studio.locator(f"input[name=direction][value={direction}]").check()
    studio.get_by_role("button", name="Narrate").click()


def until(studio: Page, expression: str, within_s: float = PATIENCE_MS / 1000) -> None:
    """Waits for a JavaScript condition; the page's own policy forbids the eval that Playwright's way of waiting uses."""
    give_up = time.monotonic() + within_s
    while not studio.evaluate(expression):
        assert time.monotonic() < give_up, f"not within {within_s} s: {expression}"
        studio.wait_for_timeout(50)


@pytest.fixture
def plays_hls(studio: Page) -> None:
    if not studio.evaluate("document.createElement('audio').canPlayType('application/vnd.apple.mpegurl')"):
        pytest.skip("This Chromium cannot play HTTP Live Streaming; 142 and newer can (Debian: apt-get install chromium).")


@pytest.mark.usefixtures("plays_hls")
def test_a_dropped_page_is_heard_and_its_lines_light_up(studio: Page) -> None:
    narrate(studio, [SAMPLES / "ja/page-06.png"])
    expect(studio.get_by_role("status").first).to_contain_text("1 of 1 pages done")
    until(studio, "document.getElementById('audio').currentTime > 0.5")
    before = studio.evaluate("document.getElementById('audio').currentTime")
    assert studio.evaluate(LEVEL) > 0.02, "what plays is silence"
    assert studio.evaluate("document.getElementById('audio').currentTime") > before + 0.5
    assert studio.locator("#lines button").count() == 4
    studio.locator("#lines button").nth(1).click()
    expect(studio.locator("#boxes div.heard")).to_have_count(1)
    expect(studio.locator("#lines button[aria-current=true]")).to_have_count(1)
    mark, picture = studio.locator("#boxes div.heard").bounding_box(), studio.locator("#picture").bounding_box()
    assert mark is not None
    assert picture is not None
    assert picture["x"] <= mark["x"]
    assert mark["x"] + mark["width"] <= picture["x"] + picture["width"]


@pytest.mark.usefixtures("plays_hls")
def test_the_page_turns_by_itself_when_it_has_been_heard(studio: Page) -> None:
    narrate(studio, [SAMPLES / "en/page-02.png", SAMPLES / "en/page-01.png"], "ltr")
    expect(studio.get_by_role("status").first).to_contain_text("2 of 2 pages done")
    until(studio, "document.getElementById('audio').duration > 1")
    studio.evaluate(
        "() => { const audio = document.getElementById('audio'); audio.currentTime = audio.duration - 0.4; audio.play(); }"
    )
    expect(studio.locator("#caption")).to_have_text("Page 2 of 2")
    until(studio, "document.getElementById('audio').currentTime > 0.3")


def test_arrow_keys_turn_pages_in_the_direction_of_the_book(studio: Page) -> None:
    narrate(studio, [SAMPLES / "ja/page-03.png", SAMPLES / "ja/page-04.png"])
    caption = studio.locator("#caption")
    expect(caption).to_contain_text("Page 1 of 2")
    studio.keyboard.press("ArrowLeft")
    expect(caption).to_contain_text("Page 2 of 2")
    studio.keyboard.press("ArrowRight")
    expect(caption).to_contain_text("Page 1 of 2")
    expect(studio.locator("#pages button[aria-current=page]")).to_have_count(1)


def test_a_file_that_is_no_picture_fails_alone_and_says_why(studio: Page, tmp_path: Path) -> None:
    broken = tmp_path / "page-00.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nand nothing more")
    narrate(studio, [broken, SAMPLES / "en/page-03.png"], "ltr")
    expect(studio.get_by_role("status").first).to_contain_text("2 of 2 pages done, 1 failed")
    expect(studio.locator("#pages li.error .state")).to_contain_text("failed:")
    expect(studio.get_by_role("button", name="Try page 1 again")).to_be_visible()
    expect(studio.locator("#pages li.ready")).to_have_count(1)


def test_everything_can_be_reached_and_named_without_a_mouse(studio: Page) -> None:
    unnamed = studio.evaluate(
        """() => [...document.querySelectorAll("button, input, a, progress")].filter((e) =>
            !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)"""
    )
    assert unnamed == []
    studio.keyboard.press("Tab")
    assert studio.evaluate("document.activeElement.textContent") == "Skip to the page"
    studio.keyboard.press("Tab")
    assert studio.evaluate("document.activeElement.id") == "files"
