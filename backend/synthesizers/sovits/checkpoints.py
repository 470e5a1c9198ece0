"""Pickled checkpoints as the world publishes them, read without running what is in them, and written as safetensors.

A pickle may contain code; `weights_only` refuses everything but tensors and plain values. The engine's own loader does not, which is
why it is only ever shown safetensors: `tanoshi weights sovits` and our trainer convert once, here. An upload never comes this far.
"""

from __future__ import annotations

import io
import json
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from backend.errors import ConfigurationError
from backend.files import whole
from backend.synthesizers.sovits import gsv

_GPT_BLOCK: Final = {
    "self_attn.in_proj_weight": "qkv.weight",
    "self_attn.in_proj_bias": "qkv.bias",
    "self_attn.out_proj.weight": "out_proj.weight",
    "self_attn.out_proj.bias": "out_proj.bias",
    "linear1.weight": "mlp.0.weight",
    "linear1.bias": "mlp.0.bias",
    "linear2.weight": "mlp.2.weight",
    "linear2.bias": "mlp.2.bias",
}
"""Names of a transformer block's tensors as trained -> as gsv-tts-lite has them."""
_VERSIONS: Final = {b"06": "v2ProPlus"}
"""First two bytes of a SoVITS file, where upstream writes the model's kind over the zip signature."""
_ZIP: Final = b"PK\x03\x04"
"""How files of PyTorch 1.6 and later begin; older ones, as some content encoders still are, are plain pickles."""


class HParams(dict[str, Any]):
    """Stands in for upstream's class of that name, which holds settings and nothing else."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.update(state)


def convert_gpt(checkpoint: Path, into: Path) -> None:
    """An s1 checkpoint as `config.json` and `model.safetensors`.

    Raises:
        ConfigurationError: not such a checkpoint, or one that wants to run code.
        OSError: `into` cannot be written.
    """
    gsv.prepare_import()
    found = _read(checkpoint)
    config = _plain(found["config"])
    weights = {_gpt_name(name): tensor for name, tensor in found["weight"].items()}
    model = import_module("gsv_tts.GPT_SoVITS.GPT.t2s_model").Text2SemanticDecoder(config)
    _fill(model, weights, checkpoint, strict=True)
    _write(model, into, {"config.json": config})


def convert_sovits(checkpoint: Path, into: Path) -> None:
    """An s2G v2ProPlus checkpoint as `hps.json` and `model.safetensors`.

    Raises:
        ConfigurationError: not such a checkpoint, another version, or one that wants to run code.
        OSError: `into` cannot be written.
    """
    gsv.prepare_import()
    found = _read(checkpoint)
    settings = _plain(found["config"])
    version = _VERSIONS.get(checkpoint.read_bytes()[:2]) or settings["model"].get("version")
    if version != "v2ProPlus":
        raise ConfigurationError(f"{checkpoint.name} is a GPT-SoVITS {version or 'v1'} model; v2ProPlus is needed")
    settings["model"] |= {"version": version, "semantic_frame_rate": "25hz"}
    data, train = settings["data"], settings["train"]
    with gsv.without_warnings():
        model = import_module("gsv_tts.GPT_SoVITS.SoVITS.models").SynthesizerTrn(
            data["filter_length"] // 2 + 1,
            train["segment_size"] // data["hop_length"],
            n_speakers=data["n_speakers"],
            **settings["model"],
        )
    # Checkpoints for inference lack the posterior encoder, which only training uses, so missing names are looked at, not refused.
    _fill(model, found["weight"], checkpoint, strict=False, may_lack="enc_q.")
    model.dec.remove_weight_norm()
    _write(model, into, {"hps.json": settings})


def convert_hubert(directory: Path) -> None:
    """`pytorch_model.bin` of the content encoder as `model.safetensors` beside it."""
    from safetensors.torch import save_file  # noqa: PLC0415

    weights = {name: tensor.contiguous() for name, tensor in _read(directory / "pytorch_model.bin").items()}
    with whole(directory / "model.safetensors") as path:
        save_file(weights, path, {"format": "pt"})


def _read(checkpoint: Path) -> dict[str, Any]:
    import pickle  # noqa: PLC0415  (only for the name of its error)

    import torch  # noqa: PLC0415

    data = checkpoint.read_bytes()
    if data[2:4] == _ZIP[2:]:
        data = _ZIP + data[4:]
    # A trainer that can be found under several names; the stand-in takes the place of each.
    stand_ins: list[Any] = [(HParams, f"{module}.HParams") for module in ("utils", "GPT_SoVITS.utils", "tools.utils")]
    try:
        with torch.serialization.safe_globals(stand_ins):
            found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ConfigurationError(f"{checkpoint.name} is not a checkpoint that can be read safely; it was not loaded") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{checkpoint.name} does not hold a model's weights")
    return found


def _gpt_name(name: str) -> str:
    name = name.removeprefix("model.")
    if not name.startswith("h.layers."):
        return name
    number, _, rest = name.removeprefix("h.layers.").partition(".")
    return f"t2s_transformer.blocks.{number}.{_GPT_BLOCK.get(rest, rest)}"


def _plain(value: Any) -> Any:
    """Settings as JSON knows them."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _fill(model: Any, weights: dict[str, Any], checkpoint: Path, *, strict: bool, may_lack: str = "") -> None:
    try:
        lacking = model.load_state_dict(weights, strict=strict).missing_keys
    except RuntimeError as error:
        raise ConfigurationError(
            f"{checkpoint.name} does not fit the model it should be: {str(error).splitlines()[0]}"
        ) from error
    if bad := [name for name in lacking if not name.startswith(may_lack)]:
        raise ConfigurationError(f"{checkpoint.name} lacks {len(bad)} tensors, {bad[0]} among them")


def _write(model: Any, into: Path, settings: dict[str, Any]) -> None:
    from safetensors.torch import save_model  # noqa: PLC0415

    into.mkdir(parents=True, exist_ok=True)
    for name, value in settings.items():
        (into / name).write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
    with whole(into / "model.safetensors") as path:
        save_model(model, str(path))
