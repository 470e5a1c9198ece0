"""What SOVITS_DIR holds: where each file lies, what is missing, and a fingerprint of what is there. Loads nothing.

chinese-hubert-base/    content encoder (config.json, preprocessor_config.json, model.safetensors)
sv/                     speaker encoder
s1v3/                   text to semantic tokens (config.json, model.safetensors)
s2Gv2ProPlus/           tokens to sound (hps.json, model.safetensors)
g2p/en/                 English lexicon, tagger and the network for unknown words
voices/<name>/          reference clips of the built-in voices
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from backend import fingerprints

SPEAKER_ENCODER: Final = "sv/pretrained_eres2netv2w24s4ep4.ckpt"
GPT: Final = "s1v3"
SOVITS: Final = "s2Gv2ProPlus"
GPT_FILES: Final = ("config.json", "model.safetensors")
SOVITS_FILES: Final = ("hps.json", "model.safetensors")
LEXICON: Final = "g2p/en"
TAGGER: Final = "nltk/taggers/averaged_perceptron_tagger_eng"
LEXICON_FILES: Final = (
    "cmudict.rep",
    "cmudict-fast.rep",
    "engdict-hot.rep",
    "g2p_en/checkpoint20.npz",
    "g2p_en/homographs.en",
    *(f"{TAGGER}/averaged_perceptron_tagger_eng.{part}.json" for part in ("weights", "tagdict", "classes")),
)
WEIGHTS: Final = (
    "chinese-hubert-base/config.json",
    "chinese-hubert-base/preprocessor_config.json",
    "chinese-hubert-base/model.safetensors",
    SPEAKER_ENCODER,
    *(f"{GPT}/{name}" for name in GPT_FILES),
    *(f"{SOVITS}/{name}" for name in SOVITS_FILES),
)
VOICES: Final = "voices"
CLIP_SUFFIXES: Final = (".flac", ".txt")
"""Of a built-in voice's clip, and of what is said in it."""


def missing(directory: Path) -> list[str]:
    """Files the engine needs and does not find, in the order of the table above."""
    needed = (*WEIGHTS, *(f"{LEXICON}/{name}" for name in LEXICON_FILES))
    return [name for name in needed if not (directory / name).is_file()]


def fingerprint(directory: Path) -> str:
    """12 hex digits of what speaks: of every file that is there, the lexicon and the built-in voices' clips among them."""
    files = [directory / name for name in (*WEIGHTS, *(f"{LEXICON}/{name}" for name in LEXICON_FILES))]
    files += sorted(path for path in (directory / VOICES).rglob("*") if path.suffix in CLIP_SUFFIXES)
    return fingerprints.of_files(directory, filter(Path.is_file, files))[:12]
