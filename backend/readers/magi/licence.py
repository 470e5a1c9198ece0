"""The licence of the weights, as README, `tanoshi doctor`, `tanoshi weights magi` and the log line at load state it."""

from typing import Final

LICENCE_NOTICE: Final = (
    "The MAGI v2 weights are licensed for academic research and non-commercial use only; they are the operator's own copy and no part "
    "of this program."
)
