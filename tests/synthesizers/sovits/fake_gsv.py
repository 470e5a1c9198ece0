"""A fast stand-in for `gsv_tts.TTS`, at the seam where the adapter calls it; it can be told to fail in every way the real one does.

It "speaks" with `recordings.phrase`: right length for the text, pitch by voice. Faults are planned per text and wear off after a
number of times, so that a test can say "silent twice, then right".
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from backend.synthesizers.sovits.gate import SECONDS_PER_UNIT
from backend.synthesizers.sovits.pieces import units
from tests.support.recordings import phrase

RATE = 32_000
BREAKS = "breaks"
"""The fault that makes the whole call raise, as an empty result does."""


@dataclass
class FakeClip:
    audio_data: NDArray[np.float32]
    samplerate: int = RATE


@dataclass
class FakeGsv:
    """Records every call; `faults[text]` is a list of what to do wrong, first time, second time, ..."""

    faults: dict[str, list[str]] = field(default_factory=dict)
    pitch_hz: float = 180.0
    batches: list[list[str]] = field(default_factory=list)
    singles: list[str] = field(default_factory=list)
    calls: list[dict[str, object]] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)
    """How often each clip was conditioned, by what."""
    timbres: set[str] = field(default_factory=set)
    manners: set[str] = field(default_factory=set)
    loaded: list[str] = field(default_factory=list)
    unloadable: set[str] = field(default_factory=set)
    inside: int = 0
    most_inside: int = 0
    spoken_with: dict[str, str] = field(default_factory=lambda: defaultdict(str))

    def seed(self, seed: int) -> None:
        self.seeds.append(seed)

    def infer_batched(self, **call: object) -> list[FakeClip]:
        texts: list[str] = call["texts"]  # type: ignore[assignment]
        self.batches.append(texts)
        self.calls.append(call)
        self._enter()
        try:
            sounds = [
                self._say(text, lang, clip)
                for text, lang, clip in zip(texts, call["text_languages"], call["prompt_audio_paths"], strict=True)  # type: ignore[call-overload]
            ]
        finally:
            self.inside -= 1
        if any(sound is None for sound in sounds):
            raise RuntimeError("maximum size for tensor at dimension 0 is 0 but size is 512")
        return [FakeClip(sound) for sound in sounds if sound is not None]

    def infer(self, **call: object) -> FakeClip:
        self.singles.append(str(call["text"]))
        self.calls.append(call)
        sound = self._say(str(call["text"]), str(call["text_language"]), str(call["prompt_audio_path"]))
        if sound is None:
            raise ValueError("zero-size array to reduction operation maximum which has no identity")
        return FakeClip(sound)

    def cache_spk_audio(self, *spk_audio_paths: str, sovits_model: str) -> None:
        for path in spk_audio_paths:
            assert Path(path).is_file()
            self.heard[f"{path}|{sovits_model}"] += 1
            self.timbres.add(path)

    def cache_prompt_audio(self, prompt_audio_paths: str, prompt_audio_texts: str, prompt_language: str) -> None:
        assert Path(prompt_audio_paths).is_file()
        assert prompt_audio_texts
        assert prompt_language in {"ja", "en"}
        self.heard[f"{prompt_audio_paths}|"] += 1
        self.manners.add(prompt_audio_paths)

    def del_spk_audio(self, *paths: str) -> None:
        self.timbres.difference_update(paths)

    def del_prompt_audio(self, *paths: str) -> None:
        self.manners.difference_update(paths)

    def load_gpt_model(self, *model_paths: str) -> None:
        if self.unloadable & set(model_paths):
            raise RuntimeError("size mismatch")
        self.loaded.extend(model_paths)

    def load_sovits_model(self, *model_paths: str) -> None:
        if self.unloadable & set(model_paths):
            raise RuntimeError("size mismatch")
        self.loaded.extend(model_paths)

    def unload_gpt_model(self, *model_paths: str) -> None:
        for path in set(model_paths) & set(self.loaded):
            self.loaded.remove(path)

    unload_sovits_model = unload_gpt_model

    def _enter(self) -> None:
        assert threading.current_thread() is not threading.main_thread() or not self.most_inside > 1
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)

    def _say(self, text: str, lang: str, clip: str) -> NDArray[np.float32] | None:
        planned = self.faults.get(text) or [""]
        fault = planned.pop(0) if len(planned) > 1 or planned[0] else ""
        self.spoken_with[text] = clip
        sound = right(text, lang, self.pitch_hz)
        match fault:
            case "breaks":
                return None
            case "silent":
                return sound * 0.001
            case "cut short":
                return sound[: len(sound) // 4]
            case "amputated":
                loud = int(np.argmax(np.abs(sound[len(sound) // 2 :]))) + len(sound) // 2
                return sound[:loud]
            case "clipped":
                return np.clip(sound * 20, -1, 1)
            case "twice":
                return np.concatenate([sound, np.zeros(RATE // 5, np.float32), sound])
            case "endless":
                return np.tile(sound, 8)
            case "nan":
                return np.full_like(sound, np.nan)
            case "reference":
                return decoded(clip)
            case "reference first":
                return np.concatenate([decoded(clip)[-round(1.6 * RATE) :], sound])
            case "another voice":
                return right(text, lang, self.pitch_hz * 2.6)
            case "falls silent":
                third = len(sound) // 3
                return np.concatenate([sound[:third], np.zeros(2 * RATE, np.float32), sound[third:]])
        return sound


def right(text: str, lang: str, pitch_hz: float) -> NDArray[np.float32]:
    """What the text sounds like when nothing goes wrong."""
    pace = sum(SECONDS_PER_UNIT[lang]) / 2
    seed = sum(map(ord, text))
    return phrase(max(0.3, units(text, lang) * pace), pitch_hz, seed=seed, rate=RATE)


def decoded(path: str) -> NDArray[np.float32]:
    with av.open(path) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate(parts)
