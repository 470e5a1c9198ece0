"""The network at work: prepared pages in, everything it finds on them out, words excepted. Synchronous; runs in the reader's one thread.

Numbers cross from the device three times a batch (objects, crop embeddings, words) and every decision is made on the CPU in float32. Pages
share a batch only if they are shown at exactly one size, because padding changes a page's numbers: a page reads the same whoever its
neighbours are, so a reading can be cached by the page alone. `pad_together` gives that up and pads, as the reference does, to be compared
with it; then an image of two pages is ordered as one, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from backend.readers.base import Box, Direction
from backend.readers.magi import detections, links, order, pixels
from backend.readers.magi.network import Network
from backend.readers.magi.tiles import Floats, Objects, Prepared, joined, prepare

__all__ = ["Engine", "Found", "Objects", "Prepared", "prepare"]

SPECIAL_TOKENS = 5
"""Queries at the end that are no objects; of them the first two describe the page to the pair heads."""


@dataclass(frozen=True, slots=True)
class Found:
    """Everything on a page but its words. Panels and texts are in reading order; boxes are clipped to the page; every one has a score."""

    width: int
    height: int
    panels: list[Box]
    panel_scores: list[float]
    texts: list[Box]
    text_scores: list[float]
    text_panels: list[int | None]
    essential: list[float]
    """Logit per text; `links.ESSENTIAL_LOGIT` decides."""
    characters: list[Box]
    character_scores: list[float]
    embeddings: Floats
    """(characters, width), not unit length."""
    same: Floats
    """(characters, characters) probability of being one person."""
    clusters: list[int]
    tails: list[Box]
    tail_scores: list[float]
    speakers: list[tuple[int | None, float]]
    """Per text: index of the character and probability; None below the threshold, with the best probability."""
    text_tails: list[tuple[int | None, float]]
    speaker_table: Floats
    """(texts, characters) probability of every pair; `tail_table` likewise for (texts, tails)."""
    tail_table: Floats
    text_bounds: list[tuple[int, int, int, int]]
    """Whole pixels each text is cut out at."""


class Engine:
    """Batches for one network.

    Args:
        page_batch, crop_batch: most pages (or tiles of strips) and figure crops that go through the device at once.
    """

    def __init__(self, network: Network, page_batch: int = 8, crop_batch: int = 64, pad_together: bool = False) -> None:
        self.network = network
        self.page_batch, self.crop_batch = page_batch, crop_batch
        self.pad_together = pad_together
        self._reference: torch.Tensor | None = None

    def find(self, pages: Sequence[Prepared], direction: Sequence[Direction]) -> list[Found]:
        """Detects, embeds and links; one result a page.

        Raises:
            ArithmeticError: the detector's numbers for a page are none.
        """
        objects = self.detect(pages)
        kept = [
            detections.keep(found.logits, detections.corners(found.boxes, page.image.width, page.image.height))
            for page, found in zip(pages, objects, strict=True)
        ]
        crops = [
            pixels.cut(
                page.image, pixels.crop_bounds(tuple(box), page.image.width, page.image.height), self.network.sizes.crops.image
            )
            for page, here in zip(pages, kept, strict=True)
            for box in here.boxes[here.characters].tolist()
        ]
        embeddings = self.embed(crops)
        ends = np.cumsum([len(here.characters) for here in kept])
        shares = np.split(embeddings, ends[:-1]) if kept else []
        return [self._link(*parts) for parts in zip(pages, objects, kept, shares, direction, strict=True)]

    @torch.inference_mode()
    def detect(self, pages: Sequence[Prepared]) -> list[Objects]:
        """Runs the detector over pages of any sizes, in the order given.

        Raises:
            ArithmeticError: its numbers for a page, or a tile of one, are none.
        """
        found = self._detect([shown for page in pages for shown in page.shown_tiles])
        if any(len(one.boxes) and not np.isfinite(one.boxes).any() for one in found):
            # Half precision has overflowed, or the device is broken. Such a page, or tile, would look like one on which nothing is.
            raise ArithmeticError("The detector gave no finite number for a page.")
        said = iter(found)
        return [joined(page, [next(said) for _ in page.tiles]) for page in pages]

    def _detect(self, shown: Sequence[pixels.Grey]) -> list[Objects]:
        found: dict[int, Objects] = {}
        for batch in self._batches([one.shape for one in shown]):
            x, inside = pixels.to_device([shown[at] for at in batch], pixels.IMAGENET, self.network.device, self.network.dtype)
            seen = self.network.detection_transformer(x, inside)
            queries = seen.queries.float().cpu()
            if self._reference is None:  # the same for all pages
                self._reference = seen.reference.float().cpu()
            objects, tokens = queries[:, :-SPECIAL_TOKENS], queries[:, -SPECIAL_TOKENS:]
            logits = self.network.class_labels_classifier(objects).numpy()
            boxes = self.network.boxes(objects, self._reference[:-SPECIAL_TOKENS]).numpy()
            for row, at in enumerate(batch):
                found[at] = Objects(logits[row], boxes[row], objects[row], tokens[row, 0], tokens[row, 1])
        return [found[at] for at in range(len(shown))]

    def embed(self, crops: Sequence[pixels.Grey]) -> Floats:
        """(crops, width): each crop once, whoever needs it afterwards."""
        parts = [np.zeros((0, self.network.sizes.crops.width), dtype=np.float32)]
        for start in range(0, len(crops), self.crop_batch):
            x, _ = pixels.to_device(
                crops[start : start + self.crop_batch], pixels.IMAGENET, self.network.device, self.network.dtype
            )
            parts.append(self.network.embed_crops(x).float().cpu().numpy())
        return np.concatenate(parts)

    def _batches(self, shapes: Sequence[tuple[int, ...]]) -> list[list[int]]:
        groups: dict[tuple[int, ...], list[int]] = {}
        for at, shape in enumerate(shapes):
            groups.setdefault(() if self.pad_together else shape, []).append(at)
        return [group[at : at + self.page_batch] for group in groups.values() for at in range(0, len(group), self.page_batch)]

    @torch.inference_mode()
    def _link(
        self, page: Prepared, objects: Objects, kept: detections.Detections, embeddings: Floats, direction: Direction
    ) -> Found:
        width, height = page.image.size
        panels = [tuple(box) for box in kept.boxes[kept.panels].tolist()]
        texts = [tuple(box) for box in kept.boxes[kept.texts].tolist()]
        size = None if self.pad_together else (width, height)
        panel_order, text_order, owners = order.order_page(panels, texts, size, direction)
        ranked = kept.texts[text_order] if text_order else kept.texts[:0]

        features = objects.features
        of_texts, of_characters, of_tails = (features[torch.as_tensor(ids)] for ids in (ranked, kept.characters, kept.tails))
        network = self.network
        same = links.sigmoid(network.same_character(of_characters, torch.from_numpy(embeddings), objects.same_token).numpy())
        speakers = links.sigmoid(network.speakers(of_texts, of_characters, objects.speaker_token).numpy())
        tails = links.sigmoid(network.tails(of_texts, of_tails).numpy())

        def clipped(ids: NDArray[np.intp]) -> list[Box]:
            return [_clip(box, width, height) for box in kept.boxes[ids].tolist()]

        def scores(ids: NDArray[np.intp]) -> list[float]:
            return [float(score) for score in kept.scores[ids]]

        ordered_panels = kept.panels[panel_order] if panel_order else kept.panels[:0]
        return Found(
            width=width,
            height=height,
            panels=clipped(ordered_panels),
            panel_scores=scores(ordered_panels),
            texts=clipped(ranked),
            text_scores=scores(ranked),
            text_panels=[owners[at] for at in text_order],
            essential=[float(logit) for logit in network.essential(of_texts)],
            characters=clipped(kept.characters),
            character_scores=scores(kept.characters),
            embeddings=embeddings,
            same=same,
            clusters=links.clusters(same),
            tails=clipped(kept.tails),
            tail_scores=scores(kept.tails),
            speakers=links.best(speakers, links.SPEAKER),
            text_tails=links.best(tails, links.TAIL),
            speaker_table=speakers,
            tail_table=tails,
            text_bounds=[pixels.crop_bounds(texts[at], width, height) for at in text_order],
        )


def _clip(box: Sequence[float], width: int, height: int) -> Box:
    """Inside the page and at least a pixel wide and high: what a model returns is untrusted."""
    x0, y0 = min(max(0.0, box[0]), width - 1.0), min(max(0.0, box[1]), height - 1.0)
    return x0, y0, min(max(box[2], x0 + 1), float(width)), min(max(box[3], y0 + 1), float(height))
