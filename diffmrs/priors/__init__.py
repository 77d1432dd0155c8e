"""What is known before a spectrum is seen: population values from the literature, each with its source."""

from diffmrs.priors.literature import (
    LineSpread,
    RatioPrior,
    StrongSignal,
    brain_ratios,
    line_spreads,
    read_ratios,
    strong_signals,
)

__all__ = [
    "LineSpread",
    "RatioPrior",
    "StrongSignal",
    "brain_ratios",
    "line_spreads",
    "read_ratios",
    "strong_signals",
]
