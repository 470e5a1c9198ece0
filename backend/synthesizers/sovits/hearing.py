"""The optional check by ear (SPEECH_CHECK=asr): a speech recogniser writes down what it hears, and a line that reads differently is
spoken again.

Recognisers spell as they like (kanji or kana, "twelve" or "12"), so Japanese is compared by its reading and English by its letters,
and on lines of a word or two, where they guess, only gross differences count.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from backend import fingerprints
from backend.acoustics import Samples
from backend.errors import ConfigurationError
from backend.language.distance import edits
from backend.synthesizers.sovits.gate import Take
from backend.synthesizers.sovits.pieces import reading

LIMITS: Final = {"ja": 0.35, "en": 0.35}
"""Share of morae or letters heard wrongly from which a line is spoken again."""
SHORT_UNITS: Final = {"ja": 5, "en": 10}
SHORT_LIMIT: Final = 1.5
"""On lines shorter than that: something else is heard, and more of it."""
LISTENING_RATE: Final = 16_000


class Recogniser(Protocol):
    """Writes down speech."""

    def transcribe(self, samples: Samples, sample_rate: int, lang: str) -> str:
        """What is said; empty where nothing is."""
        ...


class WhisperRecogniser:
    """A Whisper model in CTranslate2 format, through faster-whisper.

    Args:
        model: its directory; nothing is downloaded.
        device: "cpu" or "cuda".

    Raises:
        ConfigurationError: the extra or the model is missing.
    """

    def __init__(self, model: Path, device: str = "cpu") -> None:
        try:
            library = import_module("faster_whisper")
        except ImportError as error:
            raise ConfigurationError(
                "SPEECH_CHECK=asr needs the extra [check]: pip install 'tanoshi-narration[check]'"
            ) from error
        if not (model / "model.bin").is_file():
            raise ConfigurationError(f"SPEECH_CHECK_MODEL={model} holds no Whisper model in CTranslate2 format (model.bin)")
        self.fingerprint = fingerprints.of_files(model, [model / "model.bin"])[:12]
        """12 hex digits of the model."""
        compute = "float16" if device.startswith("cuda") else "int8"
        self._model = library.WhisperModel(
            str(model), device=device.partition(":")[0], compute_type=compute, local_files_only=True
        )

    def transcribe(self, samples: Samples, sample_rate: int, lang: str) -> str:
        resample_poly = import_module("scipy.signal").resample_poly
        heard = np.asarray(resample_poly(samples, LISTENING_RATE, sample_rate), dtype=np.float32)
        # No fallback temperatures and no earlier text: a guess that reads well would hide what is wrong with the line.
        segments, _ = self._model.transcribe(
            heard, language=lang, beam_size=1, temperature=0.0, condition_on_previous_text=False, without_timestamps=True
        )
        return "".join(segment.text for segment in segments).strip()


class ByEar:
    """A check for `gate.judge`, the last and dearest of them."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser

    def __call__(self, take: Take) -> str | None:
        heard = self._recogniser.transcribe(take.samples, take.sample_rate, take.piece.lang)
        lang = take.piece.lang
        limit = SHORT_LIMIT if take.piece.units < SHORT_UNITS[lang] else LIMITS[lang]
        return "heard as something else" if error_rate(take.piece.text, heard, lang) > limit else None


def error_rate(said: str, heard: str, lang: str) -> float:
    """Edits over length, of morae (ja) or letters (en); above 1 when much more is heard than was said."""
    wanted, got = spelled(said, lang), spelled(heard, lang)
    return edits(wanted, got) / max(1, len(wanted))


def spelled(text: str, lang: str) -> str:
    """What counts for comparing: katakana of the reading (ja), lower-case letters and digits (en)."""
    if lang == "en":
        return re.sub(r"[^a-z0-9]", "", text.casefold())
    kana = reading(text) if re.search(r"\w", text) else ""
    # ジ and ヂ, ズ and ヅ, and long vowels written either way sound alike.
    alike = str.maketrans("ヂヅヲヴ", "ジズオブ", "ー・、。！？…’' ")
    return re.sub(r"(?<=[オコソトノホモヨロゴゾドボポョ])ウ", "", kana.translate(alike))
