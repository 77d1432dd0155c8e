"""How sure an estimate is: the Cramér-Rao bound, and its check by simulation."""

from diffmrs.model.fisher import covariance_bound, fisher_information
from diffmrs.uncertainty.bootstrap import parametric_bootstrap

__all__ = ["covariance_bound", "fisher_information", "parametric_bootstrap"]
