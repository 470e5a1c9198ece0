"""`tanoshi doctor`: what this installation can do, and what is missing, one sentence each."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import typer
from rich.console import Console

from backend import __version__
from backend.engine import Engine
from backend.errors import TanoshiError
from backend.settings import Settings, cpu_count, load_settings


class Verdict(StrEnum):
    """GOOD works; ABSENT is optional and not there; BAD is needed, or was asked for, and does not work."""

    GOOD = "ok"
    ABSENT = "--"
    BAD = "!!"


@dataclass(frozen=True, slots=True)
class Finding:
    verdict: Verdict
    sentence: str


def doctor() -> None:
    """Say what this installation can do and what is missing. Exit code 1 if something that is needed does not work."""
    console = Console()
    bad = 0
    for finding in examine(load_settings()):
        bad += finding.verdict is Verdict.BAD
        console.print(f"{finding.verdict}  {finding.sentence}", markup=False, highlight=False, soft_wrap=True)
    if bad:
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, the cheap ones first."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    yield Finding(
        Verdict.GOOD, f"Tanoshi Narration {__version__} on Python {version}, {platform.machine()}, {cpu_count()} processors."
    )
    yield _data_dir(settings.data_dir)
    yield from _stores(settings)
    if settings.magi_dir is not None or settings.sovits_dir is not None:
        yield from folders_of_weights(settings)
    yield from check_by_ear(settings)
    yield from _engines(settings)
    yield _english_voices(settings)
    yield _gpu()


def _data_dir(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(Verdict.BAD, f"DATA_DIR {folder} cannot be written ({error.strerror}): set DATA_DIR to a folder that can.")
    return Finding(Verdict.GOOD, f"DATA_DIR {folder} can be written.")


def _stores(settings: Settings) -> Iterator[Finding]:
    from backend.stores import check_log, check_objects  # noqa: PLC0415 - `tanoshi --help` need not import the stores

    for label, check in (("The job store (REDIS_URL)", check_log), ("The object store (BUCKET_*)", check_objects)):
        try:
            yield Finding(Verdict.GOOD, asyncio.run(check(settings)))
        except TanoshiError as error:
            yield Finding(Verdict.BAD, f"{label} does not work: {error.detail}")


def folders_of_weights(settings: Settings) -> Iterator[Finding]:
    """What the folders of the GPU engines hold; looked at without loading it."""
    from backend.readers.magi.licence import LICENCE_NOTICE  # noqa: PLC0415 - only this command needs them
    from backend.weights import magi, manga_ocr, sovits  # noqa: PLC0415

    folders = [(settings.magi_dir, magi.inspect), (settings.sovits_dir, sovits.inspect)]
    if settings.magi_dir is not None and (inside := settings.magi_dir / "manga-ocr").is_dir():
        folders.insert(1, (inside, manga_ocr.inspect))
    for folder, inspect in folders:
        if folder is not None:
            found = inspect(folder)
            yield Finding(Verdict.GOOD if found.usable else Verdict.BAD, f"{found.sentence.rstrip('.')}.")
            if folder == settings.magi_dir and not found.usable:  # a usable one states it in its own sentence
                yield Finding(Verdict.GOOD, LICENCE_NOTICE)


def check_by_ear(settings: Settings) -> Iterator[Finding]:
    """With SPEECH_CHECK=asr: whether its model lies there, and whether what runs it can be imported. The model is not loaded."""
    if settings.speech_check != "asr" or settings.speech_check_model is None:
        return
    from backend.weights import whisper  # noqa: PLC0415 - only this command needs it

    found = whisper.inspect(settings.speech_check_model)
    remedy = "" if found.usable else f" `tanoshi weights whisper --to {settings.speech_check_model}` fetches one."
    yield Finding(Verdict.GOOD if found.usable else Verdict.BAD, f"SPEECH_CHECK_MODEL: {found.sentence}{remedy}")
    try:
        library = importlib.import_module("faster_whisper")
    except ImportError as error:
        yield Finding(
            Verdict.BAD,
            f"SPEECH_CHECK=asr needs faster-whisper, which cannot be imported ({error}): `pip install tanoshi-narration[check]`.",
        )
    else:
        yield Finding(Verdict.GOOD, f"faster-whisper {library.__version__}, which SPEECH_CHECK=asr needs, can be imported.")


def _engines(settings: Settings) -> Iterator[Finding]:
    from backend.engines import make_reader, make_synthesizer  # noqa: PLC0415 - `tanoshi --help` need not import engines

    makers: dict[str, Callable[[Settings], Engine]] = {
        f"The page reader READER={settings.reader}": make_reader,
        f"The synthesizer SYNTHESIZER={settings.synthesizer}": make_synthesizer,
    }
    for label, make in makers.items():
        try:
            asyncio.run(_load_and_close(make, settings))
        except TanoshiError as error:
            yield Finding(Verdict.BAD, f"{label} does not work: {error.detail}")
        else:
            yield Finding(Verdict.GOOD, f"{label} loads.")


async def _load_and_close(make: Callable[[Settings], Engine], settings: Settings) -> None:
    engine = make(settings)
    try:
        await engine.load()
    finally:
        await engine.aclose()


def _english_voices(settings: Settings) -> Finding:
    folder = settings.data_dir / "voices" / "kokoro"
    found = len(list(folder.glob("*.bin"))) if folder.is_dir() else 0
    if found:
        return Finding(Verdict.GOOD, f"{found} official English voices are imported; the default voices speak English with them.")
    return Finding(
        Verdict.ABSENT,
        "The official English voices are not imported; English is spoken by the Japanese voices. "
        "`npm pack kokoro-js` and `tanoshi voices import kokoro-js-*.tgz` add them.",
    )


def _gpu() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding(
            Verdict.ABSENT, "The GPU engines are not installed: `pip install tanoshi-narration[gpu]` brings what they need."
        )
    import torch  # noqa: PLC0415 - an extra

    if torch.cuda.is_available():
        return Finding(Verdict.GOOD, f"PyTorch {torch.__version__} sees {torch.cuda.get_device_name()}.")
    return Finding(Verdict.ABSENT, f"PyTorch {torch.__version__} is installed but sees no GPU.")
