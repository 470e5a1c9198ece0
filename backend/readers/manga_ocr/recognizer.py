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
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from backend.errors import ConfigurationError
from backend.readers.magi.checkpoint import find_weights
from backend.readers.magi.recognizers import Text, Words
from backend.readers.magi.sizes import read_json, vit_sizes
from backend.readers.magi.vocabulary import CharacterVocabulary

if TYPE_CHECKING:
    import torch

    from backend.readers.magi.decoding import Begin
    from backend.readers.magi.vit import Vit

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
        self._begin: Begin | None = None
        self._model: tuple[Vit, Any, Any, CharacterVocabulary, torch.device, torch.dtype] | None = None

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
        self._model = self._begin = None

    def _load(self) -> tuple[Vit, Any, Any, CharacterVocabulary, torch.device, torch.dtype]:
        import torch  # noqa: PLC0415 - belongs to the extra
        from torch import nn  # noqa: PLC0415

        from backend.readers.magi.checkpoint import load_into  # noqa: PLC0415
        from backend.readers.magi.vit import Vit  # noqa: PLC0415
        from backend.readers.manga_ocr.decoder import REPEATED, BertDecoder  # noqa: PLC0415

        find_weights(self._directory)
        path = self._directory / "config.json"
        config = read_json(path)
        if config.get("model_type") != "vision-encoder-decoder":
            raise ConfigurationError(f"{path} describes a model of type {config.get('model_type')!r}, not manga-ocr.")
        vocabulary = CharacterVocabulary(self._directory / "vocab.txt")
        vision, sizes = vit_sizes(config.get("encoder") or {}, path), _bert_sizes(config, vocabulary, path)
        with torch.device("meta"):
            model = nn.Module()
            model.encoder, model.decoder = Vit(vision, pooler=True), BertDecoder(sizes)
            if vision.width != sizes.width:
                model.enc_to_dec_proj = nn.Linear(vision.width, sizes.width)
        load_into(model, self._directory, REPEATED | {"encoder.pooler.dense.weight", "encoder.pooler.dense.bias"})
        model.decoder.tie()
        model.encoder.forget_pooler()
        name = self._device_name or ("cuda" if torch.cuda.is_available() else "cpu")
        device, dtype = torch.device(name), torch.float16 if self._half and name.startswith("cuda") else torch.float32
        model.to(device, dtype)
        bridge = model.enc_to_dec_proj if vision.width != sizes.width else nn.Identity()
        assert isinstance(model.encoder, Vit)
        return model.encoder, model.decoder, bridge, vocabulary, device, dtype

    def _read(self, crops: Sequence[Image.Image]) -> list[Words]:
        import torch  # noqa: PLC0415 - belongs to the extra

        from backend.readers.magi import decoding, fixed, pixels  # noqa: PLC0415

        assert self._model is not None
        encoder, decoder, bridge, vocabulary, device, dtype = self._model
        self._begin = self._begin or fixed.begin_for(decoder, device, self._batch)
        side = encoder.sizes.image
        found: list[Words] = []
        for start in range(0, len(crops), self._batch):
            squares = [pixels.resized(pixels.grey(crop), (side, side)) for crop in crops[start : start + self._batch]]
            x, _ = pixels.to_device(squares, pixels.HALF, device, dtype)
            with torch.inference_mode():
                picture = bridge(encoder(x))
            patience = 1 if device.type == "cpu" else 8
            texts = decoding.write(decoder, picture, _LONGEST, patience, self._begin)
            found += [Words(vocabulary.text(text.ids), text.confidence) for text in texts]
        return found


def _bert_sizes(config: dict[str, Any], vocabulary: CharacterVocabulary, path: Path) -> Any:
    from backend.readers.manga_ocr.decoder import BertSizes  # noqa: PLC0415

    bert = config.get("decoder") or {}
    if bert.get("hidden_act", "gelu") != "gelu" or bert.get("position_embedding_type", "absolute") != "absolute":
        raise ConfigurationError(f"{path} asks for an activation or positions that this program does not compute.")
    size = int(bert.get("vocab_size", 6144))
    if len(vocabulary) != size:
        raise ConfigurationError(f"{path} speaks of {size} tokens, vocab.txt beside it has {len(vocabulary)}.")
    return BertSizes(
        width=int(bert.get("hidden_size", 768)),
        layers=int(bert.get("num_hidden_layers", 12)),
        heads=int(bert.get("num_attention_heads", 12)),
        ffn=int(bert.get("intermediate_size", 3072)),
        vocabulary=size,
        positions=int(bert.get("max_position_embeddings", 512)),
        kinds=int(bert.get("type_vocab_size", 2)),
        norm_eps=float(bert.get("layer_norm_eps", 1e-12)),
        start=vocabulary.number("[CLS]"),
        end=vocabulary.number("[SEP]"),
    )
