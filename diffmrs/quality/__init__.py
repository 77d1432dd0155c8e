"""How good a fit is: numbers with definitions, and flags that say when not to believe it."""

from diffmrs.quality.flags import FLAGS, Flags
from diffmrs.quality.linewidth import basis_linewidth_hz
from diffmrs.quality.numbers import DEFINITIONS, NUMBERS, Quality, fit_numbers, quality_of, sidecar

__all__ = [
    "DEFINITIONS",
    "FLAGS",
    "NUMBERS",
    "Flags",
    "Quality",
    "basis_linewidth_hz",
    "fit_numbers",
    "quality_of",
    "sidecar",
]
