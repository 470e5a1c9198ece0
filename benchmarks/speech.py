"""How fast the embedded synthesizers speak, and how each built-in voice sounds.

    python benchmarks/speech.py                      both tables
    python benchmarks/speech.py --speed              seconds of work per second of speech, for 1..N workers
    python benchmarks/speech.py --voices             pitch, its spread, level, brightness and pace of every voice, both languages
    python benchmarks/speech.py --voices --english-vectors DIR     the same with imported English vectors
    python benchmarks/speech.py --voices --whisper DIR             adds the word error rate of English by a Whisper model
                                                                   (needs faster-whisper; DIR is a CTranslate2 model)

RTF is seconds of waiting per second of speech, CPU RTF seconds of work (all that counts where the machine is busy otherwise).
Pitch is the median over voiced frames, spread the distance between their 10th and 90th percentile in semitones, brightness the
spectral centroid (`backend.acoustics`, as for recorded voices); level is integrated loudness (ITU-R BS.1770) before the pipeline
evens it out.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm  # type: ignore[import-untyped]
from numpy.typing import NDArray

if not __package__:  # run as a file: its folder is on the path, not the checkout
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.acoustics import brightness_hz, pitches_hz
from backend.language.distance import edits
from backend.synthesizers.base import Speech, Synthesizer, Utterance, Voice
from backend.synthesizers.embedded import DraftSynthesizer, EmbeddedSynthesizer
from backend.synthesizers.embedded.lines import cores
from backend.voices.builtin import BUILTIN_VOICES

LINES = {
    "ja": (
        "おはよう、田中君。今日は早いね。",
        "そんなこと…信じられるわけないだろう！",
        "明日の朝、八時に駅の前で待ってる。",
        "逃げろ！あいつはもうすぐここに来る！",
    ),
    "en": (
        "Good morning, everyone. You are early today.",
        "I never thought it would end like this…",
        "Meet me at the station tomorrow at eight o'clock.",
        "Run! They will be here any minute now!",
    ),
}


@dataclass(frozen=True)
class Measures:
    pitch_hz: float
    spread: float
    """Semitones between the 10th and the 90th percentile of the voiced frames: how lively the voice is."""
    level_lufs: float
    brightness_hz: float


def measure(samples: NDArray[np.float32], rate: int) -> Measures:
    low, median, high = np.percentile(pitches_hz(samples, rate), [10, 50, 90])
    level = float(pyloudnorm.Meter(rate).integrated_loudness(samples.astype(np.float64)))
    return Measures(float(median), float(12 * np.log2(high / low)), level, brightness_hz(samples, rate))


async def spoken(engine: Synthesizer, lang: str, voice: str) -> list[Speech]:
    results = await engine.speak([Utterance(text=text, lang=lang, voice=Voice(id=voice)) for text in LINES[lang]])
    for result in results:
        if not isinstance(result, Speech):
            raise result
    return [result for result in results if isinstance(result, Speech)]


def word_errors(model: Any, speeches: list[Speech], texts: tuple[str, ...]) -> float:
    """Edits per word between what was to be said and what the recogniser heard."""
    wrong = words = 0
    for speech, text in zip(speeches, texts, strict=True):
        heard_at_16k = np.interp(np.arange(0, len(speech.samples), 1.5), np.arange(len(speech.samples)), speech.samples)
        segments, _ = model.transcribe(heard_at_16k.astype(np.float32), language="en", beam_size=5)
        heard = _words(" ".join(segment.text for segment in segments))
        said = _words(text)
        wrong += edits(said, heard)
        words += len(said)
    return wrong / words


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+|\d+", re.sub(r"\b8(?=\b|:00| o)", "eight", text.lower()))


async def print_voices(vectors: Path | None, whisper: Path | None, only: str | None) -> None:
    model = None
    if whisper is not None:
        model = import_module("faster_whisper").WhisperModel(str(whisper), device="cpu", compute_type="int8")
    engine = EmbeddedSynthesizer(english_vectors=vectors)
    print(f"\n{engine.fingerprint}")
    print(f"{'voice':26}{'lang':6}{'pitch Hz':>9}{'spread st':>11}{'LUFS':>8}{'bright Hz':>11}{'s':>7}{'WER':>7}")
    for voice in BUILTIN_VOICES:
        for lang, texts in LINES.items():
            if only not in (None, lang):
                continue
            speeches = await spoken(engine, lang, voice)
            samples = np.concatenate([speech.samples for speech in speeches])
            found = measure(samples, engine.sample_rate)
            errors = f"{word_errors(model, speeches, texts):7.3f}" if model is not None and lang == "en" else ""
            print(
                f"{voice:26}{lang:6}{found.pitch_hz:9.0f}{found.spread:11.1f}{found.level_lufs:8.1f}{found.brightness_hz:11.0f}"
                f"{len(samples) / engine.sample_rate:7.1f}{errors}",
                flush=True,
            )
    await engine.aclose()


async def print_speed() -> None:
    print(f"\n{'engine':12}{'workers':>8}{'load s':>8}{'speech s':>10}{'wall s':>8}{'RTF':>8}{'CPU RTF':>9}")
    voice = "sovits:narrator-v1"
    for make in (DraftSynthesizer, EmbeddedSynthesizer):
        for workers in range(1, cores() + 1):
            engine = make(workers=workers)
            started = time.perf_counter()
            await engine.load()
            loaded, cpu = time.perf_counter(), time.process_time()
            batches = await asyncio.gather(*(spoken(engine, lang, voice) for lang in LINES))
            wall, cpu = time.perf_counter() - loaded, time.process_time() - cpu
            seconds = sum(speech.duration_s for batch in batches for speech in batch)
            print(
                f"{engine.name:12}{workers:8}{loaded - started:8.2f}{seconds:10.1f}{wall:8.2f}{wall / seconds:8.3f}{cpu / seconds:9.3f}",
                flush=True,
            )
            await engine.aclose()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--speed", action="store_true")
    arguments.add_argument("--voices", action="store_true")
    arguments.add_argument("--lang", choices=tuple(LINES), help="only this language")
    arguments.add_argument("--english-vectors", type=Path)
    arguments.add_argument("--whisper", type=Path)
    chosen = arguments.parse_args()
    if chosen.speed or not chosen.voices:
        asyncio.run(print_speed())
    if chosen.voices or not chosen.speed:
        asyncio.run(print_voices(chosen.english_vectors, chosen.whisper, chosen.lang))


if __name__ == "__main__":
    main()
