"""What is known before a spectrum is seen: soft constraints, ready sets of them, and the literature behind them."""

from diffmrs.priors.constraints import Constraint, ParameterPrior, RatioPrior
from diffmrs.priors.files import read_priors, write_priors
from diffmrs.priors.heavy import heavy_ratios
from diffmrs.priors.literature import (
    LineSpread,
    StrongSignal,
    brain_ratios,
    line_spreads,
    read_ratios,
    strong_signals,
)
from diffmrs.priors.priors import Priors, priors_for
from diffmrs.priors.sets import PRIOR_SETS, all_constraints, own_groups, prior_set

__all__ = [
    "PRIOR_SETS",
    "Constraint",
    "LineSpread",
    "ParameterPrior",
    "Priors",
    "RatioPrior",
    "StrongSignal",
    "all_constraints",
    "brain_ratios",
    "heavy_ratios",
    "line_spreads",
    "own_groups",
    "prior_set",
    "priors_for",
    "read_priors",
    "read_ratios",
    "strong_signals",
    "write_priors",
]
