"""The one place that imports gsv_tts (gsv-tts-lite 0.4.7, MIT) and keeps it from doing what a library must not do in a server.

As it comes it downloads models when a folder is missing, opens the sound card, configures the root logger (and writes every line's
text there), draws progress bars, leaves a module called `utils` behind and needs torchaudio's compiled half, which fits one build of
torch only. None of that happens here. The trap: it is not thread-safe and draws from torch's global generator; one worker only.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import pickle
import sys
import types
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from backend.errors import ConfigurationError, Unavailable
from backend.synthesizers.sovits import directory as layout
from backend.synthesizers.sovits.english import pronouncer

VERSION: Final = "0.4.7"
PACKAGES: Final = ("torch", "torchaudio", "transformers", "safetensors", "gsv_tts")
FAULTS: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What the engine raises on text or tokens it cannot cope with; it has no errors of its own."""
CUDA_GRAPHS: Final = ((1, 512), (1, 1024), (4, 512), (4, 1024), (12, 512), (12, 1024), (24, 1024))
"""(lines at once, longest prompt + text + tokens) the decoder is recorded for; 1.2 GB of keys and values at the largest."""
PLAIN_CACHES: Final = ((1, 1024), (4, 1024), (12, 1024))
"""The same without a GPU."""

logger = logging.getLogger(__name__)


class Clip(Protocol):
    """A result of the engine."""

    audio_data: NDArray[np.float32]
    samplerate: int


class GsvTts(Protocol):
    """What is used of `gsv_tts.TTS`. Tests put a fast stand-in here; its parameter names are the library's."""

    def infer(
        self,
        *,
        spk_audio_path: str,
        prompt_audio_path: str,
        prompt_audio_text: str,
        text: str,
        text_language: str,
        prompt_language: str,
        speed: float,
        gpt_model: str,
        sovits_model: str,
    ) -> Clip: ...

    def infer_batched(
        self,
        *,
        spk_audio_paths: list[str],
        prompt_audio_paths: list[str],
        prompt_audio_texts: list[str],
        texts: list[str],
        text_languages: list[str],
        prompt_languages: list[str],
        is_cut_text: bool,
        cut_mute: float,
        speed: float,
        gpt_model: str,
        sovits_model: str,
    ) -> Sequence[Clip]: ...

    def load_gpt_model(self, *model_paths: str) -> None: ...

    def load_sovits_model(self, *model_paths: str) -> None: ...

    def unload_gpt_model(self, *model_paths: str) -> None: ...

    def unload_sovits_model(self, *model_paths: str) -> None: ...

    def cache_spk_audio(self, *spk_audio_paths: str, sovits_model: str) -> None: ...

    def cache_prompt_audio(self, prompt_audio_paths: str, prompt_audio_texts: str, prompt_language: str) -> None: ...

    def del_spk_audio(self, *spk_audio_list: str) -> None: ...

    def del_prompt_audio(self, *prompt_audio_list: str) -> None: ...


def require_packages(wanted_by: str = "SYNTHESIZER=sovits") -> None:
    """Raises ConfigurationError, in one sentence, when the extra is not installed. Imports nothing."""
    if absent := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        raise ConfigurationError(
            f"{wanted_by} needs the extra [gpu], of which {', '.join(absent)} is not installed:"
            " pip install 'tanoshi-narration[gpu]'"
        )


def prepare_import() -> None:
    """Makes `import gsv_tts` possible and harmless. Safe to call again."""
    require_packages()
    with _root_logger_kept(), without_warnings():
        _import_torchaudio()
        utils_before = sys.modules.get("utils")
        importlib.import_module("gsv_tts")
        importlib.import_module("transformers").utils.logging.disable_progress_bar()
        if utils_before is None:
            # It would shadow any other module of that name, and is only needed to unpickle, which never happens here.
            sys.modules.pop("utils", None)
    engine, decoder = sys.modules["gsv_tts.TTS"], sys.modules["gsv_tts.GPT_SoVITS.GPT.t2s_model"]
    for name in ("gsv_tts.TTS", "gsv_tts.Loader", "gsv_tts.Download"):
        vars(sys.modules[name])["logging"] = logger
    for module in (engine, decoder):
        vars(module)["tqdm"] = _without_bar
    vars(engine).update({"AudioQueue": _NoPlayer, "check_pretrained_models": _nothing_to_fetch})
    vars(engine).update({"ERes2Net": _speaker_encoder, "CNHubert": _content_encoder})
    vars(sys.modules["gsv_tts.TextProcessor"])["LangSegment"] = _OneLanguage


def open_tts(directory: Path, device: str, dtype: str | None = None) -> GsvTts:
    """The engine with all its models loaded and the English lexicon read: what is damaged is known now, not at the first line.

    Args:
        directory: as `directory.py` describes it; complete.
        device: "cpu" or "cuda"; which GPU that is, CUDA_VISIBLE_DEVICES says.
        dtype: "float16" or "float32"; None chooses half precision on a GPU.

    Raises:
        ConfigurationError: a package or a file is missing, or a weight file is damaged or does not fit.
        Unavailable: the GPU is lost.
    """
    if absent := layout.missing(directory):
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise ConfigurationError(
            f"SOVITS_DIR={directory} lacks {absent[0]}{more}; `tanoshi weights sovits --to {directory}` installs it"
        )
    prepare_import()
    engine, config = sys.modules["gsv_tts.TTS"], sys.modules["gsv_tts.Config"]
    graphs = PLAIN_CACHES if device == "cpu" else CUDA_GRAPHS
    if device != "cpu":
        _choose_repeatable_kernels()
    try:
        with without_warnings():
            tts = engine.TTS(
                models_dir=str(directory),
                device=device,
                dtype=dtype or ("float32" if device == "cpu" else "float16"),
                gpt_cache=list(graphs),
                sovits_cache=[],
                always_load_cnhubert=True,
                always_load_sv=True,
            )
            config.global_config.models_dir = str(directory)
            config.global_config.english_g2p = pronouncer(directory, directory / layout.LEXICON)
            tts.cnhubert_model = engine.CNHubert(tts.cnhubert_path, tts.tts_config)
            tts.sv_model = engine.ERes2Net(tts.sv_path, tts.tts_config)
    except _load_faults() as error:
        raise_if_lost(error)
        raise ConfigurationError(f"GPT-SoVITS does not load from {directory}: {error}") from error
    load_checkpoint(tts, str(directory / layout.GPT), str(directory / layout.SOVITS))
    return tts  # type: ignore[no-any-return]


def load_checkpoint(engine: GsvTts, gpt: str, sovits: str) -> None:
    """Loads both halves of a checkpoint, or neither.

    Raises:
        ConfigurationError: a file is missing or damaged, or does not fit.
        Unavailable: the GPU is lost.
    """
    try:
        with without_warnings():
            engine.load_gpt_model(gpt)
            engine.load_sovits_model(sovits)
    except _load_faults() as error:
        raise_if_lost(error)
        engine.unload_gpt_model(gpt)
        raise ConfigurationError(f"GPT-SoVITS does not load from {Path(gpt).parent}: {error}") from error
    reset(engine)


def seed_everything(seed: int) -> None:
    """The engine samples from torch's global generators."""
    import torch  # noqa: PLC0415

    torch.manual_seed(seed)


def reset(engine: GsvTts) -> None:
    """Clears the decoders' key and value caches.

    They are created unwritten, and what is masked in them still counts when it is no number (0 times NaN is NaN): garbage there, or
    one overflow in half precision, spoils every line from then on. So: after loading, and before a line is tried again.
    """
    models = getattr(engine, "gpt_models", {})
    if not models:
        return
    import torch  # noqa: PLC0415

    with torch.inference_mode():
        for model in models.values():
            for buckets in model.t2s_model.cuda_graph_buckets.values():
                # Smaller caches are views of the largest, which comes last.
                buckets[-1].k_cache.zero_()
                buckets[-1].v_cache.zero_()


def _load_faults() -> tuple[type[Exception], ...]:
    """What damaged files raise: safetensors and pickle have errors of their own, which are none of the usual ones."""
    return (*FAULTS, pickle.UnpicklingError, EOFError, importlib.import_module("safetensors").SafetensorError)


def _choose_repeatable_kernels() -> None:
    """Of cuDNN's ways to upsample, which the vocoder does, some add up in another order every time."""
    import torch  # noqa: PLC0415

    torch.backends.cudnn.deterministic = True


def is_device_fault(error: BaseException) -> bool:
    """Whether the GPU itself is lost, so that nothing will work until the process is a new one. Out of memory is not that."""
    torch = sys.modules.get("torch")
    fault = getattr(torch, "AcceleratorError", None)
    return fault is not None and isinstance(error, fault) and not isinstance(error, torch.OutOfMemoryError)  # type: ignore[union-attr]


def raise_if_lost(error: Exception) -> None:
    """Raises Unavailable when it was not the text or the file but the GPU."""
    if is_device_fault(error):
        raise Unavailable("The GPU is lost; the process must be started anew.") from error


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Deprecations inside the library are not ours to mend; it is pinned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _import_torchaudio() -> None:
    """Only transforms and Kaldi features are used, which are plain Python; the compiled part may not fit this torch and is left out."""
    if "torchaudio" in sys.modules:
        return
    extension = types.ModuleType("torchaudio._extension")
    vars(extension).update({"_IS_TORCHAUDIO_EXT_AVAILABLE": False, "fail_if_no_align": lambda function: function})
    sys.modules["torchaudio._extension"] = extension
    importlib.import_module("torchaudio")


@contextlib.contextmanager
def _root_logger_kept() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    # With a handler in place, basicConfig does nothing.
    root.addHandler(placeholder := logging.NullHandler())
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        placeholder.close()


def _without_bar(steps: Iterable[Any], **_: Any) -> Iterable[Any]:
    return steps


def _nothing_to_fetch(_: Any) -> None:
    """All files are there, or `open_tts` would have said so; nothing is ever downloaded while serving."""


class _OneLanguage:
    """In place of the library's guess at the language of each word, which is known here and which loses words: of "3、2、1" all three,
    of "A4" the number. A Japanese line is read by the Japanese front end, Latin letters too.
    """

    @staticmethod
    def getTexts(text: str) -> list[dict[str, str]]:  # noqa: N802 - the library's name
        return [{"lang": "the line's", "text": text}]


class _NoPlayer:
    """In place of the library's queue to the sound card."""

    def __init__(self, samplerate: int) -> None:
        self.samplerate = samplerate


def _speaker_encoder(path: Path, config: Any) -> Any:
    """The library's speaker encoder, its weights read without unpickling code."""
    import torch  # noqa: PLC0415

    library = importlib.import_module("gsv_tts.GPT_SoVITS.SV.sv")
    encoder = library.ERes2Net.__new__(library.ERes2Net)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    network = library.ERes2NetV2(baseWidth=24, scale=4, expansion=4)
    network.load_state_dict(weights)
    encoder.embedding_model = network.eval().to(config.device, config.dtype)
    encoder.dtype = config.dtype
    return encoder


def _content_encoder(path: Path, config: Any) -> Any:
    """The content encoder, which is refused if a tensor is missing; transformers would make one up and only warn."""
    library = importlib.import_module("transformers")
    model, found = library.HubertModel.from_pretrained(path, local_files_only=True, dtype=config.dtype, output_loading_info=True)
    # The mask's embedding is for training.
    if lacking := sorted(name for name in found["missing_keys"] if name != "masked_spec_embed"):
        raise ValueError(f"{path} lacks {len(lacking)} tensors, {lacking[0]} among them")
    return types.SimpleNamespace(model=model.eval().to(config.device))
