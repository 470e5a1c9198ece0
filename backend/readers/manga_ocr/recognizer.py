"""`MangaOcrRecognizer`: crops of Japanese texts into words, in batches, on a CPU or a GPU.

Greedy with everything computed before kept; the published configuration asks for four beams, which cost four times as much. This module
imports no torch until it loads.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

from backend.errors import ConfigurationError
from backend.readers.magi.checkpoint import find_weights
from backend.readers.magi.recognizers import Text, Words
from backend.readers.magi.vocabulary import CharacterVocabulary

if TYPE_CHECKING:
    from backend.readers.magi.transcribe import Transcriber

_log = logging.getLogger(__name__)
_LONGEST: Final = 300
"""Tokens of one bubble, about as many characters; the published limit."""


class MangaOcrRecognizer:
    """Implements `recognizers.Recognizer`.

    Args:
        directory: config.json, vocab.txt, and model.safetensors or pytorch_model.bin.
        device: as for `MagiReader`. half: on a GPU compute in float16. batch: most texts at once.

    Raises:
        ConfigurationError: torch is not installed.
    """

    langs = frozenset({"ja"})

    def __init__(self, directory: Path, device: str | None = None, *, half: bool = True, batch: int = 64) -> None:
        if importlib.util.find_spec("torch") is None:
            raise ConfigurationError('manga-ocr needs torch: pip install "tanoshi-narration[gpu]".')
        self._directory, self._device_name, self._half, self._batch = Path(directory), device, half, batch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="manga-ocr")
        self._loading = asyncio.Lock()
        self._model: tuple[Transcriber, CharacterVocabulary] | None = None

    @property
    def fingerprint(self) -> str:
        weights = find_weights(self._directory)
        mark = hashlib.sha256(f"{weights.stat().st_size}|{self._device_name}|{self._half}".encode())
        mark.update((self._directory / "config.json").read_bytes())
        return f"manga-ocr-{mark.hexdigest()[:12]}"

    async def load(self) -> None:
        """Reads the weights. Raises ConfigurationError as `checkpoint.load_into` does."""
        async with self._loading:
            if self._model is None:
                self._model = await asyncio.get_running_loop().run_in_executor(self._thread, self._load)
                _log.info("manga-ocr loaded from %s", self._directory)

    async def read(self, texts: Sequence[Text]) -> list[Words]:
        await self.load()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, [text.crop for text in texts])

    async def aclose(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._model is not None:
            self._model[0].close()
        self._model = None

    def _load(self) -> tuple[Transcriber, CharacterVocabulary]:
        import torch  # noqa: PLC0415 - belongs to the extra

        from backend.readers.magi.transcribe import Transcriber  # noqa: PLC0415
        from backend.readers.manga_ocr.network import load_network  # noqa: PLC0415

        network, vocabulary = load_network(self._directory)
        name = self._device_name or ("cuda" if torch.cuda.is_available() else "cpu")
        device, dtype = torch.device(name), torch.float16 if self._half and name.startswith("cuda") else torch.float32
        network.to(device, dtype)
        side = network.encoder.sizes.image
        return Transcriber(network.look, network.decoder, side, device, dtype, self._batch, _LONGEST), vocabulary

    def _read(self, crops: Sequence[Image.Image]) -> list[Words]:
        assert self._model is not None
        transcriber, vocabulary = self._model
        return [Words(vocabulary.text(text.ids), text.confidence) for text in transcriber.write(crops)]
