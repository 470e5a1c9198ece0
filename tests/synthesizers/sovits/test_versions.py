"""Any torchaudio fits any torch here, because its compiled half, which is built for one torch only, is left out."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from backend.errors import ConfigurationError
from backend.synthesizers.sovits import gsv


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    try:
        gsv.prepare_import()
    except ConfigurationError as missing:
        pytest.skip(f"{missing} (the test extra brings it)")


def test_the_compiled_half_of_torchaudio_which_fits_one_torch_only_is_never_loaded() -> None:
    import torch

    assert not hasattr(sys.modules["torchaudio._extension"], "__file__")
    assert not [path for path in torch.ops.loaded_libraries if "torchaudio" in path]


def test_what_the_engine_uses_of_torchaudio_works_with_this_torch() -> None:
    import torch
    import torchaudio
    from torchaudio.compliance import kaldi

    tone = torch.sin(torch.arange(32_000) * (2 * np.pi * 440 / 32_000)).unsqueeze(0)
    halved = torchaudio.transforms.Resample(32_000, 16_000)(tone)
    spectrum = torch.fft.rfft(halved[0]).abs()

    assert halved.shape == (1, 16_000)
    assert int(spectrum.argmax()) == 440
    assert kaldi.fbank(halved, num_mel_bins=80, sample_frequency=16_000).shape == (98, 80)
    assert torchaudio.transforms.Spectrogram(n_fft=2048, hop_length=640)(tone).shape == (1, 1025, 51)
