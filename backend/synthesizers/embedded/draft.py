"""A synthesizer for tests and first listens: hibari for English, Open JTalk's voice "Mei" for Japanese.

Thirty to two hundred times faster than real time on one core, and plain: each language has one speaker, whose pitch is
moved towards that of the voice asked for. Mei is licensed CC-BY 3.0 (MMDAgent Project Team, Nagoya Institute of Technology).
"""

from __future__ import annotations

import hashlib
import threading
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import SpeechFailed
from backend.language import VERSION as LANGUAGE_VERSION
from backend.synthesizers.base import Utterance
from backend.synthesizers.embedded import sound
from backend.synthesizers.embedded.kokoro import package_versions
from backend.synthesizers.embedded.lines import LineEngine
from backend.synthesizers.embedded.phonemes import parts
from backend.synthesizers.embedded.voices import recipe_for

_REVISION = "1"
_RATE = 24_000
_PITCH_HZ = {"ja": 360.0, "en": 215.0}
"""Of the two speakers as they are."""
_MOST_SEMITONES = 7.0
"""Further away it sounds like a toy or a giant, and words are lost."""
_SEED = 7
"""hibari adds noise from a generator; a fixed seed makes equal lines sound equal."""


class DraftSynthesizer(LineEngine):
    """Same protocol, same rate and same voices as the embedded synthesizer, at a hundredth of the work."""

    name = "draft"
    sample_rate = _RATE

    def __init__(self, workers: int | None = None) -> None:
        super().__init__(workers)
        told = hashlib.sha256(f"{_REVISION};{package_versions('hibari-tts', 'pyopenjtalk-plus')}".encode())
        self._fingerprint = f"draft.text{LANGUAGE_VERSION}.{told.hexdigest()[:10]}"
        self._english: Any = None
        self._japanese: Any = None
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def _open(self) -> None:
        import pyopenjtalk  # noqa: PLC0415
        from hibari import Hibari  # type: ignore[import-untyped]  # noqa: PLC0415

        self._english = Hibari(voice="heart")
        self._japanese = pyopenjtalk
        for text, lang in (("はい。", "ja"), ("Yes.", "en")):
            self._piece(text, lang, 1.0, 0.0)

    def _release(self) -> None:
        self._english = self._japanese = None

    def _say(self, utterance: Utterance) -> NDArray[np.float32]:
        wanted = recipe_for(utterance.voice).pitch_hz
        away = 12 * log2(wanted / _PITCH_HZ[utterance.lang])
        # Open JTalk can also sing higher or lower without changing size; half the way each sounds best.
        sung = float(np.clip(away / 2, -_MOST_SEMITONES, _MOST_SEMITONES)) if utterance.lang == "ja" else 0.0
        ratio = 2.0 ** (float(np.clip(away - sung, -_MOST_SEMITONES, _MOST_SEMITONES)) / 12)
        spoken: list[NDArray[np.float32]] = []
        for text in parts(utterance):
            if spoken:
                spoken.append(sound.silence(sound.PAUSE_S, _RATE))
            samples = self._piece(text, utterance.lang, utterance.speed / ratio, sung)
            spoken.append(sound.whole(sound.trim(sound.faster_and_higher(samples, ratio), _RATE)))
        return sound.whole(np.concatenate(spoken))

    def _piece(self, text: str, lang: str, speed: float, sung: float) -> NDArray[np.float32]:
        if self._english is None or self._japanese is None:
            raise SpeechFailed("The synthesizer is not loaded")
        with self._lock:  # neither front end is made for two threads
            if lang == "en":
                return np.asarray(self._english(text, speed=speed, seed=_SEED), np.float32)
            features = self._japanese.run_frontend(text, use_sudachi_kanji_yomi=False)
            samples, rate = self._japanese.synthesize(self._japanese.make_label(features), speed=speed, half_tone=sung)
        return sound.resample(np.asarray(samples / 32768.0, np.float32), int(rate), _RATE)
