"""What is used of the libraries works as they are installed here.

Any torchaudio fits any torch, because its compiled half, which is built for one torch only, is left out.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from backend.errors import ConfigurationError
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.pieces import cut


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


@pytest.mark.filterwarnings("ignore:Dictionary.create.*:DeprecationWarning")  # as in test_engine.py
@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("3、2、1！", "さん、に、いち！"),
        ("12！", "じゅうに！"),
        ("4天気度 100円！", "よん天気度、百円！"),
        ("A4だ。", "えーよんだ。"),
        ("今日、世界、東京。", "きょう、せかい、とうきょう。"),
        ("Hello、世界", "はろー、せかい。"),
    ],
)
def test_the_front_end_reads_a_japanese_line_whole_and_as_japanese(printed: str, said: str) -> None:
    """Left to itself it guesses at each word's language, and of the first three nothing is left."""
    import torch

    symbols = sys.modules["gsv_tts.GPT_SoVITS.G2P"].Symbols.symbols
    config = SimpleNamespace(cnroberta=None, dtype=torch.float32, device="cpu")

    def sounds(text: str) -> list[str]:
        (piece,) = cut(text, "ja")
        phones, *_ = sys.modules["gsv_tts.TextProcessor"].get_phones_and_bert(piece.text, config, "ja")
        return [symbols[phone] for phone in phones if symbols[phone].isalpha() and symbols[phone] != "SP"]

    assert sounds(printed) == sounds(said)
    assert len(sounds(printed)) > 3
