"""MAGI v2, the page reader that knows who speaks: our own inference code for the published checkpoint, which the operator supplies.

    sizes, checkpoint, network   the model: how large it is, its weights, its parts (backbone, detector, vit, heads, text_decoder)
    pixels, detections, order, links, kinds, look, mend, vocabulary   before and after the model: pure functions, numpy at most
    engine, tiles, decoding, fixed, transcribe, recognizers   batches through the model
    words, whole_pages   which recogniser reads what; the one for any language
    reader   `MagiReader`, what the rest of the program sees

Needs the extra `[gpu]`; only modules of the first and third line import torch, and `reader` imports them when it loads.
"""

from backend.readers.magi.licence import LICENCE_NOTICE
from backend.readers.magi.reader import MagiReader, build_reader

__all__ = ["LICENCE_NOTICE", "MagiReader", "build_reader"]
