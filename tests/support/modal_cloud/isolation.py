"""Whether containers can have their own view of the disk here: their own /root, and volumes below /mnt."""

from __future__ import annotations

import subprocess
from functools import cache
from typing import Final

_WAYS: Final = (("unshare", "--mount"), ("unshare", "--user", "--map-root-user", "--mount"))
"""As root; as anybody else, where the system lets users be root of a namespace of their own."""
NOT_HERE: Final = "containers see no volumes here: it takes the right to make mount namespaces (run as root)"


@cache
def isolation() -> tuple[str, ...]:
    """What to put before a command that is to mount things nobody else sees; empty where that cannot be had."""
    for way in _WAYS:
        try:
            tried = subprocess.run([*way, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
        except OSError:
            break
        if tried.returncode == 0:
            return way
    return ()
