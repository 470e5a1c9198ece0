"""Which engines READER and SYNTHESIZER name. Nothing else knows more than one of them; only the code of those named is imported."""

from __future__ import annotations

from dataclasses import dataclass

from backend.readers.base import PageReader
from backend.settings import Settings, cpu_count
from backend.stores import make_objects
from backend.synthesizers.base import Synthesizer


@dataclass(frozen=True)
class Engines:
    """The two engines a program works with."""

    reader: PageReader
    synthesizer: Synthesizer


def make_engines(settings: Settings) -> Engines:
    """The engines READER and SYNTHESIZER name, not yet loaded; only their code is imported.

    Raises:
        ConfigurationError: what an engine needs is not installed.
    """
    return Engines(make_reader(settings), make_synthesizer(settings))


def make_reader(settings: Settings) -> PageReader:
    if settings.reader == "modal":
        from backend.cloud.deployed import deployed_reader  # noqa: PLC0415 - Modal is an extra

        return deployed_reader()
    if settings.reader == "magi":
        from backend.readers.magi.reader import build_reader  # noqa: PLC0415 - torch is an extra

        assert settings.magi_dir is not None
        return build_reader(settings.magi_dir, fallback_threads=cpu_count())
    from backend.readers.embedded import EmbeddedReader  # noqa: PLC0415 - an engine that is not used is not imported

    return EmbeddedReader(threads=cpu_count())


def make_synthesizer(settings: Settings) -> Synthesizer:
    if settings.synthesizer == "modal":
        from backend.cloud.deployed import deployed_synthesizer  # noqa: PLC0415 - Modal is an extra

        return deployed_synthesizer()
    if settings.synthesizer == "sovits":
        return _make_sovits(settings)
    if settings.synthesizer == "draft":
        from backend.synthesizers.embedded import DraftSynthesizer  # noqa: PLC0415

        return DraftSynthesizer()
    from backend.synthesizers.embedded import EmbeddedSynthesizer  # noqa: PLC0415

    return EmbeddedSynthesizer(workers=cpu_count(), english_vectors=settings.data_dir / "voices" / "kokoro")


def _make_sovits(settings: Settings) -> Synthesizer:
    from backend.synthesizers.sovits import SovitsSynthesizer  # noqa: PLC0415 - torch is an extra
    from backend.synthesizers.sovits.gate import CHECKS  # noqa: PLC0415
    from backend.synthesizers.sovits.hearing import ByEar, WhisperRecogniser  # noqa: PLC0415

    assert settings.sovits_dir is not None
    checks, listener = CHECKS, ""
    if settings.speech_check == "asr":
        assert settings.speech_check_model is not None
        recogniser = WhisperRecogniser(settings.speech_check_model)
        checks, listener = (*CHECKS, ByEar(recogniser)), recogniser.fingerprint
    return SovitsSynthesizer(
        settings.sovits_dir,
        clip_source=make_objects(settings).get,
        trained=settings.sovits_trained_dir,
        checks=checks,
        listener=listener,
    )
