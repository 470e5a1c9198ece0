"""How many files this process may have open: each connection is one, and so is every page, segment and model that is read meanwhile.

Systems begin with 256 or 1024. Without more, a crowd of viewers would make the service deaf, and what needs a file would fail.
"""

from __future__ import annotations

from contextlib import suppress
from math import inf
from typing import Final

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

MOST_FILES: Final = 10_240
"""What macOS lets a process have; Linux allows far more."""


def allow_files(most: int = MOST_FILES) -> None:
    """Lets this process have as many files open as it may, and `most` at most."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < most:
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(ValueError, OSError):  # macOS says "unlimited" and refuses more than it has
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def room_for_connections() -> float:
    """Connections that leave a quarter of the files for the work."""
    if resource is None:
        return inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return inf if soft == resource.RLIM_INFINITY else soft * 3 // 4
