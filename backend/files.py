"""Files that are written whole or not at all, and what is said when they cannot be."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from backend.errors import ConfigurationError

_SYSTEM_ERROR: Final = re.compile(r"\(os error (\d+)\)")
"""How safetensors passes on the number of what the system said."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write what is to lie at `path`: it appears there when it is complete; of what is cut off nothing is left.

    Raises:
        OSError: it cannot be written; also where safetensors writes it, which has an error of its own for that.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        # Known by its name: the package belongs to an extra.
        if type(error).__name__ == "SafetensorError" and (found := _SYSTEM_ERROR.search(str(error))):
            raise OSError(int(found[1]), os.strerror(int(found[1]))) from error
        raise


@contextmanager
def told_what_cannot_be_written(path: Path) -> Iterator[None]:
    """Makes a sentence of what the system says of a disk that is full or a folder that is none, or not ours.

    Raises:
        ConfigurationError: instead of OSError.
    """
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}.") from error
