"""How much of what is spoken is understood: error rates of the embedded synthesizer and of GPT-SoVITS on the same 200 lines.

    python benchmarks/intelligibility.py --whisper DIR                          embedded, 100 Japanese and 100 English lines
    python benchmarks/intelligibility.py --whisper DIR --sovits $SOVITS_DIR     both engines
    python benchmarks/intelligibility.py --whisper DIR --lines 10               the first ten of each language
    python benchmarks/intelligibility.py --whisper DIR --voices                 the embedded engine, each built-in voice by itself

A recogniser (a Whisper model in CTranslate2 format, needs the extra [check]) writes down what it hears. Japanese is compared by its
reading in morae, English by letters, so spelling does not count; the recogniser's own mistakes do, equally for both engines and for
every voice. A small recogniser makes many: figures are to be compared within one model, not across models.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

if not __package__:  # run as a file: its folder is on the path, not the checkout
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.errors import NotFound
from backend.synthesizers.base import Speech, Synthesizer, Utterance, Voice
from backend.synthesizers.embedded.kokoro import EmbeddedSynthesizer
from backend.synthesizers.sovits.engine import SovitsSynthesizer
from backend.synthesizers.sovits.hearing import LIMITS, WhisperRecogniser, error_rate
from backend.voices.builtin import BUILTIN_VOICES
from benchmarks.dialogue import LINES

VOICES = ("sovits:narrator-v1", "sovits:mc-v1")
"""Who speaks in turns when engines are compared: what every chapter has."""
AT_ONCE = 12
"""Lines in one call, a page's worth."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recogniser made of some lines."""

    rates: list[float]
    failed: int

    @property
    def mean(self) -> float:
        return float(np.mean(self.rates)) if self.rates else float("nan")

    def over(self, limit: float) -> int:
        return sum(rate > limit for rate in self.rates)


async def no_clips(key: str) -> bytes:
    """Only built-in voices speak here."""
    raise NotFound(key)


async def heard(
    synthesizer: Synthesizer, recogniser: WhisperRecogniser, lang: str, said: Sequence[str], voices: Sequence[str]
) -> Heard:
    """Error rates of `said`, spoken by `voices` in turns."""
    rates: list[float] = []
    failed = 0
    for start in range(0, len(said), AT_ONCE):
        page = [
            Utterance(text=text, lang=lang, voice=Voice(id=voices[number % len(voices)]))
            for number, text in enumerate(said[start : start + AT_ONCE])
        ]
        for utterance, speech in zip(page, await synthesizer.speak(page), strict=True):
            if isinstance(speech, Speech):
                rates.append(error_rate(utterance.text, recogniser.transcribe(speech.samples, speech.sample_rate, lang), lang))
            else:
                failed += 1
    return Heard(rates, failed)


async def print_engines(recogniser: WhisperRecogniser, options: argparse.Namespace) -> None:
    engines: list[tuple[str, Synthesizer]] = [("embedded", EmbeddedSynthesizer())]
    if options.sovits is not None:
        engines.append(("sovits", SovitsSynthesizer(options.sovits, no_clips, device=options.device)))
    print(f"{'engine':10}{'lang':6}{'lines':>6}{'error rate':>12}{'95 % under':>12}{'over limit':>12}{'not spoken':>12}")
    for name, synthesizer in engines:
        await synthesizer.load()
        for lang, said in LINES.items():
            result = await heard(synthesizer, recogniser, lang, said[: options.lines], VOICES)
            worst = float(np.percentile(result.rates, 95)) if result.rates else float("nan")
            print(
                f"{name:10}{lang:6}{len(result.rates):6}{result.mean:12.3f}{worst:12.2f}{result.over(LIMITS[lang]):12}"
                f"{result.failed:12}",
                flush=True,
            )
        await synthesizer.aclose()


async def print_voices(recogniser: WhisperRecogniser, options: argparse.Namespace) -> None:
    synthesizer = EmbeddedSynthesizer(english_vectors=options.english_vectors)
    await synthesizer.load()
    print(f"{'voice':26}" + "".join(f"{lang + ' error':>12}{'over limit':>12}" for lang in LINES))
    for voice in BUILTIN_VOICES:
        row = f"{voice:26}"
        for lang, said in LINES.items():
            result = await heard(synthesizer, recogniser, lang, said[: options.lines], [voice])
            row += f"{result.mean:12.3f}{result.over(LIMITS[lang]):12}"
        print(row, flush=True)
    await synthesizer.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--whisper", type=Path, required=True, help="a Whisper model in CTranslate2 format")
    parser.add_argument("--sovits", type=Path, help="a SOVITS_DIR")
    parser.add_argument("--device", help="cuda or cpu")
    parser.add_argument("--lines", type=int, default=100, help="of each language")
    parser.add_argument("--voices", action="store_true", help="each built-in voice of the embedded engine")
    parser.add_argument("--english-vectors", type=Path, help="with --voices: imported English vectors")
    options = parser.parse_args()
    recogniser = WhisperRecogniser(options.whisper, options.device or "cpu")
    asyncio.run((print_voices if options.voices else print_engines)(recogniser, options))


if __name__ == "__main__":
    main()
