"""Weights from a local directory into a module, strictly: every tensor by its published name and shape, none missing, none left over.

`model.safetensors` is preferred; `pytorch_model.bin` is read with `weights_only`, so that it cannot run code. Nothing is downloaded here
(see `backend/weights`). The trap: torch's own strict loading reports a wall of names; a person gets the first one and the count.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from backend.errors import ConfigurationError

if TYPE_CHECKING:
    from torch import Tensor, nn

SAFETENSORS = "model.safetensors"
PICKLED = "pytorch_model.bin"

Shapes = Mapping[str, tuple[int, ...]]


def find_weights(directory: Path) -> Path:
    """The weights file of a model directory.

    Raises:
        ConfigurationError: no such directory, or no weights in it.
    """
    if not directory.is_dir():
        raise ConfigurationError(f"There is no directory {directory}.")
    for name in (SAFETENSORS, PICKLED):
        if (directory / name).is_file():
            return directory / name
    raise ConfigurationError(f"{directory} holds neither {SAFETENSORS} nor {PICKLED}.")


def stored_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a safetensors file, from its header; needs no torch and reads no weights.

    Raises:
        ConfigurationError: the file is cut short or is no safetensors file.
    """
    safetensors = require_safetensors()
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (safetensors.SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a weights file, on the CPU, mapped from disk where the format allows.

    Raises:
        ConfigurationError: the file is cut short, is of another format, or holds something else than tensors.
    """
    if path.suffix == ".safetensors":
        safetensors = require_safetensors()
        from safetensors.torch import load_file  # noqa: PLC0415 - belongs to the extra

        try:
            return dict(load_file(path))
        except (safetensors.SafetensorError, OSError) as error:
            raise _damaged(path, error) from error
    return _unpickled(path)


def check_tensors(found: Shapes, expected: Shapes, path: Path, optional: Collection[str] = ()) -> None:
    """Compares names and shapes.

    Args:
        optional: names that may be there or not.

    Raises:
        ConfigurationError: one tensor is missing, surplus or of another shape; it is named.
    """
    missing = [name for name in expected if name not in found and name not in optional]
    surplus = [name for name in found if name not in expected and name not in optional]
    if len(missing) > len(expected) // 2:
        raise ConfigurationError(
            f"{path} holds the weights of another model: {len(missing)} of {len(expected)} tensors are not in it."
        )
    for what, names in (("lacks the tensor", missing), ("has a tensor too many:", surplus)):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise ConfigurationError(f"{path} {what} {names[0]}{more}.")
    for name, shape in expected.items():
        if name in found and tuple(found[name]) != tuple(shape):
            raise ConfigurationError(f"{path}: {name} has the shape {tuple(found[name])}, not {tuple(shape)}.")


def load_into(module: nn.Module, directory: Path, optional: Collection[str] = ()) -> Path:
    """Fills a module that stands on the meta device with the weights of `directory`, as float32; returns the file used.

    Raises:
        ConfigurationError: see the functions above.
    """
    path = find_weights(directory)
    tensors = read_tensors(path)
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    check_tensors({name: tuple(tensor.shape) for name, tensor in tensors.items()}, expected, path, optional)
    for name, tensor in tensors.items():
        if name in expected and not tensor.is_floating_point():
            raise ConfigurationError(f"{path}: {name} holds {tensor.dtype}, not floating point numbers.")
    module.load_state_dict({name: tensors[name].float() for name in expected if name in tensors}, strict=False, assign=True)
    module.requires_grad_(False).eval()
    return path


def _unpickled(path: Path) -> dict[str, Tensor]:
    import torch  # noqa: PLC0415 - belongs to the extra

    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error
    except pickle.UnpicklingError as error:
        raise ConfigurationError(f"{path} is cut short, or holds more than tensors and is refused.") from error
    if not isinstance(found, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise ConfigurationError(f"{path} does not hold a table of tensors.")
    # Tied tensors share one storage and views may be strided; each becomes plain on its own when it is loaded.
    return {str(name): tensor.contiguous() for name, tensor in found.items()}


def require_safetensors() -> ModuleType:
    """The safetensors package, or the sentence that says how to get it."""
    try:
        import safetensors  # noqa: PLC0415 - belongs to the extra
    except ImportError:
        raise ConfigurationError('Weights in safetensors need the extra: pip install "tanoshi-narration[gpu]".') from None
    return safetensors


def _damaged(path: Path, error: Exception) -> ConfigurationError:
    size = path.stat().st_size if path.exists() else 0
    return ConfigurationError(
        f"{path} ({size:,} bytes) is cut short or damaged: {str(error) or type(error).__name__}".rstrip(".") + "."
    )
