"""What a text is for, from what the network says about it and where it stands.

The network knows only "belongs to the story or not". The rest is layout: a tail or a speaker makes speech, brackets a thought; what has
neither and stands on the edge of its panel, or outside of all panels, is a caption. What is not of the story is a sound effect inside a
panel and other (page number, credit, sign) outside of it. A text with neither that floats inside a panel is speech of an unknown speaker.
"""

from __future__ import annotations

from backend.readers.base import Box, Kind
from backend.readers.magi.detections import intersections
from backend.readers.magi.links import ESSENTIAL_LOGIT

_NEAR = 0.12
"""A caption's distance from an edge of its panel, as a share of the caption's shorter side."""
_BRACKETS = ("()", "（）", "〔〕", "[]", "［］")


def kind_of(essential: float, spoken: bool, box: Box, panel: Box | None, text: str = "") -> Kind:
    """Kind of one text.

    Args:
        essential: the network's logit. spoken: it has a tail or a speaker. text: its words, if they were read.
    """
    inside = _share_inside(box, panel)
    if not essential > ESSENTIAL_LOGIT:
        return Kind.SFX if inside > 0 else Kind.OTHER
    words = text.strip()
    if len(words) > 2 and words[0] + words[-1] in _BRACKETS:
        return Kind.THOUGHT
    if spoken:
        return Kind.SPEECH
    return Kind.NARRATION if inside < 0.9 or _hugs(box, panel) else Kind.SPEECH


def _share_inside(box: Box, panel: Box | None) -> float:
    if panel is None:
        return 0.0
    import numpy as np  # noqa: PLC0415

    shared = intersections(np.array([box], dtype=np.float32), np.array([panel], dtype=np.float32))[0, 0]
    return float(shared) / max(1e-6, (box[2] - box[0]) * (box[3] - box[1]))


def _hugs(box: Box, panel: Box | None) -> bool:
    """Two neighbouring edges, or the top or bottom one, lie close to those of the panel."""
    if panel is None:
        return False
    near = _NEAR * min(box[2] - box[0], box[3] - box[1])
    left, top, right, bottom = (abs(box[at] - panel[at]) <= near for at in range(4))
    return top or bottom or ((left or right) and (top or bottom))
