"""What trains few-shot voices, by the settings: for the application, for `tanoshi train-voice` and for a function with a GPU."""

from __future__ import annotations

from backend.errors import ConfigurationError
from backend.settings import Settings
from backend.storage.objects import Objects
from backend.voices.training import VoiceTrainer


def make_trainer(settings: Settings, objects: Objects, *, gpu: str = "0", half: bool = True) -> VoiceTrainer | None:
    """What trains few-shot voices; None when SOVITS_TRAINER_DIR is not set.

    Args:
        gpu: its number. half: whether to train in half precision.

    Raises:
        ConfigurationError: the checkout, its Python, or what is needed to store the result is not there.
    """
    if settings.sovits_trainer_dir is None:
        return None
    from backend.synthesizers.sovits.checkpoints import convert_gpt, convert_sovits  # noqa: PLC0415 - torch is an extra
    from backend.synthesizers.sovits.gsv import require_packages  # noqa: PLC0415
    from backend.voices.upstream import Upstream, find_python  # noqa: PLC0415
    from backend.voices.upstream_trainer import UpstreamTrainer  # noqa: PLC0415

    require_packages("SOVITS_TRAINER_DIR")
    if settings.sovits_trained_dir is None:
        raise ConfigurationError("Set SOVITS_TRAINED_DIR, the folder the synthesizer loads trained voices from.")
    upstream = Upstream(settings.sovits_trainer_dir.resolve(), find_python(settings.sovits_trainer_python), gpu, half)
    return UpstreamTrainer(upstream, objects, settings.sovits_trained_dir, convert_gpt=convert_gpt, convert_sovits=convert_sovits)
