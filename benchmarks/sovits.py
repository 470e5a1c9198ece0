"""How fast GPT-SoVITS speaks: lines a second, real-time factor, time to the first line, GPU memory; batched against one by one.

    python benchmarks/sovits.py                        random weights of the published size, built in a temporary folder
    python benchmarks/sovits.py --weights $SOVITS_DIR  the real ones
    python benchmarks/sovits.py --size tiny            whether it runs at all, on a CPU (minutes; --lines 4 is quicker)

A page spoken as one batch is heard when the batch is done, so its first line takes as long as all of it; one by one, the first line's
time is its own. Random weights say nothing about sound but cost what real ones cost, step by step; their lines end by chance, so compare
by seconds of sound, which the table gives. The checks run and their verdict is ignored, because they are part of the price. Targets, on
an H100-class GPU: a page of 12 lines under 1 s, batching at least 3 times faster than one by one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

if not __package__:  # run as a file: its folder is on the path, not the checkout
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.synthesizers.base import ReferenceClip, Speech, Style, Utterance, Voice
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.engine import OpenTts, SovitsSynthesizer
from backend.synthesizers.sovits.gate import CHECKS, Take, judge
from tests.support import tiny_gsv
from tests.support.recordings import encoded, phrase

SAID = "静かな朝でした。駅前の商店街を抜けて歩いていきます。"
TEXTS = (
    "今日はとてもいい天気ですね。",
    "あの山の向こうには何があるの？",
    "待ってくれ、話を聞いてくれ！",
    "そんなはずはない。",
    "ずっと前から知っていたよ。",
    "図書館の前で待っている。",
)
END = 1024
"""The end token; a line's first scores are without it."""
GRID = ((1, 1), (4, 1), (4, 4), (12, 1), (12, 4), (12, 8), (48, 1), (48, 8))
"""(lines, voices)"""


def forbid_early_ends(least_tokens: int = 40) -> None:
    """Random weights end a line at once as easily as later, and one empty line makes a batch start over; real ones hardly ever do."""
    gsv.prepare_import()
    decoder = vars(sys.modules["gsv_tts.GPT_SoVITS.GPT.t2s_model"])
    sample, steps = decoder["sample"], 0

    def patient(logits: torch.Tensor, *others: Any, **settings: Any) -> Any:
        nonlocal steps
        begins = logits.shape[-1] == END
        steps = 0 if begins else steps + 1
        if not begins and steps < least_tokens:
            logits[:, END] = -torch.inf
        return sample(logits, *others, **settings)

    decoder["sample"] = patient


def priced(take: Take) -> None:
    """Runs every check, believes none."""
    judge(take, CHECKS)


def voices(count: int) -> tuple[list[Voice], dict[str, bytes]]:
    """Voices of different pitch, and their clips by key."""
    clips = {f"{number}.flac": encoded(phrase(4.5, 100.0 + 30 * number, seed=number), "flac") for number in range(count)}
    made = [
        Voice(id=f"sovits:{key}", references={Style.NEUTRAL: ReferenceClip(key=key, transcript=SAID, lang="ja")}) for key in clips
    ]
    return made, clips


def sound_s(results: list[object]) -> float:
    return sum(result.duration_s for result in results if isinstance(result, Speech))


async def measure(directory: Path, device: str, most_lines: int, open_tts: OpenTts | None = None) -> None:
    """Prints the table. `open_tts` replaces the engine, in tests."""
    grid = [(lines, speakers) for lines, speakers in GRID if lines <= most_lines]
    cast, clips = voices(max(speakers for _, speakers in grid))

    async def source(key: str) -> bytes:
        return clips[key]

    on_gpu = device.startswith("cuda")
    synthesizer = SovitsSynthesizer(directory, source, device=device, checks=(priced,), open_tts=open_tts)
    started = time.perf_counter()
    await synthesizer.load()
    print(f"loaded in {time.perf_counter() - started:.1f} s, {torch.cuda.get_device_name() if on_gpu else 'CPU'}")
    warm = [Utterance(text=TEXTS[0], lang="ja", voice=voice) for voice in cast]
    started = time.perf_counter()
    await synthesizer.speak(warm)
    print(f"first call, voices conditioned ({len(cast)}): {time.perf_counter() - started:.1f} s\n")
    print("                        one batch                   |           one by one               | per second")
    print("lines voices |       s  sound s  lines/s    RTF  GPU GB |       s  sound s    RTF  first line s | of sound")
    for lines, speakers in grid:
        page = [
            Utterance(text=TEXTS[number % len(TEXTS)], lang="ja", voice=cast[number % speakers], speed=1.0)
            for number in range(lines)
        ]
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        started = time.perf_counter()
        batched = sound_s(list(await synthesizer.speak(page)))
        batched_s = time.perf_counter() - started
        memory = f"{torch.cuda.max_memory_allocated() / 1e9:7.1f}" if on_gpu else f"{'-':>7}"
        first_s, single = 0.0, 0.0
        started = time.perf_counter()
        for line in page:
            single += sound_s(list(await synthesizer.speak([line])))
            first_s = first_s or time.perf_counter() - started
        single_s = time.perf_counter() - started
        factor, single_factor = batched_s / max(batched, 1e-6), single_s / max(single, 1e-6)
        print(
            f"{lines:5} {speakers:6} | {batched_s:7.2f} {batched:8.1f} {lines / batched_s:8.1f} {factor:6.3f} {memory}"
            f" | {single_s:7.2f} {single:8.1f} {single_factor:6.3f} {first_s:13.2f} | {single_factor / factor:5.1f} x faster",
            flush=True,
        )
    await synthesizer.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weights", type=Path, help="a SOVITS_DIR; without it random weights are built")
    parser.add_argument("--size", choices=("published", "tiny"), default="published")
    parser.add_argument("--device", help="cuda or cpu; without it whichever there is")
    parser.add_argument("--lines", type=int, default=48, help="leave out larger pages; at least 1")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = options.weights
        if directory is None:
            directory = Path(folder) / "sovits"
            tiny_gsv.build(directory, size=tiny_gsv.TINY if options.size == "tiny" else tiny_gsv.PUBLISHED)
            forbid_early_ends()
            print(f"random weights of {options.size} size")
        device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
        asyncio.run(measure(directory, device, options.lines))


if __name__ == "__main__":
    main()
