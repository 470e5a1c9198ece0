"""How much of what is spoken is understood: error rates of the embedded synthesizer and of GPT-SoVITS on the same 200 lines.

    python benchmarks/intelligibility.py --whisper DIR                          embedded, 100 Japanese and 100 English lines
    python benchmarks/intelligibility.py --whisper DIR --sovits $SOVITS_DIR     both engines
    python benchmarks/intelligibility.py --whisper DIR --lines 10               the first ten of each language

A recogniser (a Whisper model in CTranslate2 format, needs the extra [check]) writes down what it hears. Japanese is compared by its
reading in morae, English by letters, so spelling does not count; the recogniser's own mistakes do, equally for both engines.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from backend.errors import NotFound
from backend.synthesizers.base import Speech, Synthesizer, Utterance, Voice
from backend.synthesizers.embedded.kokoro import EmbeddedSynthesizer
from backend.synthesizers.sovits.engine import SovitsSynthesizer
from backend.synthesizers.sovits.hearing import LIMITS, WhisperRecogniser, error_rate

VOICES = ("sovits:narrator-v1", "sovits:mc-v1")
OPENINGS = {
    "ja": (
        "今日は",
        "ねえ、",
        "だから、",
        "もしかして、",
        "やっぱり",
        "正直に言うと、",
        "昨日から",
        "お願いだから、",
        "本当に",
        "心配するな、",
    ),
    "en": (
        "Listen,",
        "Wait,",
        "You know,",
        "Honestly,",
        "Don't worry,",
        "I told you,",
        "Maybe",
        "This time",
        "Look,",
        "Believe me,",
    ),
}
ENDINGS = {
    "ja": (
        "誰も来ないよ。", "ここで待っていて。", "何も覚えていないんだ。", "早く帰ろう。", "雨が降りそうだね。",
        "あの店は閉まっている。", "父さんには内緒にして。", "私が全部やります。", "三時に駅で会おう。", "まだ終わっていない！",
    ),
    "en": (
        "nobody is coming tonight.", "the old house is empty.", "we have to leave before dawn.", "she never came back.",
        "there are three of them.", "I will do it myself.", "the train leaves at noon.", "you should have stayed at home.",
        "it is going to rain.", "this is not over yet!",
    ),
}  # fmt: skip


def lines(lang: str, count: int) -> list[str]:
    """Every opening with every ending, shuffled but always alike."""
    joint = "" if lang == "ja" else " "
    made = [joint.join(pair) for pair in itertools.product(OPENINGS[lang], ENDINGS[lang])]
    return [made[number] for number in np.random.default_rng(3).permutation(len(made))[:count]]


async def no_clips(key: str) -> bytes:
    """Only built-in voices speak here."""
    raise NotFound(key)


async def measure(name: str, synthesizer: Synthesizer, recogniser: WhisperRecogniser, count: int) -> None:
    for lang in ("ja", "en"):
        rates: list[float] = []
        failed = 0
        said = lines(lang, count)
        for start in range(0, len(said), 12):
            page = said[start : start + 12]
            spoken = await synthesizer.speak(
                [Utterance(text=text, lang=lang, voice=Voice(id=VOICES[number % 2])) for number, text in enumerate(page)]
            )
            for text, speech in zip(page, spoken, strict=True):
                if not isinstance(speech, Speech):
                    failed += 1
                    continue
                heard = recogniser.transcribe(speech.samples, speech.sample_rate, lang)
                rates.append(error_rate(text, heard, lang))
        report(f"{name:9} {lang}", rates, failed, LIMITS[lang])


def report(name: str, rates: Sequence[float], failed: int, limit: float) -> None:
    mean, worst = (float(np.mean(rates)), float(np.percentile(rates, 95))) if rates else (float("nan"),) * 2
    over = sum(rate > limit for rate in rates)
    print(
        f"{name}: {len(rates)} lines, error rate {mean:.3f} (95 % of lines under {worst:.2f}), {over} over the limit, {failed} not spoken"
    )


async def run(options: argparse.Namespace) -> None:
    recogniser = WhisperRecogniser(options.whisper, options.device or "cpu")
    engines: list[tuple[str, Synthesizer]] = [("embedded", EmbeddedSynthesizer())]
    if options.sovits is not None:
        engines.append(("sovits", SovitsSynthesizer(options.sovits, no_clips, device=options.device)))
    for name, synthesizer in engines:
        await synthesizer.load()
        await measure(name, synthesizer, recogniser, options.lines)
        await synthesizer.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--whisper", type=Path, required=True, help="a Whisper model in CTranslate2 format")
    parser.add_argument("--sovits", type=Path, help="a SOVITS_DIR")
    parser.add_argument("--device", help="cuda or cpu")
    parser.add_argument("--lines", type=int, default=100, help="of each language")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
