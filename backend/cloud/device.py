"""Whether the GPU of this process still works.

After some CUDA errors (an illegal address, a device that fell off the bus) every later call of the process fails too: such an error is
sticky, and only another process can go on. Nothing of an error's text tells; the device does.
"""

from __future__ import annotations

import sys


def device_is_lost() -> bool:
    """Asks the device itself. False where no GPU is in use."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return False
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return True
    return False


def device_is_usable() -> bool:
    """Whether whatever was loaded here could use a GPU: False without torch, which alone uses one, and where it finds none."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_available())
