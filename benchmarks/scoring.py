"""Measures of a page reading against a page with known text: recall, character error rate, bubbles whole, order.

Truth is {"direction": "rtl" | "ltr", "blocks": [{"box": [x, y, w, h], "text", "kind"}]}, blocks in reading order; sound effects
are left out, as a reading that is meant to be spoken leaves them out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.language.distance import edits

PAD_PX = 8
"""A truth box is this much larger than drawn: what the ink covers and what an editor drew differ by a few pixels."""


@dataclass(frozen=True, slots=True)
class SpokenBox:
    """A box of a reading: corners x0, y0, x1, y1 in pixels, and its words."""

    box: tuple[float, float, float, float]
    text: str


@dataclass(frozen=True, slots=True)
class PageScore:
    """Counts of one page. `tau` is Kendall's, over the blocks that were found; None with fewer than two."""

    blocks: int
    found: int
    errors: int
    characters: int
    whole: int
    stray: int
    tau: float | None


def fold(text: str) -> str:
    """The letters and digits a listener would hear: width, case, punctuation and the length of a long mark do not count."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    if re.search(r"[\u3040-\u30ff]", text):
        text = re.sub(r"[〜~–―─—-]", "ー", text)
    return re.sub("ー+", "ー", re.sub(r"[^\w]|_", "", text))


def share_inside(box: Sequence[float], block: Sequence[float]) -> float:
    """Share of `box` (x0, y0, x1, y1) that lies in the padded `block` (x, y, w, h)."""
    x0, y0 = block[0] - PAD_PX, block[1] - PAD_PX
    x1, y1 = block[0] + block[2] + PAD_PX, block[1] + block[3] + PAD_PX
    width, height = min(box[2], x1) - max(box[0], x0), min(box[3], y1) - max(box[1], y0)
    area = max(1.0, (box[2] - box[0]) * (box[3] - box[1]))
    return max(0.0, width) * max(0.0, height) / area


def kendall_tau(order: Sequence[int]) -> float | None:
    pairs = [(a, b) for i, a in enumerate(order) for b in order[i + 1 :]]
    return sum(1 if a < b else -1 for a, b in pairs) / len(pairs) if pairs else None


def score_page(truth: dict[str, Any], boxes: Sequence[SpokenBox]) -> PageScore:
    """Scores the boxes to be spoken, in reading order. A missed block counts with all its characters."""
    blocks = [block for block in truth["blocks"] if block["kind"] != "sfx" and fold(block["text"])]
    found: dict[int, list[int]] = {}
    stray = 0
    for k, box in enumerate(boxes):
        share, i = max(((share_inside(box.box, block["box"]), i) for i, block in enumerate(blocks)), default=(0.0, -1))
        if share > 0.4:
            found.setdefault(i, []).append(k)
        else:
            stray += 1
    errors = characters = whole = 0
    for i, block in enumerate(blocks):
        want = fold(block["text"])
        got = fold("".join(boxes[k].text for k in found.get(i, [])))
        wrong = min(edits(want, got), len(want)) if got else len(want)
        errors, characters = errors + wrong, characters + len(want)
        whole += len(found.get(i, [])) == 1 and wrong <= 0.1 * len(want)
    return PageScore(len(blocks), len(found), errors, characters, whole, stray, kendall_tau(list(found)))


def summary(scores: Iterable[PageScore]) -> dict[str, float]:
    """Totals of many pages; "exact" is the share of pages in perfect order, "stray" the boxes per page on no block."""
    pages = list(scores)
    taus = [page.tau for page in pages if page.tau is not None]
    blocks = max(1, sum(page.blocks for page in pages))
    return {
        "pages": len(pages),
        "blocks": sum(page.blocks for page in pages),
        "recall": sum(page.found for page in pages) / blocks,
        "cer": sum(page.errors for page in pages) / max(1, sum(page.characters for page in pages)),
        "whole": sum(page.whole for page in pages) / blocks,
        "tau": sum(taus) / max(1, len(taus)),
        "exact": sum(tau == 1 for tau in taus) / max(1, len(taus)),
        "stray": sum(page.stray for page in pages) / max(1, len(pages)),
    }
